"""Streams of (d, k)-sparse parity samples (progressive, Definition 3.1)."""

from __future__ import annotations

from typing import Any

import torch

from lit_curriculum.tasks.counter import Stream
from lit_curriculum.tasks.sparse_parity import SparseParity
from lit_curriculum.training.base_data import Batch
from lit_curriculum.training.hypercube_data import HypercubeData


class SparseParityData(HypercubeData):
    """x uniform on {+-1}^d, label 0 if the product over the support is > 0, else 1.

    Args:
        d: input dimension.
        k: size of the support.
        num_steps: length of the run in updates.
        support: 0-based coordinates; default the first k.
        support_seed: draw the support from this seed instead.
        **kwargs: see `CurriculumData`.

    Shapes: ``inputs`` (n, d) float32, ``labels`` (n,) int64.
    """

    task: SparseParity

    def __init__(
        self,
        d: int,
        k: int,
        num_steps: int,
        support: list[int] | None = None,
        support_seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.task = SparseParity.create(d, k, support, support_seed)
        super().__init__(num_steps, **kwargs)

    def draw(self, stream: Stream, start: int, count: int) -> Batch:
        """See `CurriculumData.draw`."""
        x, y = self.task.sample(self.data_seed, stream, start, count)
        return {"inputs": torch.from_numpy(x), "labels": torch.from_numpy(y)}
