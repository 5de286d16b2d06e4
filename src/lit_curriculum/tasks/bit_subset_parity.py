"""Bit-subset parity with the labels of its sub-tasks (subtask, section 5 and appendix B).

x is uniform on {0, 1}^d. Of it a random subset of d / 2 bits i_1 .. i_{d/2} counts:
y = (-1)^(x_{i_1} + ... + x_{i_{d/2}}). With supervision of the sub-tasks the labels are all nodes of the
binary tree over these bits, leaves first and the root, y, last: d / 2 - 1 of them. Without, y alone.

As tokens a label y in {+-1} is (1 + y) / 2 (equation 15), so a node is the XNOR of its two tokens. Equation
14 prints (-1)^(y_a + y_b) for the inner nodes, which is +1 for any y_a and y_b; meant is y_a y_b.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from lit_curriculum.errors import bad_value
from lit_curriculum.files import hash_of_json
from lit_curriculum.tasks.counter import (
    GENERATOR_VERSION,
    check_seed,
    choose_without_replacement,
    random_words,
)

PairOrder = Literal["index", "random"]
TreeOf = Literal["subset", "others"]
Tokens = npt.NDArray[np.int64]


@dataclass(frozen=True)
class BitSubsetParity:
    """The task: which bits count and how they are paired.

    Attributes:
        d: bits of the input.
        subset: the d / 2 bits that count, 0-based, in the order in which neighbours are paired.
        subtask_labels: whether the inner nodes are labels as well.
        tree: the bits whose tree gives the inner nodes; as a control not those that count.
    """

    d: int
    subset: tuple[int, ...]
    subtask_labels: bool
    tree: tuple[int, ...]

    n_answers = 1

    @classmethod
    def create(
        cls,
        d: int,
        seed: int,
        subtask_labels: bool = True,
        pair_order: PairOrder = "index",
        tree_of: TreeOf = "subset",
    ) -> BitSubsetParity:
        """Draw the subset.

        Args:
            d: bits, even; with labels of the sub-tasks d / 2 is a power of two.
            seed: seed of the subset, and of the pairs where they are random.
            subtask_labels: see the class.
            pair_order: pair neighbours in the order of their indices, as the paper says, or in a random
                order, as its released code does.
            tree_of: ``subset``, as the paper; or ``others``, a control: the inner nodes are those over the
                d / 2 bits that do not count, and the answer stays.

        Raises:
            UsageError: naming the argument that is wrong.
        """
        if d % 2 or not 4 <= d <= 128:
            raise bad_value("d", d, "an even integer from 4 to 128")
        half = d // 2
        if subtask_labels and half & (half - 1):
            raise bad_value("d", d, "with subtask_labels, twice a power of two: 4, 8, 16, 32, 64 or 128")
        if pair_order not in ("index", "random"):
            raise bad_value("pair_order", pair_order, "index, random")
        if tree_of not in get_args(TreeOf):
            raise bad_value("tree_of", tree_of, ", ".join(get_args(TreeOf)))
        if tree_of != "subset" and (not subtask_labels or d == 4):
            allowed = "subset, where no inner node has a label: without subtask_labels, or of 4 bits"
            raise bad_value("tree_of", tree_of, allowed)
        check_seed("seed", seed)
        subset = choose_without_replacement(seed, d, half, "support")
        if pair_order == "random":
            keys = random_words(seed, "train", 0, half, 1, "order")[:, 0]
            subset = [subset[i] for i in np.argsort(keys, kind="stable")]
        others = [bit for bit in range(d) if bit not in subset]
        return cls(d, tuple(subset), subtask_labels, tuple(subset if tree_of == "subset" else others))

    @property
    def n_labels(self) -> int:
        """Labels of a string: d / 2 - 1 with those of the sub-tasks, else one."""
        return len(self.subset) - 1 if self.subtask_labels else 1

    def labels(self, x: Tokens) -> Tokens:
        """Return the labels (n, n_labels) of strings (n, d), both as tokens 0 and 1; y is the last."""
        answer: Tokens = 1 - x[:, self.subset].sum(axis=1, keepdims=True) % 2
        if not self.subtask_labels:
            return answer
        level: Tokens = x[:, self.tree]
        levels: list[Tokens] = []
        while level.shape[1] > 1:
            level = (level[:, 0::2] == level[:, 1::2]).astype(np.int64)
            levels.append(level)
        return np.concatenate([*levels[:-1], answer], axis=1)

    def describe(self) -> dict[str, Any]:
        """Return what identifies the task, for manifests and hashes."""
        described = {
            "task": "bit_subset_parity",
            "d": self.d,
            "subset": list(self.subset),
            "subtask_labels": self.subtask_labels,
            "generator_version": GENERATOR_VERSION,
        }
        if self.tree != self.subset:
            described["tree"] = list(self.tree)
        return described

    def fingerprint(self) -> str:
        """Return the SHA-256 of `describe`."""
        return hash_of_json(self.describe())
