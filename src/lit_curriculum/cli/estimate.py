"""``lit reproduce --dry-run``: how many runs a figure takes, and what they leave on disk and in memory."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lit_curriculum.callbacks import HarvestCheckpoints
from lit_curriculum.cli.training import CurriculumCLI, parse_and_run
from lit_curriculum.models import count_parameters
from lit_curriculum.reproduce.figure import Figure
from lit_curriculum.reproduce.study import everything
from lit_curriculum.runs.configs import shipped
from lit_curriculum.runs.folder import RunFolder
from lit_curriculum.runs.graph import Run, with_needs
from lit_curriculum.runs.lab import Lab

_NEUTRAL = ("lr", "model_seed", "weight_decay")


def show(figures: Mapping[str, Figure], root: Path) -> None:
    """Print a row for each figure, and one for all: runs that several share are made once.

    Args:
        figures: by name.
        root: folder of the runs, of which finished ones are not made again.
    """
    table = Table(title="what would be trained (nothing is)")
    for column in ("target", "runs", "finished", "updates", "disk", "memory a process", "time"):
        table.add_column(column, justify="left" if column in ("target", "time") else "right", overflow="fold")
    sizes = _Sizes()
    union: dict[str, Run] = {}
    for name, figure in figures.items():
        runs = with_needs(everything(figure.studies))
        union.update((run.key, run) for run in runs)
        table.add_row(name, *_row(runs, root, sizes), figure.cost)
    if len(figures) > 1:
        table.add_section()
        table.add_row("all, each run once", *_row(union.values(), root, sizes), "")
    Console().print(table)
    print("disk: harvested weights, last checkpoints; memory: weights, gradients, Adam's state, no batch")


def _row(runs: Iterable[Run], root: Path, sizes: _Sizes) -> list[str]:
    runs = list(runs)
    finished = sum(RunFolder(run.folder(root)).finished for run in runs)
    measured = [sizes.of(run) for run in runs]
    updates, disk = (sum(each) for each in zip(*(m[:2] for m in measured), strict=True)) if runs else (0, 0)
    memory = max((m[2] for m in measured), default=0)
    return [f"{len(runs):,}", f"{finished:,}", f"{updates:.2g}", _bytes(disk), _bytes(memory)]


class _Sizes:
    """Updates, bytes on disk and bytes of memory of runs; a model of one shape is built once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int, int]] = {}

    def of(self, run: Run) -> tuple[int, int, int]:
        model = {k: v for k, v in run.settings["model"]["init_args"].items() if k not in _NEUTRAL}
        data = {k: v for k, v in run.settings["data"]["init_args"].items() if "seed" not in k}
        trainer = run.settings.get("trainer", {})
        swaps = [c["class_path"] for c in trainer.get("callbacks") or []]
        key = str((run.configs, model, data, swaps))
        if key not in self._known:
            self._known[key] = _measure(run)
        return self._known[key]


def _measure(run: Run) -> tuple[int, int, int]:
    cli = _parsed(run)
    steps, parameters = cli.datamodule.num_steps, count_parameters(cli.model.model)
    spacing = [c.every_n_steps for c in cli._callbacks(HarvestCheckpoints) if c.every_n_steps]
    kept = math.ceil(steps / min(spacing)) if spacing else 0
    return steps, 4 * parameters * (kept + 3), 16 * parameters


def _parsed(run: Run) -> CurriculumCLI:
    """Return the run as `lit fit` would see it, its teacher's bank not yet there."""
    settings = {**run.settings, "trainer": {**run.settings.get("trainer", {})}}
    called = settings["trainer"].get("callbacks")
    if called is not None:
        settings["trainer"]["callbacks"] = [c for c in called if c["class_path"] != "SwapTeacher"]
    bare = Run(run.kind, run.configs, settings)
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(Path(folder), _never)
        overlay = Path(folder) / "overlay.yaml"
        overlay.write_text(lab.overlay(bare), encoding="utf-8")
        words = ["fit"]
        for path in (*map(shipped, bare.configs), overlay):
            words += ["--config", str(path)]
        return parse_and_run([*words, "--run_dir", str(Path(folder) / "run")], run=False)


def _never(configs: list[str], folder: str) -> None:
    raise AssertionError("an estimate trains nothing")


def _bytes(n: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n < 1024:
            return f"{n:.0f} {unit}"
        n /= 1024
    return f"{n:.1f} TiB"
