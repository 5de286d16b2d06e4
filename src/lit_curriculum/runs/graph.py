"""A small graph of runs, executed by a pool of processes; finished runs are reused.

Each run is one ``lit fit`` on shipped configurations plus a few settings. A run may need others, its
teachers, and starts when they are done. Its folder is named by a hash of everything that changes its
result, so that a second figure, or a second call, finds it finished.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import yaml

from lit_curriculum.errors import RunFailed, UsageError
from lit_curriculum.files import hash_of_json, write_text
from lit_curriculum.reading import read_table
from lit_curriculum.runs.configs import shipped
from lit_curriculum.runs.folder import RunFolder
from lit_curriculum.runs.identity import versions_of


@dataclass(frozen=True)
class Run:
    """One training run of a figure.

    Attributes:
        kind: a readable word, the beginning of the folder's name, e.g. ``teacher``.
        configs: names of shipped configurations, each overlaying the one before.
        settings: the last overlay, nested as in YAML. The string ``{bank}`` stands for the bank of the
            first run in ``needs``.
        needs: runs that must be finished before.
        cost: expected effort in any unit, for the remaining time.
    """

    kind: str
    configs: tuple[str, ...]
    settings: dict[str, Any] = field(hash=False)
    needs: tuple[Run, ...] = ()
    cost: float = 1.0

    @cached_property
    def key(self) -> str:
        """Hash of everything that changes the result."""
        layers = [yaml.safe_load(shipped(name).read_text(encoding="utf-8")) for name in self.configs]
        needed = [run.key for run in self.needs]
        versions = versions_of([layers, self.settings])
        return hash_of_json([layers, self.settings, needed, versions])[:12]

    def folder(self, root: Path) -> Path:
        """Return where the run lives below ``root``."""
        return root / f"{self.kind}-{self.key}"


@dataclass(frozen=True)
class Finished:
    """A finished run, as a figure reads it."""

    run: Run
    path: Path

    def history(self, metric: str) -> list[tuple[int, float]]:
        """Return (step, value) of a metric over the run."""
        rows = read_table(self.path / "metrics.csv")
        return [(int(row["step"]), float(row[metric])) for row in rows]

    def rows(self, file: str) -> list[dict[str, str]]:
        """Return the rows of one of the run's CSV files."""
        return read_table(self.path / file)

    @property
    def bank(self) -> Path:
        """The bank that the run harvested."""
        return self.path / "bank"

    @property
    def provenance(self) -> dict[str, Any]:
        """The run's provenance.json."""
        return RunFolder(self.path).provenance()


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
            UsageError: if a run reports wrong input; the runs already under way are finished first.
            RunFailed: if a run fails, e.g. by a number that is not finite; it is never judged.
        """
        everything = _with_needs(runs)
        pending = [run for run in everything if not self._is_finished(run)]
        if pending:
            try:
                self._execute(pending)
            finally:
                if not self._stays:
                    self._close()
        return [Finished(run, run.folder(self.root)) for run in runs]

    def _is_finished(self, run: Run) -> bool:
        folder = run.folder(self.root)
        if self.fresh and run.key not in self._made:
            shutil.rmtree(folder, ignore_errors=True)
            return False
        return RunFolder(folder).finished

    def _execute(self, pending: list[Run]) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        waiting, running = list(pending), dict[Future[None], Run]()
        unfinished = {run.key for run in pending}
        while waiting or running:
            ready = [r for r in waiting if not unfinished & {need.key for need in r.needs}]
            for run in ready[: self.jobs - len(running)]:
                waiting.remove(run)
                running[self._workers.submit(self._fit_one, *self._prepare(run))] = run
            done, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in done:
                run = running.pop(future)
                _raise_named(future, run)
                unfinished.discard(run.key)
                self._made.add(run.key)
            self._report(pending, list(running.values()), unfinished)

    @property
    def _workers(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            threads = max(1, _cores() // self.jobs)
            self._pool = ProcessPoolExecutor(self.jobs, context, _prepare_worker, (threads, os.getpid()))
        return self._pool

    def _close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _prepare(self, run: Run) -> tuple[list[str], str]:
        folder = run.folder(self.root)
        overlay = self.root / "overlays" / f"{folder.name}.yaml"
        write_text(overlay, self.overlay(run))
        return [*(str(shipped(name)) for name in run.configs), str(overlay)], str(folder)

    def overlay(self, run: Run) -> str:
        """Return a run's settings as the YAML that overlays its configurations."""
        settings = run.settings
        if run.needs:
            bank = str(run.needs[0].folder(self.root) / "bank")
            settings = _substitute(settings, lambda text: text.replace("{bank}", bank))
        return yaml.safe_dump(settings, sort_keys=False)

    def _report(self, runs: list[Run], running: list[Run], unfinished: set[str]) -> None:
        if self.progress is None:
            return
        finished = [run for run in runs if run.key not in unfinished]
        done = sum(run.cost for run in finished)
        done += sum(run.cost * _fraction(run.folder(self.root)) for run in running)
        self.progress.update(done, sum(run.cost for run in runs), len(finished), len(runs))


def _with_needs(runs: Iterable[Run]) -> list[Run]:
    """Return the runs and all they need, each once, needs first."""
    ordered: dict[str, Run] = {}
    for run in runs:
        for needed in _with_needs(run.needs):
            ordered.setdefault(needed.key, needed)
        ordered.setdefault(run.key, run)
    return list(ordered.values())


def _prepare_worker(threads: int, parent: int) -> None:
    import torch

    torch.set_num_threads(threads)
    os.environ["NUMBA_NUM_THREADS"] = str(threads)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process soon after the one that started it.

    If that one is killed, its workers would go on writing into folders that the next call wants to resume.
    """
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _raise_named(future: Future[None], run: Run) -> None:
    try:
        future.result()
    except (UsageError, RunFailed) as error:
        raise type(error)(f"run {run.kind}-{run.key}: {error}") from error


def _fraction(folder: Path) -> float:
    """Return how far a run is, from the last row that it wrote."""
    try:
        config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        last = (folder / "metrics.csv").read_text(encoding="utf-8").rstrip().rsplit("\n", 1)[-1]
        return min(1.0, int(last.split(",")[0]) / int(config["data"]["init_args"]["num_steps"]))
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0  # not written yet, or no run of ours


def _substitute(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {name: _substitute(inner, change) for name, inner in value.items()}
    if isinstance(value, list):
        return [_substitute(inner, change) for inner in value]
    return change(value) if isinstance(value, str) else value


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
