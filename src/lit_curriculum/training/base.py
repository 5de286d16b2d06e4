"""What every experiment's LightningModule shares: the step count, the supervision, the record."""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from lightning import LightningModule
from lightning.pytorch.trainer.states import TrainerFn
from torch import nn
from torchmetrics import MetricCollection

from lit_curriculum.distillation import Supervision
from lit_curriculum.distillation.targets import at_least_single
from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.models import Inputs, registry, target_logits
from lit_curriculum.tables import RunTables
from lit_curriculum.tasks.counter import check_seed
from lit_curriculum.training.base_data import Batch, CurriculumData
from lit_curriculum.training.listeners import GapLogger, MetricListener, StepListener
from lit_curriculum.training.metrics import Classification, computed
from lit_curriculum.training.soundness import (
    LossSum,
    check_checkpoint,
    check_loss,
    check_metrics,
    check_run,
    check_weights,
)

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
        caches_labels: whether a teacher's answers are worth keeping: not where they cost less than reading.
        exact_answers: whether it answers with the whole softmax, samples being numbered one by one.
        ask: returns a teacher's logits (M, C) for inputs.
        precisions: values of ``trainer.precision`` that the training is made for; None for all.
        losses: the training losses since the last evaluation.

    Args:
        model: name and arguments as in `models.registry.build`.
        model_seed: seed of the initial weights and of dropout.
    """

    model: nn.Module
    teachable = True
    caches_labels = True
    exact_answers = False
    ask: ClassVar[Callable[..., torch.Tensor]] = staticmethod(target_logits)
    precisions: ClassVar[tuple[str, ...] | None] = None

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
        self.losses = LossSum()
        self._held_out = nn.ModuleDict()

    # --- the step count and who listens to it ---------------------------------------------------------

    @property
    def listeners(self) -> list[StepListener]:
        """The trainer's callbacks that hear of single updates, in their order."""
        callbacks = self.trainer.callbacks  # type: ignore[attr-defined]
        return [callback for callback in callbacks if isinstance(callback, StepListener)]

    def advance_to(self, step: int) -> None:
        """Set the step count and call the listeners that are due at it.

        Raises:
            NotFinite: if one is due and the losses so far or the weights are not finite.
        """
        before, self.step = self.step, step
        checked = False
        for listener in self.listeners:
            if listener.next_event(before) == step:
                if not checked:
                    check_run(self)
                    checked = True
                listener.on_step(self.trainer, self, step)

    def note(self, metrics: dict[str, float]) -> None:
        """Tell the listeners about metrics that were measured at the current step.

        Raises:
            NotFinite: for a metric that is not finite.
        """
        check_metrics(self, metrics)
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
        """Add to the mean training loss that the next evaluation reports.

        Raises:
            NotFinite: if it is not finite; on a GPU and with several processes only `check_run` notices.
        """
        self.losses.add(total, count, self.step)
        check_loss(self)

    def check_data(self, data: CurriculumData) -> None:
        """Check that the model fits the data.

        Raises:
            UsageError: if the model's input dimension ``d`` is not the data's.
        """
        ours = getattr(self.model, "init_args", {}).get("d")
        theirs = data.describe_task().get("d")
        if ours is not None and theirs is not None and ours != theirs:
            raise bad_value("model.d", ours, f"the data's d = {theirs}")

    def check_precision(self, precision: str) -> None:
        """Check that the module can be trained in a precision.

        Raises:
            UsageError: if it cannot.
        """
        if self.precisions is not None and precision not in self.precisions:
            allowed = f"{' or '.join(self.precisions)} with {type(self).__name__}"
            raise bad_value("trainer.precision", precision, allowed)

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
        """Make the metrics of every split; seed dropout, apart for each device."""
        metrics = self.configure_metrics()
        for split in (*self.data.eval_streams, "test"):
            self._held_out[split] = metrics.clone(prefix=f"{split}/")
        if stage == "fit":
            torch.manual_seed(self.model_seed * 1_000_003 + self.global_rank & (2**63 - 1))

    def forward(self, inputs: Inputs) -> torch.Tensor:
        """Return the model's logits (M, C), a row for each label."""
        return target_logits(self.model, inputs)

    def logits_and_labels(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (M, C) and labels (M,) of a batch: a row for everything that is predicted."""
        return self(batch["inputs"]), batch["labels"]

    def configure_metrics(self) -> MetricCollection:
        """Return what is measured of held-out samples; every split gets a clone, named after it."""
        return MetricCollection({"labels": Classification()}, compute_groups=False)

    def update_metrics(self, metrics: MetricCollection, batch: Batch) -> None:
        """Add a held-out batch: by default the logits and labels that are also trained."""
        metrics.update(*self.logits_and_labels(batch))

    def complete(self, metrics: dict[str, float], split: str) -> dict[str, float]:
        """Return a split's metrics with what else follows from the run so far; by default nothing."""
        return metrics

    def on_validation_start(self) -> None:
        """Look at the losses and the weights before anything is measured.

        Raises:
            NotFinite: if one is not finite.
        """
        check_run(self)

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Add one held-out batch to the metrics of its split."""
        self._add_held_out(self.data.eval_streams[dataloader_idx], batch)

    def on_validation_epoch_end(self) -> None:
        """Record the evaluation of every split, and the training since the last one."""
        metrics: dict[str, float] = {}
        for stream in self.data.eval_streams:
            metrics.update(self._take_held_out(stream))
        self.evaluation = dict(metrics)
        gaps = []
        if self.trainer.state.fn == TrainerFn.FITTING:
            loss = self._mean_training_loss()
            if loss is None:
                gaps.append("train/loss")
            else:
                metrics["train/loss"] = loss
            if self.step:
                metrics.update(self.data.training_facts(self.step - 1))
            if self.supervision.teacher is not None:
                metrics["teacher/near_ties"] = float(sum(self.gather(self.supervision.near_ties)))
        self.record(metrics, gaps)

    def on_test_start(self) -> None:
        """Look at the weights before anything is measured."""
        check_weights(self)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Add one test batch."""
        self._add_held_out("test", batch)

    def on_test_epoch_end(self) -> None:
        """Record the test loss and accuracy."""
        self.record(self._take_held_out("test"))

    def on_predict_start(self) -> None:
        """Look at the weights before anything is predicted."""
        check_weights(self)

    def predict_step(self, batch: Batch, batch_idx: int) -> Batch:
        """Return class probabilities (n, C) beside the batch's labels; nothing for an empty batch."""
        return self.predict_batch(batch) if batch else {}

    def predict_batch(self, batch: Batch) -> Batch:
        """Return tensors with a row for each prediction of a batch."""
        logits, labels = self.logits_and_labels(batch)
        return {"probabilities": torch.softmax(at_least_single(logits), -1), "labels": labels}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the step count and what the next record needs; no weights of any teacher.

        Raises:
            NotFinite: if a loss, a weight or the optimizer's state is not finite: nothing is saved then.
        """
        check_checkpoint(self, checkpoint)
        checkpoint[STATE] = {
            "step": self.step,
            "loss_sum": torch.tensor(self.gather(self.losses.total.item()), dtype=torch.float64),
            "loss_count": self.gather(self.losses.count),
            "near_ties": self.gather(self.supervision.near_ties),
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
        self.step = state["step"]
        # Version 0.1 called near-ties close calls.
        ties = "near_ties" if "near_ties" in state else "close_calls"
        total, count, near_ties = (self._own_share(state[name]) for name in ("loss_sum", "loss_count", ties))
        self.losses = LossSum(self.step, total, count)
        self.supervision.earlier_near_ties = near_ties

    # --- recording ----------------------------------------------------------------------------------

    def record(self, metrics: dict[str, float], gaps: Sequence[str] = ()) -> None:
        """Give metrics to every logger at the current step, and to callbacks that monitor them.

        Args:
            metrics: by name.
            gaps: names of metrics without any observation this time; a table keeps a place for them.

        Raises:
            NotFinite: for a metric that is not finite.
        """
        check_metrics(self, metrics)
        for name, value in metrics.items():
            self.log(name, value, logger=False, prog_bar=name.endswith("accuracy"), rank_zero_only=True)
        row = {"samples": float(self.step * self.data.batch_size), **metrics}
        for logger in self.loggers:
            if isinstance(logger, GapLogger):
                logger.reserve(gaps)
            logger.log_metrics(row, step=self.step)

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all processes in the order of their ranks; all must ask together."""
        if self.trainer.world_size == 1:
            return [value]
        values: list[Any] = [None] * self.trainer.world_size
        torch.distributed.all_gather_object(values, value)
        return values

    def _add_held_out(self, stream: str, batch: Batch) -> None:
        # Devices take whole batches in turns; the last round may not have one for everybody.
        if batch:
            self.update_metrics(cast(MetricCollection, self._held_out[stream]), batch)

    def _take_held_out(self, stream: str) -> dict[str, float]:
        return self.complete(computed(cast(MetricCollection, self._held_out[stream]), self.gather), stream)

    def _own_share(self, of_all: Any) -> Any:
        """Return this process's entry; of a checkpoint of other devices the first process takes all.

        Version 0.1 saved some counts as the first process's alone.
        """
        if isinstance(of_all, int):
            return of_all
        if len(of_all) == self.trainer.world_size:
            return of_all[self.global_rank]
        return sum(of_all) * (self.global_rank == 0)

    def _mean_training_loss(self) -> float | None:
        totals = self.gather((self.losses.total.item(), self.losses.count))
        self.losses = LossSum(self.step)
        count = sum(count for _, count in totals)
        return math.fsum(total for total, _ in totals) / count if count else None
