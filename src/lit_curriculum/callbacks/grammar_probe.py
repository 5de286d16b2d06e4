"""Probes of models that predict masked tokens of a grammar's strings."""

from __future__ import annotations

from abc import abstractmethod

from lit_curriculum.callbacks.periodic_probe import PeriodicProbe
from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.pcfg import MaskedPCFG
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.base_data import CurriculumData


class GrammarProbe(PeriodicProbe):
    """See `PeriodicProbe`; the data are masked strings of a grammar."""

    @abstractmethod
    def prepare_task(self, task: MaskedPCFG, data_seed: int) -> None:
        """Read what is needed of the task, once, before the first measurement."""

    def prepare(self, data: CurriculumData) -> None:
        """See `PeriodicProbe.prepare`."""
        self.prepare_task(self._task(data), data.data_seed)

    def check_run(self, module: CurriculumModule, data: CurriculumData) -> None:
        """See `ChecksData.check_run`: the data must be strings of a grammar."""
        self._task(data)

    def _task(self, data: CurriculumData) -> MaskedPCFG:
        task = getattr(data, "task", None)
        if not isinstance(task, MaskedPCFG):
            raise UsageError(f"{type(self).__name__}: the data have no grammar; allowed: PCFGData")
        return task
