"""``lit sweep``: the runs of a sweep file, all of them or one of a job array, here or on a cluster."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from rich.console import Console

from lit_curriculum.cli.interruption import stopping_by_exception
from lit_curriculum.cli.launching import as_plain, check_options, chosen, make_launcher, profile_of
from lit_curriculum.cli.progress import GraphBar
from lit_curriculum.cli.sweep_table import AGAIN, QUEUED, collect, over, show, states_of
from lit_curriculum.cli.trust import all_names
from lit_curriculum.errors import RunFailed, UsageError, bad_value, suggest
from lit_curriculum.files import write_rows, write_text
from lit_curriculum.runs.configs import named
from lit_curriculum.runs.folder import check_writable
from lit_curriculum.runs.graph import Run, with_needs
from lit_curriculum.runs.lab import Lab
from lit_curriculum.runs.launchers import slurm
from lit_curriculum.runs.sweep import Sweep, load_sweep

_PROFILE = "profile.yaml"
ACTIONS = ("run", "status", "retry", "cancel", "collect")


def sweep(options: argparse.Namespace) -> int:
    """Run ``lit sweep`` and return its exit code: 1 if a run fails, after the others have been trained.

    Raises:
        UsageError: for a wrong file, number or folder, or a run whose settings are wrong; all runs are
            checked before the first one starts.
    """
    if options.action not in ACTIONS:
        raise bad_value("action", options.action, f"{', '.join(ACTIONS)}{suggest(options.action, ACTIONS)}")
    check_options(options)
    for name, only in (("index", "run"), ("over", "collect")):
        if getattr(options, name) not in (None, []) and options.action != only:
            raise UsageError(f"--{name}: got it with {options.action}; allowed: with {only}")
    plan = load_sweep(Path(named(options.file, "FILE")))
    out = Path(options.out)
    if options.action == "status":
        show(plan, out / "runs", options.json)
        return 0
    if options.action == "cancel":
        return _cancel(plan, out / "runs")
    chosen_runs = plan.runs if options.index is None else (plan.run(options.index),)
    if options.action == "retry":
        chosen_runs = _failed(plan, out / "runs")
        _remembered(options, out / plan.name)
    check_writable("--out", out)
    failure = None
    if options.action != "collect":
        try:
            if not _train(plan, chosen_runs, options):
                return 0  # the cluster's queue has them
        except RunFailed as error:
            failure = error  # told below, after what has been finished
        for run in chosen_runs if options.index is not None else ():
            print(run.folder(out / "runs"))
    if options.index is None:  # jobs of an array would write over one another
        _write(plan, options, out)
    if failure is not None:
        raise failure
    return 0


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


def _train(plan: Sweep, chosen_runs: Sequence[Run], options: argparse.Namespace) -> bool:
    """Train runs; return whether they have ended, and are not only in a cluster's queue."""
    out, trusted = Path(options.out), all_names(options.trust)
    on_cluster = chosen(options) == "slurm"
    if options.jobs is None and not on_cluster and len(chosen_runs) == 1:
        options.jobs = 1  # a run that is alone has all cores for itself
    launcher = make_launcher(options, trusted, wait=options.wait)
    with stopping_by_exception(), GraphBar(Console(stderr=True)) as bar:
        lab = Lab(out / "runs", launcher, progress=bar)
        _check(plan, chosen_runs, lab, trusted)
        if on_cluster:
            write_text(
                out / plan.name / _PROFILE, yaml.safe_dump(as_plain(profile_of(options)), sort_keys=False)
            )
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


def _check(plan: Sweep, chosen_runs: Sequence[Run], lab: Lab, trusted: list[str]) -> None:
    """Check every run's settings as `lit fit` would: none may fail after hours for what is known now."""
    from lit_curriculum.cli.training import parse_run

    numbers = {run.key: index for index, run in enumerate(plan.runs)}
    for run in chosen_runs:
        if any(not need.folder(lab.root).exists() for need in run.needs):
            continue  # what its teacher will leave cannot be looked at yet
        try:
            parse_run(run, lab.root, trusted).preflight()
        except UsageError as error:
            raise UsageError(f"run {numbers[run.key]} of {plan.name}: {error}") from error


def _failed(plan: Sweep, root: Path) -> tuple[Run, ...]:
    again = tuple(run for run, state in zip(plan.runs, states_of(plan, root), strict=True) if state in AGAIN)
    if not again:
        raise UsageError(f"retry: no run of {plan.name} below {root} failed or stopped; allowed: those")
    return again


def _remembered(options: argparse.Namespace, folder: Path) -> None:
    """Let ``retry`` launch as the last command did, unless it is told otherwise."""
    path = folder / _PROFILE
    if options.launcher is None and options.profile is None and path.is_file():
        options.launcher, options.profile = "slurm", str(path)


def _cancel(plan: Sweep, root: Path) -> int:
    jobs = slurm.Jobs(root)
    queue = slurm.queued()
    mine = {job for run in with_needs(plan.runs) if (job := jobs.job(run)) in queue and job is not None}
    if not mine:
        raise UsageError(f"cancel: no job of {plan.name} is in the queue; allowed: when there are some")
    slurm.cancel(mine)
    print(f"{len(mine)} jobs cancelled; the runs under way save, and go on with retry")
    return 0
