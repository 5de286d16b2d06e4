"""A graph of runs: finished ones are reused, the others given to a launcher, failures told by name."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from lit_curriculum.errors import RunFailed, RunStopped, UsageError
from lit_curriculum.files import write_text
from lit_curriculum.reading import read_yaml
from lit_curriculum.runs.folder import RunFolder
from lit_curriculum.runs.graph import Finished, Run, with_needs
from lit_curriculum.runs.launchers import Launcher, failure_note
from lit_curriculum.runs.lease import Lease
from lit_curriculum.runs.provenance import other_versions


class Progress(Protocol):
    """What shows how far a graph is."""

    def update(self, done: float, total: float, finished: int, of: int) -> None:
        """Called about once a second with the effort done and in all, and the numbers of runs."""


class Lab:
    """Executes runs below one folder.

    Args:
        root: folder of the runs.
        launcher: trains those that are not finished.
        fresh: remove finished runs instead of reusing them.
        progress: told how far it is.

    Attributes:
        reused: name of each finished run that was found -> `other_versions` of it.
        devices: names of those that trained the runs that were asked for since `begin_account`.
        seconds: folder's name of each of these runs, and of those that they need -> seconds of its training,
            whenever that was.
    """

    def __init__(
        self, root: Path, launcher: Launcher, fresh: bool = False, progress: Progress | None = None
    ) -> None:
        self.root = root
        self.launcher = launcher
        self.fresh = fresh
        self.progress = progress
        self.reused: dict[str, str] = {}
        self.devices: set[str] = set()
        self.seconds: dict[str, float] = {}
        self._made: set[str] = set()
        self._stays = False

    def __enter__(self) -> Lab:
        """Keep the launcher's worker processes, which take seconds to start, from one `fit` to the next."""
        self._stays = True
        return self

    def __exit__(self, *error: object) -> None:
        self._stays = False
        self.launcher.close()

    def begin_account(self) -> None:
        """Forget what was asked for before: from here on `devices` and `seconds` are one figure's."""
        self.devices, self.seconds = set(), {}

    def fit(self, runs: Sequence[Run]) -> list[Finished]:
        """Train all runs that are not finished yet, and what they need; return them in order.

        Raises:
            RunFailed: if a run failed; all that do not need it have been trained.
            RunStopped: if a run was stopped by a signal.
        """
        pending = [run for run in with_needs(runs) if not self._is_finished(run)]
        if pending:
            try:
                self._execute(pending)
            finally:
                if not self._stays:
                    self.launcher.close()
        for run in with_needs(runs):
            recorded = RunFolder(run.folder(self.root)).provenance()
            if device := recorded.get("device"):
                self.devices.add(str(device))
            self.seconds[run.name] = float(recorded.get("wall_seconds") or 0.0)
        return [Finished(run, run.folder(self.root)) for run in runs]

    def _execute(self, pending: list[Run]) -> None:
        def report(running: Iterable[Run], unfinished: set[str]) -> None:
            self._made.update(run.name for run in pending if run.name not in unfinished)
            self._report(pending, running, unfinished)

        self.root.mkdir(parents=True, exist_ok=True)
        failed = self.launcher.execute(pending, self.root, report)
        for run, error in failed.items():
            if not isinstance(error, RunStopped) and not RunFolder(run.folder(self.root)).provenance():
                write_text(failure_note(run, self.root), str(error))
        _raise_first(failed)

    def _is_finished(self, run: Run) -> bool:
        folder = run.folder(self.root)
        if self.fresh and run.name not in self._made:
            if folder.exists():
                lease = Lease.take(folder)
                shutil.rmtree(folder)
                lease.release()
            return False
        recorded = RunFolder(folder).provenance()
        if not recorded.get("finished"):
            return False
        if run.name not in self._made:
            self.reused[run.name] = other_versions(recorded)
        return True

    @property
    def notes(self) -> list[str]:
        """What is worth saying of runs that were reused, a line each."""
        counts = Counter(text for text in self.reused.values() if text)
        return [
            f"{count} of the {len(self.reused)} reused runs were made with {text}; --fresh trains them anew"
            for text, count in counts.items()
        ]

    def _report(self, runs: list[Run], running: Iterable[Run], unfinished: set[str]) -> None:
        if self.progress is None:
            return
        finished = [run for run in runs if run.name not in unfinished]
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
            raise RunStopped(f"run {run.name}: {error}") from error
    run, error = next(iter(failed.items()))
    ours = isinstance(error, UsageError | RunFailed)
    reason = str(error) if ours else f"{type(error).__name__}: {' '.join(str(error).split())}"
    more = f" ({len(failed)} runs failed; the first is told)" if len(failed) > 1 else ""
    raise RunFailed(f"run {run.name}: {reason}{more}") from error


def _fraction(folder: Path) -> float:
    """Return how far a run is, from the last row that it wrote."""
    try:
        config = read_yaml(folder / "config.yaml")
        last = (folder / "metrics.csv").read_text(encoding="utf-8").rstrip().rsplit("\n", 1)[-1]
        return min(1.0, int(last.split(",")[0]) / int(config["data"]["init_args"]["num_steps"]))
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0  # not written yet, or no run of ours
