"""Marks a run as finished, in the processes that trained it: a strategy may fork or spawn them from ours."""

from __future__ import annotations

import time

from lightning import Callback, LightningModule, Trainer

from lit_curriculum.callbacks import HarvestCheckpoints, SwapTeacher
from lit_curriculum.callbacks.stop_when_learned import ended_early
from lit_curriculum.distillation.manifest import MANIFEST
from lit_curriculum.runs.folder import RunFolder
from lit_curriculum.runs.metrics_csv import FILE as METRICS
from lit_curriculum.runs.metrics_csv import trained_for
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.base_data import CurriculumData


class FinishRun(Callback):
    """Writes what is known only when a run has come to its end.

    Args:
        folder: the run's.
        resume_step: step from which it went on, or None.
    """

    def __init__(self, folder: RunFolder, resume_step: int | None) -> None:
        self.folder = folder
        self.resume_step = resume_step
        self._began = time.monotonic()

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._began = time.monotonic()

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Finish the run unless it was interrupted."""
        assert isinstance(pl_module, CurriculumModule)
        done = ended_early(trainer) or pl_module.step >= pl_module.data.num_steps
        if done and not trainer.interrupted and trainer.is_global_zero:
            self.record(trainer, pl_module, pl_module.data, time.monotonic() - self._began)

    def record(
        self, trainer: Trainer, module: CurriculumModule, data: CurriculumData, seconds: float
    ) -> None:
        """Write steps, times and teachers; no rates if no time was spent. The trainer may not have begun.

        The time is that of all processes that trained the run, the rate that of this one.
        """
        resumed_at = self.resume_step or 0
        made = (module.step - resumed_at) * data.batch_size
        before = trained_for(self.folder.path / METRICS, resumed_at) if resumed_at else 0.0
        callbacks = trainer.callbacks  # type: ignore[attr-defined]
        swaps = [callback for callback in callbacks if isinstance(callback, SwapTeacher)]
        banks = [callback.folder for callback in callbacks if isinstance(callback, HarvestCheckpoints)]
        self.folder.finish(
            module.tables,
            manifests=[f"{bank}/{MANIFEST}" for bank in banks],
            steps=module.step,
            samples=module.step * data.batch_size,
            wall_seconds=round(before + seconds, 3),
            samples_per_second=round(made / seconds, 1) if seconds > 0 else None,
            backend=getattr(module, "backend_used", "autograd"),
            teachers=[teacher for callback in swaps for teacher in callback.teachers],
        )
