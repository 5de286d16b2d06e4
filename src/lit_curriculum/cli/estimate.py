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

_NEUTRAL = ("lr", "model_seed", "weight_decay")
_COLUMNS = "disk: harvested weights, last checkpoints; weights, Adam: of the largest model, its gradients too"


def show(figures: Mapping[str, Figure], root: Path, trusted: Sequence[str] = ()) -> None:
    """Print a row for each figure, and one for all: runs that several share are made once; then their times.

    Args:
        figures: by name.
        root: folder of the runs, of which finished ones are not made again.
        trusted: names that configurations may use.
    """
    table = Table(title="what would be trained (nothing is)")
    table.add_column("target", no_wrap=True)
    for column in ("runs", "finished", "updates", "disk", "weights, Adam"):
        table.add_column(column, justify="right", overflow="fold")
    sizes = _Sizes(root, trusted)
    union: dict[str, Run] = {}
    for name, figure in figures.items():
        runs = with_needs(everything(figure.studies, root))
        union.update((run.name, run) for run in runs)
        table.add_row(name, *_row(runs, root, sizes))
    if len(figures) > 1:
        table.add_section()
        table.add_row("all, each run once", *_row(union.values(), root, sizes))
    console = Console()
    console.print(table)
    print(_wrapped(_COLUMNS, console.width))
    # A sentence in a column of the table would be a dozen lines high on a narrow terminal.
    print("\ntime:")
    for name, figure in figures.items():
        print(_wrapped(f"{name}: {figure.cost}", console.width, indent="  "))


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


def _row(runs: Iterable[Run], root: Path, sizes: _Sizes) -> list[str]:
    runs = list(runs)
    finished = sum(RunFolder(run.folder(root)).finished for run in runs)
    measured = [sizes.of(run) for run in runs]
    updates, disk = sum(size.updates for size in measured), sum(size.disk for size in measured)
    memory = max((size.memory for size in measured), default=0)
    return [f"{len(runs):,}", f"{finished:,}", f"{updates:.2g}", in_bytes(disk), in_bytes(memory)]


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
