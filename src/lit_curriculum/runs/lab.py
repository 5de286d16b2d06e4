"""Executing a graph of runs by a pool of processes; finished runs are reused.

A run that fails does not end the others: all that does not need it is trained, then the failure is told. A
run folder that another command is writing to is left to that command, and read when it is finished.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Protocol

from lit_curriculum.errors import RunFailed, RunStopped, UsageError
from lit_curriculum.files import write_text
from lit_curriculum.reading import read_yaml
from lit_curriculum.runs.configs import shipped
from lit_curriculum.runs.folder import RunFolder
from lit_curriculum.runs.graph import Finished, Run, with_needs
from lit_curriculum.runs.lease import FolderInUse, Lease
from lit_curriculum.runs.orphans import end_with_parent

_RETRY_SECONDS = 1.0


class Progress(Protocol):
    """What shows how far a graph is."""

    def update(self, done: float, total: float, finished: int, of: int) -> None:
        """Called about once a second with the effort done and in all, and the numbers of runs."""


class Lab:
    """Executes runs below one folder.

    Args:
        root: folder of the runs.
        fit: trains one run in a worker process, given configuration files and the run's folder; must be
            importable by name.
        jobs: processes; each gets an equal share of the processor's cores.
        fresh: remove finished runs instead of reusing them.
        progress: told how far it is.
    """

    def __init__(
        self,
        root: Path,
        fit: Callable[[list[str], str], None],
        jobs: int | None = None,
        fresh: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self.root = root
        self._fit_one = fit
        self.jobs = max(1, jobs or _cores())
        self.fresh = fresh
        self.progress = progress
        self._made: set[str] = set()
        self._pool: ProcessPoolExecutor | None = None
        self._stays = False

    def __enter__(self) -> Lab:
        """Keep the worker processes, which take seconds to start, from one `fit` to the next."""
        self._stays = True
        return self

    def __exit__(self, *error: object) -> None:
        self._stays = False
        self._close()

    def fit(self, runs: Sequence[Run]) -> list[Finished]:
        """Train all runs that are not finished yet, and what they need; return them in order.

        Raises:
            RunFailed: if a run failed; all that do not need it have been trained.
            RunStopped: if a run was stopped by a signal.
        """
        everything = with_needs(runs)
        pending = [run for run in everything if not self._is_finished(run)]
        if pending:
            try:
                _raise_first(self._execute(pending))
            except KeyboardInterrupt:
                self._stop_workers()
                raise
            finally:
                if not self._stays:
                    self._close()
        return [Finished(run, run.folder(self.root)) for run in runs]

    def _is_finished(self, run: Run) -> bool:
        folder = run.folder(self.root)
        if self.fresh and run.key not in self._made:
            if folder.exists():
                lease = Lease.take(folder)
                shutil.rmtree(folder)
                lease.release()
            return False
        return RunFolder(folder).finished

    def _execute(self, pending: list[Run]) -> dict[Run, BaseException]:
        """Train runs; return those that failed, with the reason."""
        self.root.mkdir(parents=True, exist_ok=True)
        waiting, running = list(pending), dict[Future[None], Run]()
        unfinished = {run.key for run in pending}
        not_before: dict[str, float] = {}
        failed: dict[Run, BaseException] = {}
        while waiting or running:
            self._start(waiting, running, unfinished, not_before)
            done, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in done:
                run, error = running.pop(future), future.exception()
                if isinstance(error, FolderInUse):
                    not_before[run.key] = time.monotonic() + _RETRY_SECONDS
                    waiting.append(run)
                elif error is not None:
                    failed[run] = self._failure(error)
                    waiting = [other for other in waiting if run not in with_needs([other])]
                else:
                    unfinished.discard(run.key)
                    self._made.add(run.key)
            self._report(pending, list(running.values()), unfinished)
            if not running and waiting:
                time.sleep(0.05)  # all that is left is in the hands of another command
        return failed

    def _start(
        self,
        waiting: list[Run],
        running: dict[Future[None], Run],
        unfinished: set[str],
        not_before: dict[str, float],
    ) -> None:
        """Start as many runs as there is room for, of those whose needs are finished."""
        for run in list(waiting):
            if run.key in not_before and RunFolder(run.folder(self.root)).finished:
                waiting.remove(run)  # by the command that had its folder
                unfinished.discard(run.key)
                continue
            ready = not unfinished & {need.key for need in run.needs}
            if len(running) < self.jobs and ready and time.monotonic() >= not_before.get(run.key, 0.0):
                waiting.remove(run)
                running[self._workers.submit(self._fit_one, *self._prepare(run))] = run

    def _failure(self, error: BaseException) -> BaseException:
        if isinstance(error, BrokenProcessPool):
            self._close()  # of no more use; the next run gets another
            return RunFailed("its process was killed, perhaps for want of memory; the same command goes on")
        return error

    @property
    def _workers(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            threads = max(1, _cores() // self.jobs)
            self._pool = ProcessPoolExecutor(self.jobs, context, _prepare_worker, (threads, os.getpid()))
        return self._pool

    def _stop_workers(self) -> None:
        """Let the runs under way save and stop."""
        if self._pool is not None:
            for process in multiprocessing.active_children():
                process.terminate()

    def _close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def _prepare(self, run: Run) -> tuple[list[str], str]:
        folder = run.folder(self.root)
        overlay = self.root / "overlays" / f"{folder.name}.yaml"
        write_text(overlay, run.overlay(self.root))
        return [*(str(shipped(name)) for name in run.configs), str(overlay)], str(folder)

    def _report(self, runs: list[Run], running: list[Run], unfinished: set[str]) -> None:
        if self.progress is None:
            return
        finished = [run for run in runs if run.key not in unfinished]
        done = sum(run.cost for run in finished)
        done += sum(run.cost * _fraction(run.folder(self.root)) for run in running)
        self.progress.update(done, sum(run.cost for run in runs), len(finished), len(runs))


def _raise_first(failed: dict[Run, BaseException]) -> None:
    """Tell of the runs that failed, one by its name and reason.

    Raises:
        RunStopped: if one was stopped by a signal.
        RunFailed: if one failed.
    """
    if not failed:
        return
    for run, error in failed.items():
        if isinstance(error, RunStopped):
            raise RunStopped(f"run {run.kind}-{run.key}: {error}") from error
    run, error = next(iter(failed.items()))
    ours = isinstance(error, UsageError | RunFailed)
    reason = str(error) if ours else f"{type(error).__name__}: {' '.join(str(error).split())}"
    more = f" ({len(failed)} runs failed; the first is told)" if len(failed) > 1 else ""
    raise RunFailed(f"run {run.kind}-{run.key}: {reason}{more}") from error


def _prepare_worker(threads: int, parent: int) -> None:
    import torch

    torch.set_num_threads(threads)
    os.environ["NUMBA_NUM_THREADS"] = str(threads)
    # A terminal's Ctrl-C reaches all processes; the command stops its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(parent)


def _fraction(folder: Path) -> float:
    """Return how far a run is, from the last row that it wrote."""
    try:
        config = read_yaml(folder / "config.yaml")
        last = (folder / "metrics.csv").read_text(encoding="utf-8").rstrip().rsplit("\n", 1)[-1]
        return min(1.0, int(last.split(",")[0]) / int(config["data"]["init_args"]["num_steps"]))
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0  # not written yet, or no run of ours


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
