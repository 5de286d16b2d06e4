"""Streams of hierarchical parity samples (progressive, C.3)."""

from __future__ import annotations

from typing import Any

import torch

from lit_curriculum.tasks.counter import Stream
from lit_curriculum.tasks.hierarchical_parity import HierarchicalParity
from lit_curriculum.training.base_data import Batch
from lit_curriculum.training.hypercube_data import HypercubeData


class HierarchicalParityData(HypercubeData):
    """x uniform on {+-1}^d, label the leaf that a walk down a tree of parities ends in.

    Args:
        d: input dimension.
        num_steps: length of the run in updates.
        depth: decisions from the root to a leaf; there are 2^depth classes.
        node_size: variables of a node, one number for all or one a level from the root.
        **kwargs: see `CurriculumData`.

    Shapes: ``inputs`` (n, d) float32, ``labels`` (n,) int64.
    """

    task: HierarchicalParity

    def __init__(
        self, d: int, num_steps: int, depth: int = 3, node_size: int | list[int] = 5, **kwargs: Any
    ) -> None:
        self.task = HierarchicalParity.create(d, depth, node_size)
        super().__init__(num_steps, **kwargs)

    def draw(self, stream: Stream, start: int, count: int) -> Batch:
        """See `CurriculumData.draw`."""
        x, y = self.task.sample(self.data_seed, stream, start, count)
        return {"inputs": torch.from_numpy(x), "labels": torch.from_numpy(y)}
