"""Hierarchical parity: a binary decision tree whose every node is a sparse parity (progressive, C.3).

x is uniform on {-1, +1}^d. Each inner node of a complete tree owns some variables of its own; at a node
whose variables multiply to -1 the walk goes left, at +1 right. The leaves, from left to right, are the
classes. Nodes are numbered level by level from the root, left to right: the children of node i are 2 i + 1
and 2 i + 2. The paper's formula for the class does not depend on the lower bits of the class's number; its
text and figure 16 define what is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from numba import njit

from lit_curriculum.errors import bad_value
from lit_curriculum.files import hash_of_json
from lit_curriculum.tasks.counter import GENERATOR_VERSION, Stream, stream_word
from lit_curriculum.tasks.hypercube import fill_point, points_torch


@dataclass(frozen=True)
class HierarchicalParity:
    """The task: input dimension, the tree's nodes, and the samples of every stream.

    Attributes:
        d: input dimension.
        nodes: for each of the 2^depth - 1 nodes, its 0-based coordinates, ascending; no coordinate twice.
    """

    d: int
    nodes: tuple[tuple[int, ...], ...]

    @property
    def depth(self) -> int:
        """Decisions from the root to a leaf."""
        return (len(self.nodes) + 1).bit_length() - 1

    @property
    def n_classes(self) -> int:
        """Number of leaves, 2^depth."""
        return len(self.nodes) + 1

    @property
    def support(self) -> tuple[int, ...]:
        """Every coordinate that some node owns, ascending."""
        return tuple(sorted(i for node in self.nodes for i in node))

    @property
    def groups(self) -> dict[str, tuple[int, ...]]:
        """The variables of each node, as ``node_1`` (the root), ``node_2``, ... in node order."""
        return {f"node_{i}": node for i, node in enumerate(self.nodes, 1)}

    @classmethod
    def create(cls, d: int, depth: int = 3, node_size: int | Sequence[int] = 5) -> HierarchicalParity:
        """Check the arguments and build the task; nodes own the first coordinates in node order.

        Args:
            d: input dimension.
            depth: decisions from the root to a leaf, 1 to 16; 1 is sparse parity.
            node_size: variables of each node: one number for all, or one a level from the root.

        Raises:
            UsageError: naming the argument that is wrong.
        """
        if not 1 <= depth <= 16:
            raise bad_value("depth", depth, "an integer from 1 to 16")
        by_level = [node_size] * depth if isinstance(node_size, int) else list(node_size)
        if len(by_level) != depth or min(by_level) < 1:
            raise bad_value(
                "node_size", node_size, f"an integer of at least 1, or one for each of {depth} levels"
            )
        sizes = [size for level, size in enumerate(by_level) for _ in range(2**level)]
        if sum(sizes) > d:
            raise bad_value("d", d, f"at least {sum(sizes)}, the variables of all nodes")
        ends = np.cumsum(sizes).tolist()
        return cls(d, tuple(tuple(range(end - size, end)) for end, size in zip(ends, sizes, strict=True)))

    def level(self, node: int) -> int:
        """Return a node's level: 1 for the root, depth for the parents of the leaves."""
        return (node + 1).bit_length()

    def path(self, label: int) -> tuple[int, ...]:
        """Return the nodes from the root to the leaf of a class.

        Raises:
            UsageError: for a class that the tree has not.
        """
        if not 0 <= label < self.n_classes:
            raise bad_value("label", label, f"0 to {self.n_classes - 1}")
        heap = label + self.n_classes
        return tuple((heap >> up) - 1 for up in range(self.depth, 0, -1))

    def sample(
        self, seed: int, stream: Stream, start: int, count: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Return samples ``start .. start + count - 1``: x (count, d) of +-1 and classes (count,)."""
        x = np.empty((count, self.d), dtype=np.float32)
        y = np.empty(count, dtype=np.int64)
        owned = np.array([i for node in self.nodes for i in node], dtype=np.int64)
        bounds = np.cumsum([0, *map(len, self.nodes)]).astype(np.int64)
        key, word_3 = np.uint64(seed), np.uint64(stream_word(stream))
        _draw(key, word_3, np.uint64(start), owned, bounds, x, y)
        return x, y

    def sample_torch(
        self, seed: int, stream: Stream, start: int, count: int, device: torch.device | str = "cpu"
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """`sample` computed by torch on ``device``: the same values."""
        x = points_torch(seed, stream, start, count, self.d, device)
        return x, self.labels(x)

    def labels(self, x: torch.Tensor) -> torch.Tensor:
        """Return the class index (n,) of inputs (n, d)."""
        right = torch.stack([x[:, list(node)].prod(dim=1) > 0 for node in self.nodes], dim=1).long()
        here = torch.zeros(len(x), 1, dtype=torch.long, device=x.device)
        for _ in range(self.depth):
            here = 2 * here + 1 + right.gather(1, here)
        return here[:, 0] - len(self.nodes)

    def level_probabilities(self, probabilities: torch.Tensor, level: int) -> torch.Tensor:
        """Return the probability (n, 2^level) of each subtree that ``level`` decisions lead to.

        Args:
            probabilities: of the classes (n, C).
            level: decisions made, 1 to depth; depth returns the classes' own.
        """
        return probabilities.reshape(len(probabilities), 2**level, -1).sum(dim=2)

    def describe(self) -> dict[str, Any]:
        """Return what identifies the task, for manifests and hashes."""
        return {
            "task": "hierarchical_parity",
            "d": self.d,
            "nodes": [list(node) for node in self.nodes],
            "generator_version": GENERATOR_VERSION,
        }

    def fingerprint(self) -> str:
        """Return the SHA-256 of `describe`: equal for two runs that learn the same function."""
        return hash_of_json(self.describe())


@njit(cache=True)
def _draw(
    seed: Any, word_3: Any, start: Any, owned: Any, bounds: Any, x: Any, y: Any
) -> None:  # pragma: no cover - compiled
    """Fill x (n, d) and y (n,) in place; node i owns owned[bounds[i] : bounds[i + 1]]."""
    n_nodes = len(bounds) - 1
    for row in range(x.shape[0]):
        fill_point(seed, word_3, start + np.uint64(row), row, x)
        node = 0
        while node < n_nodes:
            product = np.float32(1.0)
            for place in range(bounds[node], bounds[node + 1]):
                product *= x[row, owned[place]]
            node = 2 * node + (2 if product > 0 else 1)
        y[row] = node - n_nodes
