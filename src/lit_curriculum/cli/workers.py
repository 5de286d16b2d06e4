"""One run of a figure or sweep, as a launcher starts it: in a worker, on several devices, in a job."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from types import FrameType

from lit_curriculum.cli.interruption import stopping_before_training
from lit_curriculum.errors import RunFailed, RunStopped, UsageError
from lit_curriculum.runs.graph import Run

_QUIET = "--trainer.enable_progress_bar=false"
_NO_EVENTS = "--trainer.logger=false"


def check_run(
    run: Run, root: Path, trusted: Sequence[str] = (), devices: int = 1, ended: Collection[str] = ()
) -> str | None:
    """Return what is wrong with a run's settings, as `lit fit` would say it before it writes anything.

    Args:
        run: of a sweep.
        root: folder of the runs.
        trusted: see `fit_in_worker`.
        devices: of the run.
        ended: names of finished runs. A bank of another is looked at as far as it is known (`foreseen`).
    """
    from lit_curriculum.cli.foreseen import foreseen
    from lit_curriculum.cli.parsing import parse_run

    try:
        if all(needed.name in ended for needed in run.needs):
            parse_run(run, root, trusted, devices).preflight()
        elif (bank := foreseen(run.needs[0], root, trusted)) is not None:
            parse_run(run.without_bank(but="SwapTeacher"), root, trusted, devices).preflight(bank)
        else:
            parse_run(run.without_bank(), root, trusted, devices).preflight()
    except UsageError as error:
        return str(error)
    return None


def fit_in_worker(configs: list[str], folder: str, trusted: Sequence[str] = (), events: bool = False) -> None:
    """Train one run in this process, on one device, without a progress bar of its own.

    Args:
        configs: files, later ones overlaying earlier ones.
        folder: of the run.
        trusted: names that the process which started this one trusts.
        events: whether the run keeps the loggers of its configuration, TensorBoard if it has none; figures
            read metrics.csv alone.
    """
    from lit_curriculum.cli.parsing import parse_and_run

    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    parse_and_run(_words(configs, folder, trusted, 1, events))


def fit_in_processes(
    configs: list[str], folder: str, trusted: Sequence[str] = (), devices: int = 2, events: bool = False
) -> None:
    """Train one run by a `lit fit` of its own, which starts a process for each further device.

    Args:
        configs: see `fit_in_worker`.
        folder: of the run.
        trusted: see `fit_in_worker`.
        devices: of the run.
        events: see `fit_in_worker`.

    Raises:
        RunStopped: if it was stopped and can go on.
        RunFailed: if it failed, with the last line that it said.
    """
    words = _words(configs, folder, trusted, devices, events)
    command = [sys.executable, "-m", "lit_curriculum", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def pass_on(number: int, frame: FrameType | None) -> None:
        process.send_signal(number)

    before = signal.signal(signal.SIGTERM, pass_on)
    try:
        _, said = process.communicate()
    finally:
        signal.signal(signal.SIGTERM, before)
    if process.returncode == 0:
        return
    last = ([line for line in said.splitlines() if line.startswith("lit: ")] or said.splitlines() or [""])[-1]
    last = last.removeprefix("lit: error: ").removeprefix("lit: stopped: ")
    if process.returncode == RunStopped.exit_code:
        raise RunStopped(last)
    raise RunFailed(last or f"lit fit ended with code {process.returncode}")


def fit_in_job(
    configs: list[str], folder: str, trusted: Sequence[str] = (), devices: int = 1, events: bool = False
) -> None:
    """Train one run as a task of a cluster's job, of which there is one for each device.

    Ends the process by SystemExit with `lit fit`'s exit codes, so that the job's script reads 75 as "go on".

    Args:
        configs: see `fit_in_worker`.
        folder: of the run.
        trusted: see `fit_in_worker`.
        devices: tasks of the job.
        events: see `fit_in_worker`.
    """
    stopping_before_training()
    from lit_curriculum.cli.parsing import parse_and_run

    try:
        parse_and_run(_words(configs, folder, trusted, devices, events))
    except (UsageError, RunFailed, RunStopped) as error:
        if os.environ.get("SLURM_PROCID", "0") == "0":
            print(f"lit: {error}", file=sys.stderr, flush=True)
        sys.exit(error.exit_code)


def _words(configs: list[str], folder: str, trusted: Sequence[str], devices: int, events: bool) -> list[str]:
    words = ["fit", *(word for config in configs for word in ("--config", config))]
    words += [f"--trust={name}" for name in trusted]
    words += [_QUIET] if events else [_QUIET, _NO_EVENTS]
    return [*words, "--run_dir", folder, *on_devices(devices)]


def on_devices(devices: int) -> list[str]:
    """Return the options of a run on several devices; none for one, which is what configurations say."""
    return [f"--trainer.devices={devices}", "--trainer.strategy=ddp"] if devices > 1 else []
