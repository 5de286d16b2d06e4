"""``lit sweep``: the runs of a sweep file, all of them or one of a job array, here or on a cluster."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from rich.console import Console

from lit_curriculum.cli.checking import check_runs
from lit_curriculum.cli.interruption import stopping_by_exception
from lit_curriculum.cli.launching import (
    LAUNCHING,
    as_plain,
    chosen,
    devices_of,
    make_launcher,
    profile_of,
)
from lit_curriculum.cli.parser import SWEEP_ACTIONS
from lit_curriculum.cli.progress import GraphBar
from lit_curriculum.cli.sweep_table import AGAIN, QUEUED, collect, over, show, states_of
from lit_curriculum.cli.trust import all_names
from lit_curriculum.errors import RunFailed, UsageError, bad_value, suggest
from lit_curriculum.files import write_rows, write_text
from lit_curriculum.runs.configs import named
from lit_curriculum.runs.folder import check_writable
from lit_curriculum.runs.graph import Run, with_needs
from lit_curriculum.runs.lab import Lab
from lit_curriculum.runs.launchers import Launcher, slurm
from lit_curriculum.runs.sweep import Sweep
from lit_curriculum.runs.sweep_file import load_sweep

_PROFILE = "profile.yaml"


def sweep(options: argparse.Namespace) -> int:
    """Run ``lit sweep`` and return its exit code: 1 if a run fails, after the others have been trained.

    Raises:
        UsageError: for a wrong file, number or folder, or a run whose settings are wrong; all runs are
            checked before the first one starts.
    """
    if options.action not in SWEEP_ACTIONS:
        allowed = f"{', '.join(SWEEP_ACTIONS)}{suggest(options.action, SWEEP_ACTIONS)}"
        raise bad_value("action", options.action, allowed)
    out = _out(options)
    plan = load_sweep(Path(named(options.file, "FILE")))
    _check_launching(options)
    if options.action == "status":
        show(plan, out / "runs", options.json)
        return 0
    if options.action == "cancel":
        return _cancel(plan, out / "runs")
    check_writable("--out", out)
    if options.action == "collect":
        _write(plan, options, out)
        return 0
    return _trained(plan, options, out)


def _trained(plan: Sweep, options: argparse.Namespace, out: Path) -> int:
    """Train the runs that are asked for, and write the table of all that is finished."""
    if options.action == "retry":
        _remembered(options, out / plan.name)
        chosen_runs = _failed(plan, out / "runs")
    else:
        chosen_runs = plan.runs if options.index is None else (plan.run(options.index),)
    if options.jobs is None and chosen(options) == "local" and len(chosen_runs) == 1:
        options.jobs = 1  # a run that is alone has all cores for itself
    launcher = make_launcher(options, all_names(options.trust), wait=options.wait, events=True)
    failure = None
    try:
        if not _train(plan, chosen_runs, options, launcher):
            return 0  # the cluster's queue has them
    except RunFailed as error:
        failure = error  # told below, after what has been finished
    if options.index is None:
        _write(plan, options, out)  # jobs of an array would write over one another
    else:
        print(chosen_runs[0].folder(out / "runs"))
    if failure is not None:
        raise failure
    return 0


def _out(options: argparse.Namespace) -> Path:
    if not options.out.strip():
        raise bad_value("--out", options.out, "a folder")
    for key in options.over:
        if not key.strip():
            raise bad_value("--over", key, "a setting of the sweep, or the end of its name")
    return Path(options.out)


def _check_launching(options: argparse.Namespace) -> None:
    """Check that an option belongs to the action: only what trains is told where to train."""
    for name, only in (("index", "run"), ("over", "collect")):
        if getattr(options, name) not in (None, []) and options.action != only:
            raise UsageError(f"--{name}: got it with {options.action}; allowed: with {only}")
    if options.action in ("run", "retry"):
        if options.wait and chosen(options) != "slurm" and options.action == "run":
            raise UsageError("--wait: goes with --launcher slurm only")
        return
    given = {**{name: getattr(options, name) for name in LAUNCHING}, "wait": options.wait or None}
    for name, value in given.items():
        if value is not None:
            word = name.replace("_", "-")
            raise UsageError(f"--{word}: got it with {options.action}; allowed: with run, retry")


def _write(plan: Sweep, options: argparse.Namespace, out: Path) -> None:
    """Write the table of what is finished, and with ``--over`` that of means."""
    rows = collect(plan, out / "runs")
    if options.action == "collect" and not rows:
        raise bad_value("--out", options.out, f"a folder in which runs of {plan.name} are finished")
    path = out / plan.name / "sweep.csv"
    if options.over:
        means = over(plan, rows, options.over)
        write_rows(path, rows)
        path, shown = out / plan.name / f"sweep_over_{'_'.join(options.over)}.csv", means
        write_rows(path, means)
        text = f"{len(means)} means of {len(rows)} of {len(plan.runs)} runs: {path}"
    else:
        write_rows(path, rows)
        shown, text = rows, f"{len(rows)} of {len(plan.runs)} runs: {path}"
    print(json.dumps(shown, indent=1) if options.json else text)


def _train(plan: Sweep, chosen_runs: Sequence[Run], options: argparse.Namespace, launcher: Launcher) -> bool:
    """Train runs; return whether they have ended, and are not only in a cluster's queue."""
    out, on_cluster = Path(options.out), chosen(options) == "slurm"
    remembered = out / plan.name / _PROFILE
    with stopping_by_exception(), GraphBar(Console(stderr=True)) as bar:
        lab = Lab(out / "runs", launcher, progress=bar)
        _check(plan, chosen_runs, lab, options)
        if on_cluster:
            write_text(remembered, yaml.safe_dump(as_plain(profile_of(options)), sort_keys=False))
        else:
            remembered.unlink(missing_ok=True)
        lab.fit(chosen_runs)
    for note in lab.notes:
        print(f"note: {note.removesuffix('; --fresh trains them anew')}", file=sys.stderr)
    if on_cluster and not options.wait:
        states = states_of(plan, out / "runs")
        print(
            f"{sum(state in QUEUED for state in states)} of {len(states)} runs are in the queue; see: ",
            end="",
        )
        print(f"lit sweep {options.file} status --out {options.out}")
        return False
    return True


