"""metrics.csv: a Lightning logger whose file survives a resume."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from lit_curriculum.reading import read_table
from lit_curriculum.tables import RunTables
from lit_curriculum.training.listeners import GapLogger

FILE = "metrics.csv"


def trained_for(path: Path, until: int) -> float:
    """Return the wall seconds that a run trained up to a step, by its rows, in however many processes.

    Each process counts from its own beginning, so that a column that falls tells of the next one. What a
    process did after its last row is not counted; without a file the answer is 0.
    """
    if not path.is_file():
        return 0.0
    times = [float(row["seconds"]) for row in read_table(path) if int(row["step"]) <= until]
    return sum(now for now, after in pairwise([*times, 0.0]) if after < now)


class MetricsCSV(Logger, GapLogger):
    """One row an evaluation: step, metrics, and wall seconds since this process began to train.

    A cell is empty where a metric had no observation, e.g. the loss of updates without any target.

    Args:
        tables: those of the run folder.
    """

    def __init__(self, tables: RunTables) -> None:
        super().__init__()
        self.tables = tables
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
        return str(self.tables.folder)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """The run folder's config.yaml holds them."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Append a row. Metrics that other code logs without a step are left to other loggers."""
        if step is None or "samples" not in metrics:
            return
        row: dict[str, object] = {"step": step, "samples": int(metrics["samples"])}
        row.update({name: value for name, value in metrics.items() if name != "samples"})
        row.update(dict.fromkeys(self._gaps, ""))
        row["seconds"] = round(time.monotonic() - self._began, 3)
        self.tables.open(FILE).append([row])
