"""How callbacks hear of single updates, also of those that happen inside one Lightning batch.

Lightning's hooks fire once a batch. At batch size 1 a Lightning batch holds a thousand updates, and a
harvest or a swap of teacher may be due between any two of them. A callback that is also a `StepListener`
says when it is next due; the module stops there, calls it, and goes on. A module that is not this suite's
makes an update a batch at most for each of its optimizers, and does not call; there the callback hears of its
steps from Lightning.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from lightning import LightningModule, Trainer

    from lit_curriculum.training.base import CurriculumModule
    from lit_curriculum.training.base_data import CurriculumData


class StepListener(ABC):
    """Mixin for callbacks. A step is an optimizer update; step n means n updates have been made."""

    _heard: int | None = None

    @abstractmethod
    def next_event(self, step: int) -> int | None:
        """Return the first step > ``step`` at which `on_step` must be called, or None."""

    @abstractmethod
    def on_step(self, trainer: Trainer, module: CurriculumModule, step: int) -> None:
        """React to an event: exactly ``step`` updates have been made and the next has not begun."""

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note where a guest's batch begins."""
        self._heard = trainer.global_step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Hear of the steps that a guest has made in this batch, several if it has several optimizers."""
        # Not at the top: modules import this file.
        from lit_curriculum.training.base import CurriculumModule
        from lit_curriculum.training.guest import run_of

        if isinstance(pl_module, CurriculumModule) or self._heard is None:
            return  # a module of this suite has called already
        now = trainer.global_step
        due = self.next_event(self._heard) if now > self._heard else None
        if due is not None and due <= now:
            # What guests cannot have has refused them by now (`guest.own_module`).
            self.on_step(trainer, cast(Any, run_of(trainer, pl_module)), now)


class ChecksData(ABC):
    """Mixin for callbacks that not every run can have."""

    @abstractmethod
    def check_run(self, module: CurriculumModule, data: CurriculumData) -> None:
        """Check, before anything is written, that the callback fits model and data.

        Raises:
            UsageError: if it does not.
        """


class MetricListener(ABC):
    """Mixin for callbacks that keep metrics which other callbacks measure between two evaluations."""

    @abstractmethod
    def on_metrics(self, step: int, metrics: dict[str, float]) -> None:
        """Take metrics measured after exactly ``step`` updates."""


class GapLogger(ABC):
    """Mixin for loggers whose rows have the same columns throughout."""

    @abstractmethod
    def reserve(self, names: Sequence[str]) -> None:
        """Keep a column for metrics that the next row has no observation of."""


def every(n: int, step: int) -> int:
    """Return the first multiple of n above ``step``."""
    return (step // n + 1) * n


def every_and_last(n: int, last: int, step: int) -> int | None:
    """Return the first multiple of n above ``step``, or ``last`` if that is sooner; None from there on."""
    return min(every(n, step), last) if step < last else None
