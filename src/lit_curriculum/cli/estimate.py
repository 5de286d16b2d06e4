"""``lit reproduce --dry-run``: how many runs a figure takes, and what they leave on disk and in memory."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from lit_curriculum.callbacks import HarvestCheckpoints
from lit_curriculum.cli.check import in_bytes
from lit_curriculum.cli.parsing import parse_run
from lit_curriculum.models import count_parameters
from lit_curriculum.reproduce.figure import Figure
from lit_curriculum.reproduce.measuring import everything
from lit_curriculum.runs.folder import RunFolder
from lit_curriculum.runs.graph import Run, with_needs

TOGETHER = "all, each run once"
_NEUTRAL = ("lr", "model_seed", "weight_decay")
_COLUMNS = "disk: harvested weights, last checkpoints; weights, Adam: of the largest model, its gradients too"


class Cost(NamedTuple):
    """What a figure takes, or several that share runs.

    Attributes:
        target: its name, `TOGETHER` for all of them.
        runs, finished: how many there are, and how many of them need not be made again.
        updates: optimizer steps of all runs.
        disk_bytes: harvested weights and last checkpoints of all runs.
        memory_bytes: weights, gradients and Adam's state of the largest model.
        time: a sentence.
    """

    target: str
    runs: int
    finished: int
    updates: int
    disk_bytes: int
    memory_bytes: int
    time: str


def costs(figures: Mapping[str, Figure], root: Path, trusted: Sequence[str] = ()) -> list[Cost]:
    """Return what each figure takes, and behind several what all do: runs that they share are made once.

    Args:
        figures: by name.
        root: folder of the runs, of which finished ones are not made again.
        trusted: names that configurations may use.
    """
    sizes = _Sizes(root, trusted)
    union: dict[str, Run] = {}
    found = []
    for name, figure in figures.items():
        runs = with_needs(everything(figure.studies, root))
        union.update((run.name, run) for run in runs)
        found.append(_cost(name, runs, root, sizes, figure.cost))
    if len(figures) > 1:
        found.append(_cost(TOGETHER, union.values(), root, sizes, ""))
    return found


def show(found: Sequence[Cost]) -> None:
    """Print a row for each of `costs`, then their times."""
    table = Table(title="what would be trained (nothing is)")
    table.add_column("target", no_wrap=True)
    for column in ("runs", "finished", "updates", "disk", "weights, Adam"):
        table.add_column(column, justify="right", overflow="fold")
    for cost in found:
        if cost.target == TOGETHER:
            table.add_section()
        counts = f"{cost.runs:,}", f"{cost.finished:,}", f"{cost.updates:.2g}"
        table.add_row(cost.target, *counts, in_bytes(cost.disk_bytes), in_bytes(cost.memory_bytes))
    console = Console()
    console.print(table)
    print(_wrapped(_COLUMNS, console.width))
    # A sentence in a column of the table would be a dozen lines high on a narrow terminal.
    print("\ntime:")
    for cost in found:
        if cost.time:
            print(_wrapped(f"{cost.target}: {cost.time}", console.width, indent="  "))


def _wrapped(line: str, width: int, indent: str = "") -> str:
    """Return a line broken at spaces; what follows its first line is set further in."""
    return textwrap.fill(
        line,
        width,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _cost(target: str, runs: Iterable[Run], root: Path, sizes: _Sizes, time: str) -> Cost:
    runs = list(runs)
    finished = sum(RunFolder(run.folder(root)).finished for run in runs)
    measured = [sizes.of(run) for run in runs]
    updates, disk = sum(size.updates for size in measured), sum(size.disk for size in measured)
    memory = max((size.memory for size in measured), default=0)
    return Cost(target, len(runs), finished, updates, disk, memory, time)


class _Size(NamedTuple):
    updates: int
    disk: int
    memory: int


class _Sizes:
    """Sizes of runs; a model of one shape is built once."""

    def __init__(self, root: Path, trusted: Sequence[str] = ()) -> None:
        self._root, self._trusted = root, trusted
        self._known: dict[str, _Size] = {}

    def of(self, run: Run) -> _Size:
        model = {k: v for k, v in run.settings["model"]["init_args"].items() if k not in _NEUTRAL}
        data = {k: v for k, v in run.settings["data"]["init_args"].items() if "seed" not in k}
        called = run.settings.get("trainer", {}).get("callbacks")
        harvests = called and [call for call in called if call["class_path"].endswith("HarvestCheckpoints")]
        key = str((run.configs, model, data, called is None, harvests))
        if key not in self._known:
            self._known[key] = self._measure(run)
        return self._known[key]

    def _measure(self, run: Run) -> _Size:
        cli = parse_run(run, self._root, self._trusted)
        data, parameters = cli.datamodule, count_parameters(cli.model.model)
        kept = sum(harvest.expected(data) for harvest in cli._callbacks(HarvestCheckpoints))
        return _Size(data.num_steps, 4 * parameters * (kept + 3), 16 * parameters)
