"""What every experiment's LightningModule shares: the step count, the supervision, the record."""

from __future__ import annotations

from abc import ABC
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import torch
from lightning import LightningModule
from lightning.pytorch.trainer.states import TrainerFn
from torch import nn
from torchmetrics import MeanMetric

from lit_curriculum.distillation import Supervision, kl_to_student
from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.experiments.base_data import Batch, CurriculumData
from lit_curriculum.experiments.listeners import MetricListener, StepListener
from lit_curriculum.models import Inputs, registry, target_logits
from lit_curriculum.tables import RunTables
from lit_curriculum.tasks.counter import check_seed

STATE = "lit_curriculum"
"""Key of this suite's own part of a checkpoint."""


class CurriculumModule(LightningModule, ABC):
    """A model that learns from labels or from whatever its supervision gives.

    Attributes:
        model: the plain torch model; what is harvested and exported.
        step: optimizer updates made. Everything is scheduled on this count, never on Lightning's.
        evaluation: the latest held-out metrics, e.g. ``val/accuracy``.
        supervision: labels, or the teacher that `SwapTeacher` puts there. No submodule.
        identity: hash of the resolved configuration and commit, noted in what is harvested.
        settings: the resolved configuration as JSON, noted in checkpoints; "" outside of `lit fit`.
        teachable: whether a teacher's answers can stand in for the labels.

    Args:
        model: name and arguments as in `models.registry.build`.
        model_seed: seed of the initial weights and of dropout.
    """

    model: nn.Module
    teachable = True

    def __init__(self, model: dict[str, Any], model_seed: int) -> None:
        super().__init__()
        check_seed("model.model_seed", model_seed)
        self.model = registry.build(model, seed=model_seed)
        self.model_seed = model_seed
        self.step = 0
        self.evaluation: dict[str, float] = {}
        self.supervision = Supervision()
        self.identity: dict[str, str | None] = {"config_hash": None, "commit": None}
        self.settings = ""
        self.n_classes = int(model["init_args"].get("n_classes", 2))
        self._loss_sum = torch.zeros((), dtype=torch.float64)
        self._loss_count = 0
        self._eval_losses = nn.ModuleList()
        self._eval_accuracies = nn.ModuleList()

    # --- the step count and who listens to it ---------------------------------------------------------

    @property
    def listeners(self) -> list[StepListener]:
        """The trainer's callbacks that hear of single updates, in their order."""
        callbacks = self.trainer.callbacks  # type: ignore[attr-defined]
        return [callback for callback in callbacks if isinstance(callback, StepListener)]

    def advance_to(self, step: int) -> None:
        """Set the step count and call the listeners that are due at it."""
        before, self.step = self.step, step
        for listener in self.listeners:
            if listener.next_event(before) == step:
                listener.on_step(self.trainer, self, step)

    def note(self, metrics: dict[str, float]) -> None:
        """Tell the listeners about metrics that were measured at the current step."""
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, MetricListener):
                callback.on_metrics(self.step, metrics)

    def check_position(self, batch: Batch) -> None:
        """Check that a batch is the one for the next update.

        Raises:
            RuntimeError: if it is not: the data stream and the step count have come apart.
        """
        first = int(batch["first_step"])
        if first != self.step:
            raise RuntimeError(f"the loader gave the batch of step {first} after {self.step} updates")

    def add_loss(self, total: torch.Tensor, count: int) -> None:
        """Add to the mean training loss that the next evaluation reports."""
        self._loss_sum = self._loss_sum.to(total.device) + total.detach().double()
        self._loss_count += count

    def check_data(self, data: CurriculumData) -> None:
        """Check that the model fits the data.

        Raises:
            UsageError: if the model's input dimension ``d`` is not the data's.
        """
        ours = getattr(self.model, "init_args", {}).get("d")
        theirs = data.describe_task().get("d")
        if ours is not None and theirs is not None and ours != theirs:
            raise bad_value("model.d", ours, f"the data's d = {theirs}")

    @cached_property
    def tables(self) -> RunTables:
        """The CSV files of the run folder; written by one device."""
        return RunTables(Path(self.trainer.default_root_dir))

    # --- Lightning hooks ----------------------------------------------------------------------------

    @property
    def data(self) -> CurriculumData:
        """The run's data module."""
        return cast(CurriculumData, self.trainer.datamodule)  # type: ignore[attr-defined]

    def setup(self, stage: str) -> None:
        """Seed what is random in training itself (dropout), apart for each device."""
        if stage == "fit":
            torch.manual_seed(self.model_seed * 1_000_003 + self.global_rank & (2**63 - 1))
        for metrics in (self._eval_losses, self._eval_accuracies):
            while len(metrics) < len(self.data.eval_streams):
                metrics.append(MeanMetric())

    def forward(self, inputs: Inputs) -> torch.Tensor:
        """Return the model's logits (M, C), a row for each label."""
        return target_logits(self.model, inputs)

    def logits_and_labels(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (M, C) and labels (M,) of a batch: a row for everything that is predicted."""
        return self(batch["inputs"]), batch["labels"]

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Add one held-out batch to the label loss and top-1 accuracy of its stream."""
        self._evaluate(batch, dataloader_idx)

    def on_validation_epoch_end(self) -> None:
        """Record the evaluation of every stream, and the training since the last one."""
        metrics: dict[str, float] = {}
        for i, stream in enumerate(self.data.eval_streams):
            metrics.update(self._evaluated(i, stream))
        self.evaluation = dict(metrics)
        if self.trainer.state.fn == TrainerFn.FITTING:
            metrics["train/loss"] = self._mean_training_loss()
            if self.step:
                metrics.update(self.data.training_facts(self.step - 1))
            if self.supervision.teacher is not None:
                metrics["teacher/close_calls"] = float(self._total(self.supervision.close_calls))
        self.record(metrics)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Add one test batch."""
        self._evaluate(batch, 0)

    def on_test_epoch_end(self) -> None:
        """Record the test loss and accuracy."""
        self.record(self._evaluated(0, "test"))

    def predict_step(self, batch: Batch, batch_idx: int) -> Batch:
        """Return class probabilities (n, C) beside the batch's labels."""
        logits, labels = self.logits_and_labels(batch)
        return {"probabilities": torch.softmax(logits, -1), "labels": labels}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the step count and what the next record needs; no weights of any teacher."""
        sums = self._loss_sum[None]
        if self._distributed:
            sums = cast(torch.Tensor, self.all_gather(self._loss_sum)).reshape(-1)
        checkpoint[STATE] = {
            "step": self.step,
            "loss_sum": sums.cpu(),
            "loss_count": self._loss_count,
            "close_calls": self.supervision.close_calls,
            "settings": self.settings or None,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up the step count.

        Raises:
            UsageError: for a checkpoint that no module of this suite wrote.
        """
        if STATE not in checkpoint:
            raise UsageError(
                "ckpt_path: the file lacks this suite's state; allowed: a checkpoint of `lit fit`"
            )
        state = checkpoint[STATE]
        sums = state["loss_sum"]
        self.step = state["step"]
        self._loss_sum = sums[self.global_rank if len(sums) > 1 else 0]
        self._loss_count = state["loss_count"]
        self.supervision.close_calls = state["close_calls"]

    # --- recording ----------------------------------------------------------------------------------

    def record(self, metrics: dict[str, float]) -> None:
        """Give metrics to every logger at the current step, and to callbacks that monitor them."""
        for name, value in metrics.items():
            self.log(name, value, logger=False, prog_bar=name.endswith("accuracy"), rank_zero_only=True)
        row = {"samples": float(self.step * self.data.batch_size), **metrics}
        for logger in self.loggers:
            logger.log_metrics(row, step=self.step)

    def _evaluate(self, batch: Batch, stream: int) -> None:
        logits, labels = self.logits_and_labels(batch)
        one_hot = nn.functional.one_hot(labels, logits.shape[-1])
        cast(MeanMetric, self._eval_losses[stream]).update(kl_to_student(one_hot, logits.float()))
        cast(MeanMetric, self._eval_accuracies[stream]).update((logits.argmax(-1) == labels).float())

    def _evaluated(self, stream: int, name: str) -> dict[str, float]:
        result = {}
        for metric, suffix in ((self._eval_losses, "loss"), (self._eval_accuracies, "accuracy")):
            mean = cast(MeanMetric, metric[stream])
            result[f"{name}/{suffix}"] = float(mean.compute())
            mean.reset()
        return result

    def _mean_training_loss(self) -> float:
        total = float(self._total(float(self._loss_sum)))
        count = float(self._total(self._loss_count))
        self._loss_sum, self._loss_count = torch.zeros((), dtype=torch.float64), 0
        return total / count if count else float("nan")

    @property
    def _distributed(self) -> bool:
        return self.trainer.world_size > 1

    def _total(self, value: float) -> float:
        if not self._distributed:
            return value
        tensor = torch.tensor(value, dtype=torch.float64, device=self.device)
        return float(self.trainer.strategy.reduce(tensor, reduce_op="sum"))
