"""A progress bar for a graph of runs."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class GraphBar:
    """A progress bar over the effort of all runs, with the time that remains."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=console,
        )
        self._task = self._progress.add_task("starting", total=None)

    def __enter__(self) -> GraphBar:
        self._progress.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._progress.__exit__(*error)

    def update(self, done: float, total: float, finished: int, of: int) -> None:
        """See `runs.lab.Progress`."""
        self._progress.update(self._task, completed=done, total=total, description=f"{finished}/{of} runs")