def _check(plan: Sweep, chosen_runs: Sequence[Run], lab: Lab, options: argparse.Namespace) -> None:
    """Check every run's settings: none may fail after hours for what is known now."""
    numbers = {run.name: index for index, run in enumerate(plan.runs)}
    check_runs(
        chosen_runs,
        lab.root,
        all_names(options.trust),
        devices_of(options),
        lambda run: f"run {numbers[run.name]} of {plan.name}",
        lab.launcher,
    )


def _failed(plan: Sweep, root: Path) -> tuple[Run, ...]:
    """Return the runs that failed or stopped, and those that were never begun because they wait for them."""
    again: dict[str, Run] = {}
    for run, state in zip(plan.runs, states_of(plan, root), strict=True):  # needed runs come first
        waits = state == "new" and any(needed.name in again for needed in run.needs)
        if state in AGAIN or waits:
            again[run.name] = run
    if not again:
        raise UsageError(f"retry: no run of {plan.name} below {root} failed or stopped; allowed: those")
    return tuple(again.values())


def _remembered(options: argparse.Namespace, folder: Path) -> None:
    """Let ``retry`` launch as the last command did, unless it is told otherwise."""
    path = folder / _PROFILE
    local = options.jobs is not None or options.devices_per_run is not None
    if options.launcher is None and options.profile is None and not local and path.is_file():
        options.launcher, options.profile = "slurm", str(path)


def _cancel(plan: Sweep, root: Path) -> int:
    jobs = slurm.Jobs(root)
    if not any(jobs.job(run) for run in with_needs(plan.runs)):
        raise UsageError(f"cancel: no run of {plan.name} below {root} had a job; allowed: with slurm's")
    queue = slurm.queued()
    mine = {job for run in with_needs(plan.runs) if (job := jobs.job(run)) in queue and job is not None}
    if not mine:
        raise UsageError(f"cancel: no job of {plan.name} is in the queue; allowed: when there are some")
    slurm.cancel(mine)
    print(f"{len(mine)} jobs cancelled; the runs under way save, and go on with retry")
    return 0
