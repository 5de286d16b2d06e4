"""One-hidden-layer networks on hierarchical parity: batch-1 SGD as published."""

from __future__ import annotations

from typing import Literal, cast

import torch
from torchmetrics import MetricCollection

from lit_curriculum.distillation.targets import at_least_single
from lit_curriculum.errors import bad_value
from lit_curriculum.experiments.hierarchical_parity.data import HierarchicalParityData
from lit_curriculum.tasks.hierarchical_parity import HierarchicalParity
from lit_curriculum.training.base_data import CurriculumData
from lit_curriculum.training.metrics import Classification, ExactMeans
from lit_curriculum.training.online import OnlineSGDModule


class HierarchicalParityMLP(OnlineSGDModule):
    """The published setting: SGD, batch 1, constant learning rate, fresh samples (progressive, C.3).

    Besides the accuracy over classes it records ``val/decision_1`` to ``val/decision_<depth>``: the share of
    samples whose true l-th decision gets more of the predicted probability than the other child of the same
    node. Chance is 1/2 at every level, so the phases in which levels are learned can be told apart.

    Args:
        d: input dimension; must equal the data's.
        width: hidden units: 50,000 for the paper's teacher, 100 or 1,000 for its students.
        depth: of the tree; must equal the data's. There are 2^depth classes.
        lr: learning rate; the paper searches 1e-2, 5e-3, 1e-3.
        model_seed: seed of the initial weights.
        backend: what runs the updates; ``auto`` chooses by device.
        block: updates between two allowed cuts.

    Raises:
        UsageError: for a depth outside 1..16.
    """

    def __init__(
        self,
        d: int,
        width: int,
        depth: int = 3,
        lr: float = 5e-3,
        model_seed: int = 0,
        backend: Literal["auto", "blocked", "numba", "reference", "triton"] = "auto",
        block: int = 1000,
    ) -> None:
        if not 1 <= depth <= 16:
            raise bad_value("model.depth", depth, "an integer from 1 to 16")
        model = {"name": "mlp", "init_args": {"d": d, "width": width, "n_classes": 2**depth}}
        super().__init__(model, lr, backend, block, model_seed)

    def check_data(self, data: CurriculumData) -> None:
        """Check that the model fits the data.

        Raises:
            UsageError: for data without a tree, or another number of classes.
        """
        if not isinstance(data, HierarchicalParityData):
            raise bad_value("data", type(data).__name__, "HierarchicalParityData")
        super().check_data(data)
        if self.n_classes != data.task.n_classes:
            depth = self.n_classes.bit_length() - 1
            raise bad_value("model.depth", depth, f"the data's depth = {data.task.depth}")

    def configure_metrics(self) -> MetricCollection:
        """See `CurriculumModule.configure_metrics`; also whether each of the true decisions is preferred."""
        decisions = Decisions(cast(HierarchicalParityData, self.data).task)
        return MetricCollection({"labels": Classification(), "decisions": decisions}, compute_groups=False)


class Decisions(ExactMeans):
    """``decision_1`` to ``decision_<depth>``: how often the true child is preferred to the other.

    Args:
        task: the tree.
    """

    def __init__(self, task: HierarchicalParity) -> None:
        super().__init__()
        self.task = task

    def update(self, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Add predictions (n, 2^depth) of leaves (n,)."""
        probabilities = torch.softmax(at_least_single(logits), -1)
        for level in range(1, self.task.depth + 1):
            of_subtree = self.task.level_probabilities(probabilities, level)
            true = (labels >> (self.task.depth - level))[:, None]
            right = of_subtree.gather(1, true) > of_subtree.gather(1, true ^ 1)
            self.add({f"decision_{level}": right[:, 0]})
