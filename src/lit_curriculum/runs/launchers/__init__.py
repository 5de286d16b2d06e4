"""Where runs are executed: in processes of this machine, or as jobs of a cluster.

`runs.lab` decides what has to be trained; a launcher trains it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from lit_curriculum.files import write_text
from lit_curriculum.runs.configs import shipped
from lit_curriculum.runs.graph import Run

Fit = Callable[[list[str], str], None]
"""Trains one run, given configuration files and the run's folder; must be importable by name."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

Report = Callable[[Iterable[Run], set[str]], None]
"""Told which runs are under way and the names of those that are not finished."""


class Launcher(Protocol):
    """Executes runs whose needs may be among them; one that fails does not end the others."""

    def execute(self, pending: Sequence[Run], root: Path, report: Report) -> dict[Run, BaseException]:
        """Train runs below ``root``, needs first; return those that failed, with the reason.

        What needs a failed run is neither trained nor returned.
        """

    def map(self, function: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
        """Return an importable function of each item; workers compute it where there are some."""

    def close(self) -> None:
        """Let go of what is kept between calls."""


def failure_note(run: Run, root: Path) -> Path:
    """Return the file that says why a run failed before it had a folder."""
    return root / "overlays" / f"{run.folder(root).name}.failed"


def prepare(run: Run, root: Path) -> tuple[list[str], str]:
    """Write a run's overlay; return its configuration files and its folder."""
    folder = run.folder(root)
    overlay = root / "overlays" / f"{folder.name}.yaml"
    write_text(overlay, run.overlay(root))
    failure_note(run, root).unlink(missing_ok=True)
    return [*(str(shipped(name)) for name in run.configs), str(overlay)], str(folder)
