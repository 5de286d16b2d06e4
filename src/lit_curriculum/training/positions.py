"""What the multi-label experiments share: several predictions a sample, one of which is the hard one."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, cast

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch.nn import functional
from torchmetrics import MetricCollection

from lit_curriculum.distillation.targets import at_least_single
from lit_curriculum.errors import bad_value
from lit_curriculum.training.base_data import Batch, CurriculumData
from lit_curriculum.training.metrics import ExactMeans
from lit_curriculum.training.minibatch import MinibatchModule


class PositionData(CurriculumData):
    """Samples with V labels each. Which of them train is the data's choice; all are evaluated.

    Shapes: ``inputs`` holds ``input_ids`` int64 (n, L), ``attention_mask`` bool (n, L) and ``targets`` int64
    (M,), the places that are read; ``labels`` int64 (M,). In held-out streams M = n * V, sample by sample.
    """

    @property
    @abstractmethod
    def n_positions(self) -> int:
        """Labels of a sample, V."""

    @property
    @abstractmethod
    def last(self) -> int:
        """The position that is hard: what single-label training predicts, and ``val/accuracy`` is of."""

    @property
    @abstractmethod
    def demands(self) -> dict[str, int]:
        """What a model's arguments must at least be: ``vocab_size``, ``max_length``."""

    def count_targets(self, batch: Batch) -> int:
        """Return how many labels a batch has; samples may differ in it."""
        return len(batch["labels"])


class PositionBert(MinibatchModule):
    """BERT trained on whatever positions the data supervise; each position's accuracy is recorded.

    ``val/accuracy`` and ``val/loss`` are those of the hard position alone, whatever is trained, so that
    single-label and multi-label runs are compared by the same numbers. ``val/position_1`` to
    ``val/position_V`` are the accuracies of all.

    Args:
        name: model in `models.registry`.
        arguments: its arguments that are not given below.
        layers: transformer layers; BERT-Base 12.
        heads: attention heads; BERT-Base 12.
        head_size: dimensions a head; width = heads * head_size. BERT-Base 64.
        initializer_range: standard deviation of the initial weights; transformers' 0.02 at any width unless
            set, which at width 64 costs thousands of steps.
        dropout: rate inside BERT; transformers' default would be 0.1.
        optimizer: torch optimizer with its settings: AdamW in the paper, at 1e-5 to 5e-4; `MuonAdamW` at
            laptop scale.
        lr_scheduler: stepped once an update.
        model_seed: seed of the initial weights and of dropout.

    Raises:
        UsageError: naming the argument that is wrong.
    """

    def __init__(
        self,
        name: str,
        arguments: dict[str, Any],
        layers: int = 12,
        heads: int = 12,
        head_size: int = 64,
        initializer_range: float = 0.02,
        dropout: float = 0.0,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        lr_scheduler: LRSchedulerCallable | None = None,
        model_seed: int = 0,
    ) -> None:
        shape = {
            "layers": layers,
            "heads": heads,
            "head_size": head_size,
            "initializer_range": initializer_range,
            "dropout": dropout,
        }
        model = {"name": name, "init_args": {**arguments, **shape}}
        super().__init__(model, optimizer, lr_scheduler, model_seed)

    def check_data(self, data: CurriculumData) -> None:
        """Check that the model's sizes hold the data.

        Raises:
            UsageError: naming the size that does not.
        """
        super().check_data(data)
        ours = cast(dict[str, Any], self.model.init_args)
        for key, least in cast(PositionData, data).demands.items():
            if ours[key] < least:
                raise bad_value(f"model.{key}", ours[key], f"at least the data's {least}")

    @property
    def _task_data(self) -> PositionData:
        return cast(PositionData, self.data)

    def configure_metrics(self) -> MetricCollection:
        """See `CurriculumModule.configure_metrics`."""
        positions = Positions(self._task_data.n_positions, self._task_data.last)
        return MetricCollection({"positions": positions}, compute_groups=False)


class Positions(ExactMeans):
    """``loss`` and ``accuracy`` of the hard position, and ``position_1`` to ``position_V``, all accuracies.

    Args:
        n_positions: labels of a sample, V.
        last: the hard position, from 0.
    """

    def __init__(self, n_positions: int, last: int) -> None:
        super().__init__()
        self.n_positions = n_positions
        self.last = last

    def update(self, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Add predictions (n * V, C) of labels (n * V,), sample by sample."""
        labels = labels.view(-1, self.n_positions)
        logits = at_least_single(logits).view(*labels.shape, -1)
        right, last = logits.argmax(-1) == labels, self.last
        self.add(
            {
                "loss": functional.cross_entropy(logits[:, last], labels[:, last], reduction="none"),
                "accuracy": right[:, last],
                **{f"position_{v}": of_position for v, of_position in enumerate(right.unbind(1), 1)},
            }
        )
