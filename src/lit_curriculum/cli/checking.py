"""Runs of a sweep, or of a user's figure, are checked before the first one starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lit_curriculum.cli.workers import check_run
from lit_curriculum.errors import UsageError
from lit_curriculum.runs.folder import RunFolder
from lit_curriculum.runs.graph import Run, with_needs
from lit_curriculum.runs.launchers import Launcher


def check_runs(
    runs: Sequence[Run],
    root: Path,
    trusted: Sequence[str],
    devices: int,
    called: Callable[[Run], str],
    launcher: Launcher | None = None,
) -> None:
    """Check the settings of runs as `lit fit` would.

    Of new runs that differ in seeds and learning rates alone, one is checked: reading a configuration takes a
    good part of a short run.

    Args:
        runs: finished ones among them are left alone.
        root: folder of the runs.
        trusted: names that configurations may use.
        devices: of each run.
        called: what an error calls a run.
        launcher: whose processes check them, before they train; None for this process.

    Raises:
        UsageError: naming the first run that is wrong, and how.
    """
    ended = {run.name for run in with_needs(runs) if RunFolder(run.folder(root)).finished}
    waiting = distinct([run for run in runs if run.name not in ended], root)
    check = partial(check_run, root=root, trusted=trusted, devices=devices, ended=ended)
    answers = map(check, waiting) if launcher is None else launcher.map(check, waiting)
    for run, wrong in zip(waiting, answers, strict=True):
        if wrong is not None:
            raise UsageError(f"{called(run)}: {wrong}")


def distinct(runs: Sequence[Run], root: Path) -> list[Run]:
    """Return the runs without those that are new and differ from another only in what cannot be wrong."""
    found: dict[object, Run] = {}
    for run in runs:
        begun = run.folder(root).exists()
        new = (run.configs, repr(run.needs), _what_can_be_wrong(run.settings))
        found.setdefault(run.name if begun else new, run)
    return list(found.values())


def _what_can_be_wrong(settings: Any) -> str:
    """Return settings as text, right seeds and learning rates left out."""

    def strip(value: Any) -> Any:
        if isinstance(value, list):
            return [strip(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        # A tuple, which no YAML holds.
        return {name: ("right",) if _is_right(name, inner) else strip(inner) for name, inner in value.items()}

    return repr(strip(settings))


def _is_right(name: str, value: object) -> bool:
    if name in ("data_seed", "model_seed"):
        return type(value) is int and 0 <= value < 2**31
    return name == "lr" and type(value) is float and 0 < value <= 1
