"""``lit sweep``: the runs of a sweep file, all of them here or one each in a job array."""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from lit_curriculum.cli.interruption import stopping_by_exception
from lit_curriculum.cli.progress import GraphBar
from lit_curriculum.cli.trust import all_names
from lit_curriculum.errors import RunFailed, UsageError, bad_value
from lit_curriculum.files import write_rows
from lit_curriculum.runs.configs import named
from lit_curriculum.runs.folder import RunFolder, check_writable
from lit_curriculum.runs.graph import Finished, Run
from lit_curriculum.runs.lab import Lab
from lit_curriculum.runs.sweep import Sweep, describe, load_sweep


def sweep(options: argparse.Namespace) -> int:
    """Run ``lit sweep`` and return its exit code: 1 if a run fails, after the others have been trained.

    Raises:
        UsageError: for a wrong file, number or folder, or a run whose settings are wrong; all runs are
            checked before the first one starts.
    """
    plan = load_sweep(Path(named(options.file, "FILE")))
    if options.jobs is not None and options.jobs < 1:
        raise bad_value("--jobs", options.jobs, "an integer of at least 1")
    chosen = plan.runs if options.index is None else (plan.run(options.index),)
    out = Path(options.out)
    if options.list:
        _list(plan, out / "runs", options.json)
        return 0
    check_writable("--out", out)
    failure = None
    if not options.collect:
        # A run that is alone has all cores for itself.
        jobs = options.jobs or (1 if len(chosen) == 1 else None)
        try:
            _train(plan, chosen, out / "runs", jobs, all_names(options.trust))
        except RunFailed as error:
            failure = error  # told below, after what has been finished
        for run in chosen if options.index is not None else ():
            print(run.folder(out / "runs"))
    if options.index is None:  # jobs of an array would write over one another
        path = out / plan.name / "sweep.csv"
        rows = collect(plan, out / "runs")
        if options.collect and not rows:
            raise bad_value("--out", options.out, f"a folder in which runs of {plan.name} are finished")
        write_rows(path, rows)
        print(json.dumps(rows, indent=1) if options.json else f"{len(rows)} of {len(plan.runs)} runs: {path}")
    if failure is not None:
        raise failure
    return 0


def collect(plan: Sweep, root: Path) -> list[dict[str, Any]]:
    """Return a row for each finished run: its number, folder and settings, and its last evaluation.

    Args:
        plan: the sweep.
        root: folder of the runs.
    """
    rows = []
    for index, (run, settings) in enumerate(zip(plan.runs, plan.settings, strict=True)):
        folder = run.folder(root)
        if _state(folder) == "finished":
            finished = Finished(run, folder)
            last, seconds = finished.rows("metrics.csv")[-1], finished.provenance.get("wall_seconds")
            rows.append({"index": index, "run": folder.name, **settings, **last, "wall_seconds": seconds})
    return rows


def _train(plan: Sweep, chosen: tuple[Run, ...], root: Path, jobs: int | None, trusted: list[str]) -> None:
    from lit_curriculum.cli.training import fit_in_worker

    console = Console(stderr=True)
    with stopping_by_exception(), GraphBar(console) as bar:
        lab = Lab(root, partial(fit_in_worker, trusted=trusted), jobs, progress=bar)
        _check(plan, chosen, lab, trusted)
        lab.fit(chosen)


def _check(plan: Sweep, chosen: tuple[Run, ...], lab: Lab, trusted: list[str]) -> None:
    """Check every run's settings as `lit fit` would: none may fail after hours for what is known now."""
    from lit_curriculum.cli.training import parse_run

    numbers = {run.key: index for index, run in enumerate(plan.runs)}
    for run in chosen:
        try:
            parse_run(run, lab.root, trusted).preflight()
        except UsageError as error:
            raise UsageError(f"run {numbers[run.key]} of {plan.name}: {error}") from error


def _list(plan: Sweep, root: Path, as_json: bool) -> None:
    states = [_state(run.folder(root)) for run in plan.runs]
    if as_json:
        shown = zip(plan.runs, plan.settings, states, strict=True)
        rows = [
            {"run": run.folder(root).name, "state": state, "failed": _failed(run.folder(root)), **settings}
            for run, settings, state in shown
        ]
        print(json.dumps(rows, indent=1))
        return
    configs = ", ".join(plan.configs)
    failed = f", {states.count('failed')} failed" if "failed" in states else ""
    print(f"{plan.name}: {len(plan.runs)} runs on {configs}, {states.count('finished')} finished{failed}")
    for index, (run, state, settings) in enumerate(zip(plan.runs, states, plan.settings, strict=True)):
        reason = f"  ({_failed(run.folder(root))})" if state == "failed" else ""
        print(f"{index:>5}  {state:<8}  {describe(settings)}{reason}")


def _state(folder: Path) -> str:
    recorded = RunFolder(folder).provenance()
    if recorded.get("finished"):
        return "finished"
    return "failed" if "failed" in recorded else "begun" if recorded else "new"


def _failed(folder: Path) -> str | None:
    """Return why a run failed, the last time that it was tried."""
    return RunFolder(folder).provenance().get("failed")
