"""The launcher that `lit sweep` and `lit reproduce` were asked for."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from lit_curriculum.cli.workers import fit_in_job, fit_in_processes, fit_in_worker
from lit_curriculum.errors import UsageError, bad_value, suggest
from lit_curriculum.runs.launchers import Launcher
from lit_curriculum.runs.launchers.local import Local
from lit_curriculum.runs.launchers.profile import Profile, load_profile
from lit_curriculum.runs.launchers.slurm import Slurm

LAUNCHERS = ("local", "slurm")
_OF_LOCAL = ("jobs", "devices_per_run")
_OF_SLURM = ("profile", "partition", "time", "gpus_per_run", "constraint")
LAUNCHING = ("launcher", *_OF_LOCAL, *_OF_SLURM)

# Of the job that a command runs in; Lightning would take each of its workers for a task of that job.
_TASKS = ("SLURM_NTASKS", "SLURM_NTASKS_PER_NODE")


def make_launcher(
    options: argparse.Namespace, trusted: Sequence[str], wait: bool = True, events: bool = False
) -> Launcher:
    """Return the launcher of a command's options.

    Args:
        options: of the command line.
        trusted: names that configurations may use.
        wait: whether a cluster's jobs are waited for.
        events: whether runs keep their loggers.

    Raises:
        UsageError: for a wrong option, or a machine that submits no jobs.
    """
    check_options(options)
    if chosen(options) == "slurm":
        profile = profile_of(options)
        return Slurm(
            partial(fit_in_job, trusted=trusted, devices=profile.tasks, events=events), profile, wait
        )
    for name in _TASKS:
        os.environ.pop(name, None)
    devices = devices_of(options)
    if devices > 1:
        several = partial(fit_in_processes, trusted=trusted, devices=devices, events=events)
        return Local(several, options.jobs, devices)
    return Local(partial(fit_in_worker, trusted=trusted, events=events), options.jobs)


def check_options(options: argparse.Namespace) -> None:
    """Check the options that say where runs are trained.

    Raises:
        UsageError: naming the option.
    """
    name = chosen(options)
    if name not in LAUNCHERS:
        raise bad_value("--launcher", name, f"{', '.join(LAUNCHERS)}{suggest(name, LAUNCHERS)}")
    for other in _OF_SLURM if name == "local" else _OF_LOCAL:
        if getattr(options, other) is not None:
            needed = "slurm" if name == "local" else "local"
            raise UsageError(f"--{other.replace('_', '-')}: goes with --launcher {needed} only")
    for number in _OF_LOCAL:
        value = getattr(options, number)
        if value is not None and value < 1:
            raise bad_value(f"--{number.replace('_', '-')}", value, "an integer of at least 1")


def devices_of(options: argparse.Namespace) -> int:
    """Return how many devices each run trains on."""
    return profile_of(options).tasks if chosen(options) == "slurm" else options.devices_per_run or 1


def chosen(options: argparse.Namespace) -> str:
    """Return the launcher's name."""
    return str(options.launcher or "local")


def profile_of(options: argparse.Namespace) -> Profile:
    """Return what a job asks for: the profile's file, and the options that replace its values.

    Raises:
        UsageError: see `load_profile`.
    """
    path = None if options.profile is None else Path(options.profile)
    given = {name: getattr(options, name) for name in _OF_SLURM if name != "profile"}
    return load_profile(path, **given)


def as_plain(profile: Profile) -> dict[str, Any]:
    """Return a profile as JSON holds it, without what is not set."""
    plain = {name: value for name, value in asdict(profile).items() if value not in (None, (), {})}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}
