"""What `lit sweep` tells of its runs: their states, and the tables of what is finished."""

from __future__ import annotations

import json
import shutil
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lit_curriculum.errors import bad_value, suggest
from lit_curriculum.reading import read_table
from lit_curriculum.runs.folder import RunFolder
from lit_curriculum.runs.graph import Finished, Run
from lit_curriculum.runs.launchers import failure_note
from lit_curriculum.runs.launchers.slurm import Jobs, queued
from lit_curriculum.runs.lease import in_use
from lit_curriculum.runs.sweep import Sweep, describe

QUEUED = ("waiting", "running")
AGAIN = ("failed", "stopped")
_STYLES = {
    "finished": "green",
    "running": "cyan",
    "waiting": "yellow",
    "failed": "bold red",
    "stopped": "red",
}
_ORDER = ("running", "failed", "stopped", "waiting", "new", "finished")
_SHOWN = 50


def states_of(plan: Sweep, root: Path) -> list[str]:
    """Return each run's state: new, waiting (in a queue), running, stopped, failed, or finished."""
    jobs = Jobs(root)
    queue = queued() if jobs.folder.is_dir() and shutil.which("squeue") else {}
    return [_state(run, root, jobs, queue) for run in plan.runs]


def show(plan: Sweep, root: Path, as_json: bool) -> None:
    """Print the state of every run; of more than 50 the most telling ones."""
    states = states_of(plan, root)
    if as_json:
        rows = [
            {"index": index, **_described(plan, index, state, root), **plan.settings[index]}
            for index, state in enumerate(states)
        ]
        print(json.dumps(rows, indent=1))
        return
    counts = Counter(states)
    told = ", ".join(f"{counts[state]} {state}" for state in _ORDER if counts[state])
    print(f"{plan.name}: {len(plan.runs)} runs on {', '.join(plan.configs)}: {told}")
    most = sorted(range(len(states)), key=lambda index: _ORDER.index(states[index]))[:_SHOWN]
    table = Table()
    for column in ("run", "state", "step", "last", "settings"):
        table.add_column(column, overflow="fold", justify="right" if column in ("run", "step") else "left")
    for index in sorted(most):
        state = states[index]
        row = _described(plan, index, state, root)
        last, name = row["last"], _metric(row["last"])
        measured = row["failed"] or (f"{name} {float(last[name]):.4g}" if name else "")
        style = _STYLES.get(state, "")
        colour = f"[{style}]{state}[/]" if style else state
        table.add_row(str(index), colour, last.get("step", ""), escape(measured), escape(_told(plan, index)))
    Console(width=None if Console().is_terminal else 160).print(table)
    if len(states) > _SHOWN:
        print(f"{len(states) - _SHOWN} more: --json")


def _described(plan: Sweep, index: int, state: str, root: Path) -> dict[str, Any]:
    """Return what can be said of a run: its folder, its state, why it failed, its last evaluation."""
    folder = plan.runs[index].folder(root)
    failed = None
    if state == "failed":
        note = failure_note(plan.runs[index], root)
        failed = note.read_text(encoding="utf-8") if note.is_file() else None
        failed = RunFolder(folder).provenance().get("failed", failed)
    return {
        "run": folder.name,
        "state": state,
        "failed": failed,
        "last": {} if state == "new" else _last(folder),
    }


def collect(plan: Sweep, root: Path) -> list[dict[str, Any]]:
    """Return a row for each finished run: its number, folder, group and settings, and its last evaluation.

    Args:
        plan: the sweep.
        root: folder of the runs.
    """
    rows = []
    for index, (run, settings) in enumerate(zip(plan.runs, plan.settings, strict=True)):
        folder = run.folder(root)
        if RunFolder(folder).finished:
            finished = Finished(run, folder)
            last, seconds = finished.rows("metrics.csv")[-1], finished.provenance.get("wall_seconds")
            # What `{bank}` stands for in the settings; they are the same for all seeds.
            teacher = {"teacher": run.needs[0].folder(root).name} if run.needs else {}
            group = {"group": name} if (name := plan.groups_of_runs[index]) else {}
            row = {"index": index, "run": folder.name, **group, **teacher, **settings, **last}
            rows.append({**row, "wall_seconds": seconds})
    return rows


def over(plan: Sweep, rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> list[dict[str, Any]]:
    """Return mean and spread of every number over some settings: a row for each group and the others' values.

    Args:
        plan: the sweep.
        rows: what `collect` returned.
        keys: settings to average over: whole, ``data.data_seed``, or the last words of a name, ``seed``.

    Raises:
        UsageError: if no run has such a setting.
    """
    known = {key for settings in plan.settings for key in settings}
    for key in keys:
        if not any(_ends_with(name, key) for name in known):
            raise bad_value(
                "--over", key, f"a setting of the sweep: {', '.join(sorted(known))}{suggest(key, known)}"
            )
    averaged = {name for name in known for key in keys if _ends_with(name, key)}
    settings = dict.fromkeys(key for one in plan.settings for key in one)
    kept = ["group", *(name for name in settings if name not in averaged)]
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(json.dumps([row.get(name) for name in kept], sort_keys=True), []).append(row)
    means = []
    for alike in groups.values():
        mean: dict[str, Any] = {name: alike[0][name] for name in kept if name in alike[0]}
        mean["runs"] = len(alike)
        measured = [name for name in alike[0] if name not in known | {"index", "run", "group"}]
        for name in measured:
            values = [_number(row.get(name)) for row in alike]
            if all(value is not None for value in values):
                numbers = [value for value in values if value is not None]
                mean[name] = statistics.fmean(numbers)
                mean[f"{name} sd"] = statistics.stdev(numbers) if len(numbers) > 1 else None
        means.append(mean)
    return means


def _ends_with(name: str, words: str) -> bool:
    """Tell whether a setting ends with whole words: ``data.data_seed`` does with ``seed``, not with ``d``."""
    return name == words or name.endswith((f".{words}", f"_{words}"))


def _state(run: Run, root: Path, jobs: Jobs, queue: dict[str, str]) -> str:
    folder = run.folder(root)
    recorded = RunFolder(folder).provenance()
    if recorded.get("finished"):
        return "finished"
    state = jobs.state(run, queue) if queue else None
    if state is not None:
        return state
    if in_use(folder):
        return "running"
    if "failed" in recorded or failure_note(run, root).is_file():
        return "failed"
    return "stopped" if recorded or (jobs.folder.is_dir() and jobs.job(run)) else "new"


def _told(plan: Sweep, index: int) -> str:
    """Return what tells a run from the others on one line: its group, and what is no list of classes."""
    plain = {k: v for k, v in plan.settings[index].items() if not isinstance(v, list | dict)}
    kind = plan.runs[index].kind.removeprefix(plan.name).removeprefix("-")
    return ": ".join(part for part in (kind, describe(plain)) if part)


def _last(folder: Path) -> dict[str, str]:
    """Return the last row of a run's metrics, which may be under way."""
    path = folder / "metrics.csv"
    rows = read_table(path) if path.is_file() else []
    return rows[-1] if rows else {}


def _metric(row: dict[str, str]) -> str | None:
    """Return which column tells most."""
    names = [name for name in row if name.endswith("accuracy")] or [n for n in row if n.endswith("loss")]
    return names[0] if names else None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
