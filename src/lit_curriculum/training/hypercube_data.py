"""Data whose samples are points of {-1, +1}^d and whose label is a product of some coordinates."""

from __future__ import annotations

from typing import Any

import torch

from lit_curriculum.tasks.hierarchical_parity import HierarchicalParity
from lit_curriculum.tasks.sparse_parity import SparseParity
from lit_curriculum.training.base_data import CurriculumData


class HypercubeData(CurriculumData):
    """What the tasks of parity share: a support, whose monomials can be measured of any model.

    Attributes:
        task: the function that is learned.
    """

    task: SparseParity | HierarchicalParity

    def model_inputs(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the model takes of points x (n, d) of +-1; by default the points."""
        return x

    def describe_task(self) -> dict[str, Any]:
        """See `CurriculumData.describe_task`."""
        return self.task.describe()
