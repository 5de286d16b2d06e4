"""One parity that can be supervised in several ways, in sequences of one form.

x is n bits, of which k, the support, count. Beside the parity of all k there are easier functions of the same
bits: their sum (implicit, section 2.1), and the parities of their first 2, 3, ... k (subtask, section 3). A
sequence leaves room for all of them, whichever is used:

    x_1 .. x_n  task  slot_1 .. slot_{k-2}

The task asks for the parity or for the sum. Prediction j = 1 .. k - 1 is read at the j-th token from the task
on; the last one is the answer. Slots are blank, or hold the predictions before them.

    tokens 0 .. max(k, 1)   numbers: bits, parities, sums
    k + 1, k + 2, k + 3     asks for the parity, asks for the sum, blank
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lit_curriculum.errors import bad_value
from lit_curriculum.tasks.counter import GENERATOR_VERSION
from lit_curriculum.tasks.sparse_parity import SparseParity

Tokens = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ParityRoads:
    """The task.

    Attributes:
        n: bits.
        support: sorted, 0-based places of the bits that count; k of them, at least 2.
    """

    n: int
    support: tuple[int, ...]

    @classmethod
    def create(
        cls, n: int, k: int, support: Sequence[int] | None = None, support_seed: int | None = None
    ) -> ParityRoads:
        """Check the arguments and build the task.

        Args:
            n: bits.
            k: bits that count, 2 <= k < n.
            support: their places; default the first k.
            support_seed: draw them from this seed instead; excludes ``support``.

        Raises:
            UsageError: naming the argument that is wrong.
        """
        if n < 3:
            raise bad_value("n", n, "an integer of at least 3")
        if not 2 <= k < n:
            raise bad_value("k", k, f"2 <= k < n, here n = {n}")
        return cls(n, SparseParity.create(n, k, support, support_seed).support)

    @property
    def k(self) -> int:
        """Bits that count."""
        return len(self.support)

    @property
    def n_labels(self) -> int:
        """Parities of a string, k - 1."""
        return self.k - 1

    @property
    def length(self) -> int:
        """Tokens of a sequence, n + k - 1."""
        return self.n + self.k - 1

    @property
    def vocabulary_size(self) -> int:
        """Token ids, k + 4."""
        return self.k + 4

    def labels(self, x: Tokens) -> Tokens:
        """Return the parities (count, k - 1) of the first 2, 3, ... k bits of the support, 1 for odd."""
        return (np.cumsum(x[:, list(self.support)], axis=1) % 2)[:, 1:]

    def sums(self, x: Tokens) -> Tokens:
        """Return how many bits of the support are 1 (count,), 0 to k."""
        total: Tokens = x[:, list(self.support)].sum(axis=1)
        return total

    def sequences(self, x: Tokens, is_sum: npt.NDArray[np.bool_], written: bool) -> Tokens:
        """Return sequences (count, length) of bits x (count, n).

        Args:
            x: bits, 0 and 1.
            is_sum: which of them ask for the sum (count,).
            written: fill the slots with the parities before them, else with blanks.
        """
        task = np.where(is_sum, self.k + 2, self.k + 1)[:, None]
        slots = self.labels(x)[:, :-1] if written else np.full((len(x), self.k - 2), self.k + 3)
        return np.concatenate([x, task, slots], axis=1)

    def describe(self) -> dict[str, Any]:
        """Return what identifies the task, for manifests and hashes: the function, not its supervision."""
        return {
            "task": "parity_roads",
            "n": self.n,
            "support": list(self.support),
            "generator_version": GENERATOR_VERSION,
        }
