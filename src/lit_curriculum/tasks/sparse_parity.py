"""(d, k)-sparse parity (progressive, Definition 3.1), drawn by counter.

x is uniform on {-1, +1}^d. The support S has k coordinates. The label is class 1 if the product of the
coordinates in S is > 0 and class 2 otherwise; as array indices, 0 and 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from numba import njit

from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.files import hash_of_json
from lit_curriculum.tasks.counter import (
    GENERATOR_VERSION,
    Stream,
    check_seed,
    choose_without_replacement,
    stream_word,
)
from lit_curriculum.tasks.hypercube import fill_point, points_torch


@dataclass(frozen=True)
class SparseParity:
    """The task: input dimension, support, and the samples of every stream.

    Attributes:
        d: input dimension.
        support: sorted, 0-based coordinates whose product is the label; its length is k.
    """

    d: int
    support: tuple[int, ...]

    n_classes = 2

    @property
    def k(self) -> int:
        """Size of the support."""
        return len(self.support)

    @property
    def groups(self) -> dict[str, tuple[int, ...]]:
        """The support, as ``in``: the one group of coordinates whose monomials matter."""
        return {"in": self.support}

    @classmethod
    def create(
        cls, d: int, k: int, support: Sequence[int] | None = None, support_seed: int | None = None
    ) -> SparseParity:
        """Check the arguments and build the task.

        Args:
            d: input dimension, at least 2.
            k: size of the support, 1 <= k < d.
            support: k distinct coordinates from 0 to d - 1; default the first k.
            support_seed: draw the support from this seed instead; excludes ``support``.

        Raises:
            UsageError: naming the argument that is wrong.
        """
        if d < 2:
            raise bad_value("d", d, "an integer of at least 2")
        if not 1 <= k < d:
            raise bad_value("k", k, f"1 <= k < d, here d = {d}")
        if support is not None and support_seed is not None:
            raise UsageError("support, support_seed: both given; allowed: one of the two")
        if support_seed is not None:
            check_seed("support_seed", support_seed)
            support = choose_without_replacement(support_seed, d, k, "support")
        if support is None:
            support = range(k)
        chosen = tuple(sorted(support))
        if len(chosen) != k:
            raise bad_value("support", list(support), f"k = {k} coordinates, here {len(chosen)}")
        if len(set(chosen)) != k:
            raise bad_value("support", list(support), "distinct coordinates, here one is repeated")
        if chosen[0] < 0 or chosen[-1] >= d:
            raise bad_value("support", list(support), f"coordinates from 0 to d - 1 = {d - 1}")
        return cls(d, chosen)

    def sample(
        self, seed: int, stream: Stream, start: int, count: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Return samples ``start .. start + count - 1``: x (count, d) of +-1 and classes (count,)."""
        x = np.empty((count, self.d), dtype=np.float32)
        y = np.empty(count, dtype=np.int64)
        support = np.array(self.support, dtype=np.int64)
        _draw(np.uint64(seed), np.uint64(stream_word(stream)), np.uint64(start), support, x, y)
        return x, y

    def sample_torch(
        self, seed: int, stream: Stream, start: int, count: int, device: torch.device | str = "cpu"
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """`sample` computed by torch on ``device``: the same values."""
        x = points_torch(seed, stream, start, count, self.d, device)
        return x, self.labels(x)

    def labels(self, x: torch.Tensor) -> torch.Tensor:
        """Return the class index (n,) of inputs (n, d): 0 where the product over S is > 0, else 1."""
        return (x[:, list(self.support)].prod(dim=1) < 0).long()

    def describe(self) -> dict[str, Any]:
        """Return what identifies the task, for manifests and hashes."""
        return {
            "task": "sparse_parity",
            "d": self.d,
            "support": list(self.support),
            "generator_version": GENERATOR_VERSION,
        }

    def fingerprint(self) -> str:
        """Return the SHA-256 of `describe`: equal for two runs that learn the same function."""
        return hash_of_json(self.describe())


@njit(cache=True)
def _draw(
    seed: Any, word_3: Any, start: Any, support: Any, x: Any, y: Any
) -> None:  # pragma: no cover - compiled
    """Fill x (n, d) and y (n,) in place."""
    for row in range(x.shape[0]):
        fill_point(seed, word_3, start + np.uint64(row), row, x)
        product = np.float32(1.0)
        for i in support:
            product *= x[row, i]
        y[row] = 0 if product > 0 else 1
