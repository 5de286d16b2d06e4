"""What probes of a model have in common while it trains: when they measure, and where it goes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from lit_curriculum.callbacks.tensorboard import show_scalars
from lit_curriculum.errors import bad_value
from lit_curriculum.tables import StepTable
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.base_data import CurriculumData
from lit_curriculum.training.guest import own_module
from lit_curriculum.training.listeners import ChecksData, StepListener, every_and_last
from lit_curriculum.training.soundness import check_metrics

Row = dict[str, float | int]


class PeriodicProbe(StepListener, ChecksData, Callback, ABC):
    """Measure something of a model every so many updates, and at the end of the run.

    Every measurement adds rows to ``<run folder>/<file>``, goes to TensorBoard, and, at a step that
    `HarvestCheckpoints` harvests, is noted in the bank's manifest.

    Args:
        every_n_steps: spacing in updates.
        include_start: also the untrained model, as step 0.

    Raises:
        UsageError: for a spacing below 1.
    """

    file: ClassVar[str]

    def __init__(self, every_n_steps: int, include_start: bool = False) -> None:
        if every_n_steps < 1:
            raise bad_value(f"{type(self).__name__}.every_n_steps", every_n_steps, "an integer of at least 1")
        self.every_n_steps = every_n_steps
        self.include_start = include_start
        self._num_steps = 0
        self._table: StepTable | None = None

    @abstractmethod
    def prepare(self, data: CurriculumData) -> None:
        """Read what is needed of the data, once, before the first measurement."""

    @abstractmethod
    def measure(self, model: Any) -> tuple[Sequence[Row], dict[str, float]]:
        """Return a model's rows, without their step, and its metrics by name."""

    def next_event(self, step: int) -> int | None:
        """See `StepListener.next_event`."""
        return every_and_last(self.every_n_steps, self._num_steps, step)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read what is needed of the data.

        Raises:
            UsageError: if the probe does not fit model and data.
        """
        pl_module = own_module(self, pl_module)
        self.check_run(pl_module, pl_module.data)
        self._num_steps = pl_module.data.num_steps
        self.prepare(pl_module.data)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the table; a resumed run goes on with it."""
        assert isinstance(pl_module, CurriculumModule)
        if trainer.is_global_zero:
            self._table = pl_module.tables.open(self.file)
        if pl_module.step == 0 and self.include_start:
            self.on_step(trainer, pl_module, 0)

    def on_step(self, trainer: Trainer, module: CurriculumModule, step: int) -> None:
        """Measure and write, on one device.

        Raises:
            NotFinite: if a measured number is not finite.
        """
        if not trainer.is_global_zero or self._table is None:
            return
        rows, metrics = self.measure(module.model)
        check_metrics(module, metrics)
        for row in rows:
            check_metrics(module, {f"{name} in {self.file}": value for name, value in row.items()})
        self._table.append([{"step": step, **row} for row in rows])
        module.note(metrics)
        show_scalars(trainer, metrics, step)
