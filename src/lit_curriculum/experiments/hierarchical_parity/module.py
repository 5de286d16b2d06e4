"""One-hidden-layer networks on hierarchical parity: batch-1 SGD as published."""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import nn
from torchmetrics import MeanMetric

from lit_curriculum.errors import bad_value
from lit_curriculum.experiments.base_data import Batch, CurriculumData
from lit_curriculum.experiments.hierarchical_parity.data import HierarchicalParityData
from lit_curriculum.experiments.online import OnlineSGDModule


class HierarchicalParityMLP(OnlineSGDModule):
    """The published setting: SGD, batch 1, constant rate, fresh samples (progressive, C.3).

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
        self._levels = nn.ModuleList()

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

    def setup(self, stage: str) -> None:
        """Make the metrics of every evaluated stream and level."""
        super().setup(stage)
        depth = self.n_classes.bit_length() - 1
        while len(self._levels) < len(self.data.eval_streams):
            self._levels.append(nn.ModuleList(MeanMetric() for _ in range(depth)))

    def _evaluate(self, batch: Batch, stream: int) -> None:
        super()._evaluate(batch, stream)
        task = cast(HierarchicalParityData, self.data).task
        probabilities = torch.softmax(self(batch["inputs"]).float(), -1)
        for level, metric in enumerate(cast(nn.ModuleList, self._levels[stream]), 1):
            of_subtree = task.level_probabilities(probabilities, level)
            true = (batch["labels"] >> (task.depth - level))[:, None]
            right = of_subtree.gather(1, true) > of_subtree.gather(1, true ^ 1)
            cast(MeanMetric, metric).update(right.float())

    def _evaluated(self, stream: int, name: str) -> dict[str, float]:
        result = super()._evaluated(stream, name)
        for level, metric in enumerate(cast(nn.ModuleList, self._levels[stream]), 1):
            mean = cast(MeanMetric, metric)
            result[f"{name}/decision_{level}"] = float(mean.compute())
            mean.reset()
        return result
