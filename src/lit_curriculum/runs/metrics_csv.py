"""metrics.csv: a Lightning logger whose file survives a resume."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from lit_curriculum.experiments.listeners import GapLogger
from lit_curriculum.files import StepTable


class MetricsCSV(Logger, GapLogger):
    """One row an evaluation: step, metrics, and wall seconds since this process began to train.

    A cell is empty where a metric had no observation, e.g. the loss of updates without any target.

    Args:
        folder: run folder.
        resume_step: step of the checkpoint that the run goes on from; rows beyond it are dropped. None
            for a new run.
    """

    def __init__(self, folder: Path, resume_step: int | None = None) -> None:
        super().__init__()
        self._table = StepTable(folder / "metrics.csv")
        self._folder = folder
        self._resume_step = resume_step
        self._began = time.monotonic()
        self._gaps: list[str] = []

    def reserve(self, names: Sequence[str]) -> None:
        """See `GapLogger.reserve`."""
        self._gaps = list(names)

    @property
    def name(self) -> str:
        """Always empty: the file lies in the run folder itself."""
        return ""

    @property
    def version(self) -> str:
        """Always empty."""
        return ""

    @property
    def save_dir(self) -> str:
        """The run folder."""
        return str(self._folder)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """The run folder's config.yaml holds them."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Append a row. Metrics that other code logs without a step are left to other loggers."""
        if step is None or "samples" not in metrics:
            return
        if self._resume_step is not None:
            self._table.cut_back(self._resume_step)
            self._resume_step = None
        row: dict[str, object] = {"step": step, "samples": int(metrics["samples"])}
        row.update({name: value for name, value in metrics.items() if name != "samples"})
        row.update(dict.fromkeys(self._gaps, ""))
        row["seconds"] = round(time.monotonic() - self._began, 3)
        self._table.append([row])
