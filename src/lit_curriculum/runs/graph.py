"""A small graph of runs; `runs.lab` executes it.

Each run is one ``lit fit`` on shipped configurations plus a few settings. A run may need others, its
teachers, and starts when they are done. Its folder is named by a hash of everything that changes its
result, so that a second figure, or a second call, finds it finished.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from lit_curriculum.errors import UsageError
from lit_curriculum.files import hash_of_json
from lit_curriculum.reading import read_series, read_table
from lit_curriculum.runs.configs import layer, shipped
from lit_curriculum.runs.folder import RunFolder
from lit_curriculum.runs.identity import versions_of

BANK = "{bank}"
"""Stands for the bank of the run that is needed, in a run's settings."""


@dataclass(frozen=True)
class Run:
    """One training run of a figure.

    Attributes:
        kind: a readable word, the beginning of the folder's name, e.g. ``teacher``.
        configs: names of shipped configurations, each overlaying the one before.
        settings: the last overlay, nested as in YAML. The string ``{bank}`` stands for the bank of the
            first run in ``needs``.
        needs: runs that must be finished before.
        cost: expected effort in any unit, for the remaining time.
    """

    kind: str
    configs: tuple[str, ...]
    settings: dict[str, Any] = field(hash=False)
    needs: tuple[Run, ...] = ()
    cost: float = 1.0

    @cached_property
    def key(self) -> str:
        """Hash of everything that changes the result."""
        layers = [layer(shipped(name)) for name in self.configs]
        needed = [run.key for run in self.needs]
        versions = versions_of([layers, self.settings])
        return hash_of_json([layers, self.settings, needed, versions])[:12]

    @property
    def name(self) -> str:
        """The folder's: runs of equal settings are two if they are called otherwise."""
        return f"{self.kind}-{self.key}"

    def folder(self, root: Path) -> Path:
        """Return where the run lives below ``root``."""
        return root / self.name

    def without_bank(self, but: str | None = None) -> Run:
        """Return the run without what stands for a bank, a callback for one: all of it that can be looked at
        before what it needs is finished.

        Args:
            but: a class that keeps it, ``SwapTeacher``, since making one opens no bank.
        """

        def keeps(value: Any) -> bool:
            path = value.get("class_path") if isinstance(value, dict) else None
            return but is not None and str(path).rpartition(".")[2] == but

        def strip(value: Any) -> Any:
            if keeps(value):
                return value
            if isinstance(value, dict):
                return {name: strip(inner) for name, inner in value.items() if inner != BANK}
            if isinstance(value, list):
                return [strip(inner) for inner in value if BANK not in str(inner) or keeps(inner)]
            return value

        return Run(self.kind, self.configs, strip(self.settings), self.needs if but else ())

    def overlay(self, root: Path) -> str:
        """Return the settings as the YAML that overlays the configurations, teachers found below ``root``."""
        settings = self.settings
        if self.needs:
            bank = str(self.needs[0].folder(root) / "bank")
            settings = _substitute(settings, lambda text: text.replace(BANK, bank))
        return yaml.safe_dump(settings, sort_keys=False)


@dataclass(frozen=True)
class Finished:
    """A finished run, as a figure reads it."""

    run: Run
    path: Path

    def history(self, metric: str) -> list[tuple[int, float]]:
        """Return (step, value) of a metric over the run."""
        return read_series(RunFolder(self.path).verified("metrics.csv"), metric)

    def rows(self, file: str) -> list[dict[str, str]]:
        """Return the rows of one of the run's CSV files.

        Raises:
            UsageError: if the file is not what it was when the run finished, or has no row.
        """
        path = RunFolder(self.path).verified(file)
        rows = read_table(path)
        if not rows:
            raise UsageError(f"table: {path} has no row; allowed: at least one")
        return rows

    @property
    def bank(self) -> Path:
        """The bank that the run harvested."""
        return self.path / "bank"

    @property
    def provenance(self) -> dict[str, Any]:
        """The run's provenance.json."""
        return RunFolder(self.path).provenance()


def with_needs(runs: Iterable[Run]) -> list[Run]:
    """Return the runs and all they need, each once, needs first."""
    ordered: dict[str, Run] = {}
    for run in runs:
        for needed in with_needs(run.needs):
            ordered.setdefault(needed.name, needed)
        ordered.setdefault(run.name, run)
    return list(ordered.values())


def _substitute(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {name: _substitute(inner, change) for name, inner in value.items()}
    if isinstance(value, list):
        return [_substitute(inner, change) for inner in value]
    return change(value) if isinstance(value, str) else value
