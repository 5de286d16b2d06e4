"""Runs in a pool of processes on this machine, each with its share of the cores and its own GPUs.

A run folder that another command is writing to is left to that command, and read when it is finished.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeVar

from lit_curriculum.errors import RunFailed
from lit_curriculum.runs.folder import RunFolder
from lit_curriculum.runs.graph import Run, with_needs
from lit_curriculum.runs.launchers import Fit, Report, prepare
from lit_curriculum.runs.lease import FolderInUse
from lit_curriculum.runs.orphans import end_with_parent

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_RETRY_SECONDS = 1.0
_VISIBLE = "CUDA_VISIBLE_DEVICES"


class Local:
    """Trains runs side by side.

    Args:
        fit: trains one run in a worker process.
        jobs: worker processes; by default as many as there are cores, or GPUs, for ``devices_per_run`` each.
        devices_per_run: GPUs that a worker sees. Without GPUs, and with none of that number left, workers
            share what there is.
    """

    def __init__(self, fit: Fit, jobs: int | None = None, devices_per_run: int = 1) -> None:
        self._fit_one = fit
        self._gpus = visible_gpus()
        self._devices = devices_per_run
        self.jobs = max(1, jobs or (len(self._gpus) or _cores()) // devices_per_run)
        self._pool: ProcessPoolExecutor | None = None

    def execute(self, pending: Sequence[Run], root: Path, report: Report) -> dict[Run, BaseException]:
        """See `Launcher.execute`; stopped by Ctrl-C it lets the runs under way save and stop."""
        try:
            return self._execute(list(pending), root, report)
        except KeyboardInterrupt:
            for process in multiprocessing.active_children() if self._pool is not None else ():
                process.terminate()
            raise

    def map(self, function: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
        """See `Launcher.map`."""
        # In few batches: an item takes a fraction of a second.
        chunk = max(1, len(items) // (4 * self.jobs))
        try:
            return list(self._workers.map(function, items, chunksize=chunk))
        except BrokenProcessPool as error:
            self.close()
            raise _killed() from error

    def close(self) -> None:
        """End the worker processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def _execute(self, waiting: list[Run], root: Path, report: Report) -> dict[Run, BaseException]:
        running: dict[Future[None], Run] = {}
        unfinished = {run.name for run in waiting}
        not_before: dict[str, float] = {}
        failed: dict[Run, BaseException] = {}
        while waiting or running:
            self._start(waiting, running, unfinished, not_before, root)
            done, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
            if any(isinstance(future.exception(), BrokenProcessPool) for future in done):
                # A process that is killed takes its pool along: all that ran in it ends now, and the next run
                # gets another pool.
                done, _ = wait(running)
                self.close()
            for future in done:
                run, error = running.pop(future), future.exception()
                if isinstance(error, FolderInUse):
                    not_before[run.name] = time.monotonic() + _RETRY_SECONDS
                    waiting.append(run)
                elif error is not None:
                    failed[run] = _killed() if isinstance(error, BrokenProcessPool) else error
                    waiting = [other for other in waiting if run not in with_needs([other])]
                else:
                    unfinished.discard(run.name)
            report(running.values(), unfinished)
            if not running and waiting:
                time.sleep(0.05)  # all that is left is in the hands of another command
        return failed

    def _start(
        self,
        waiting: list[Run],
        running: dict[Future[None], Run],
        unfinished: set[str],
        not_before: dict[str, float],
        root: Path,
    ) -> None:
        """Start as many runs as there is room for, of those whose needs are finished."""
        for run in list(waiting):
            if run.name in not_before and RunFolder(run.folder(root)).finished:
                waiting.remove(run)  # by the command that had its folder
                unfinished.discard(run.name)
                continue
            ready = not unfinished & {need.name for need in run.needs}
            if len(running) < self.jobs and ready and time.monotonic() >= not_before.get(run.name, 0.0):
                try:
                    future = self._workers.submit(self._fit_one, *prepare(run, root))
                except BrokenProcessPool:
                    # One of its idle processes was killed. Those that run in it are told first.
                    if not running:
                        self.close()
                    return
                waiting.remove(run)
                running[future] = run

    @property
    def _workers(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            threads = max(1, _cores() // self.jobs)
            shares = share_devices(self._gpus, self._devices, self.jobs)
            arguments = (threads, os.getpid(), shares, context.Value("i", 0))
            self._pool = ProcessPoolExecutor(self.jobs, context, _prepare_worker, arguments)
        return self._pool


def _killed() -> RunFailed:
    return RunFailed(
        "its process was killed, or one beside it, perhaps for want of memory; run the same command again to "
        "go on"
    )


def visible_gpus() -> list[str]:
    """Return the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    count = torch.cuda.device_count()  # asks the driver's library; nothing of CUDA is started here
    named = [name for name in os.environ.get(_VISIBLE, "").split(",") if name.strip()]
    return named[:count] if named else [str(i) for i in range(count)]


def share_devices(gpus: Sequence[str], each: int, workers: int) -> list[str]:
    """Return the CUDA_VISIBLE_DEVICES of every worker: ``each`` GPUs, by turns; none where there are none."""
    if not gpus:
        return []
    teams = [gpus[i : i + each] for i in range(0, len(gpus) - each + 1, each)] or [gpus]
    return [",".join(teams[worker % len(teams)]) for worker in range(workers)]


def _prepare_worker(threads: int, parent: int, shares: list[str], counter: Any) -> None:
    if shares:
        with counter.get_lock():
            number, counter.value = counter.value, counter.value + 1
        os.environ[_VISIBLE] = shares[number % len(shares)]
    import torch

    torch.set_num_threads(threads)
    os.environ["NUMBA_NUM_THREADS"] = str(threads)
    # A terminal's Ctrl-C reaches all processes; the command stops its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(parent)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
