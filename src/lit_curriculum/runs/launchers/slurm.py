"""Runs as jobs of a SLURM cluster, submitted through submitit (extra ``cluster``).

One job a run, and a process in it for each of the run's devices. Runs with the same needs are one array,
which waits for the jobs of what it needs. A job whose time is up saves, ends with exit code 75, and its
script, outside of any container, puts it into the queue again. So the queue alone carries a sweep to its
end: the command that submitted it need not stay.

    <root>/../jobs/NAME.json    a run's job, by the name of its folder
    <root>/../jobs/<id>/        the job's script and what it said
"""

from __future__ import annotations

import getpass
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from lit_curriculum.errors import RunFailed, UsageError, bad_value
from lit_curriculum.files import write_json
from lit_curriculum.reading import read_json
from lit_curriculum.runs.folder import RunFolder
from lit_curriculum.runs.graph import Run, with_needs
from lit_curriculum.runs.launchers import Fit, Report, prepare
from lit_curriculum.runs.launchers.profile import Profile

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_ARRAY = 1000
"""Most jobs of an array; clusters allow 1,001 unless they say otherwise."""

_LAG_SECONDS = 20.0
"""So long a finished run may take to be seen here, on a file system shared by network."""

_QUEUE_TRIES = 5
"""So often a waiting command asks for the queue before it gives up; the jobs go on without it."""

# Numbers depend on how many threads add them up; a job has as many as it asked cores for.
_THREADS = ("export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1} NUMBA_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}",)

_REQUEUE = """\
code=$?
# 75: the run saved and goes on; 138: SIGUSR1 met it before Python could answer.
if [ "$code" -eq 75 ] || [ "$code" -eq 138 ]; then
  if [ "${SLURM_RESTART_COUNT:-0}" -lt %d ]; then
    # Not if it is being cancelled.
    scontrol show job "$SLURM_JOB_ID" | grep -q JobState=RUNNING && exec scontrol requeue "$SLURM_JOB_ID"
  fi
fi
exit "$code\""""


class Slurm:
    """Submits runs, or submits them and waits.

    Args:
        fit: trains one run as a task of a job; must be importable by name.
        profile: what each job asks for.
        wait: whether `execute` returns only when all runs have ended.

    Raises:
        UsageError: if this machine submits no jobs, or the cluster has no such partition.
    """

    def __init__(self, fit: Fit, profile: Profile, wait: bool = True) -> None:
        check_cluster(profile)
        self._fit, self._profile, self._wait = fit, profile, wait

    def execute(self, pending: Sequence[Run], root: Path, report: Report) -> dict[Run, BaseException]:
        """See `Launcher.execute`. Jobs that are in the queue already are left there, and waited for."""
        jobs = Jobs(root)
        queue = queued()
        self._submit([run for run in pending if jobs.state(run, queue) is None], jobs, root, queue)
        return self._until_ended(pending, jobs, root, report) if self._wait else {}

    def map(self, function: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
        """See `Launcher.map`; here, the jobs have not begun."""
        return [function(item) for item in items]

    def close(self) -> None:
        """Do nothing: the jobs are the cluster's."""

    def _submit(self, runs: list[Run], jobs: Jobs, root: Path, queue: dict[str, str]) -> None:
        """Submit runs, those with the same needs together, needs first."""
        groups: dict[frozenset[str], list[Run]] = {}
        for run in with_needs(runs):
            if run in runs:
                groups.setdefault(frozenset(need.name for need in run.needs), []).append(run)
        for alike in groups.values():
            for some in _cut(alike, _ARRAY):
                needed = {jobs.job(need) for run in some for need in run.needs}
                after = sorted(job for job in needed if job is not None and (job in queue or job in jobs.new))
                for run, job in zip(some, self._sbatch(some, jobs, root, after), strict=True):
                    jobs.record(run, job)

    def _sbatch(self, runs: Sequence[Run], jobs: Jobs, root: Path, after: list[str]) -> list[str]:
        """Submit one job or array; return the jobs' numbers."""
        from submitit.core.utils import FailedJobError, FailedSubmissionError
        from submitit.slurm.slurm import SlurmExecutor

        profile = self._profile
        executor = SlurmExecutor(folder=jobs.folder / "%j", python=profile.python)
        given = {
            "job_name": runs[0].kind,
            "partition": profile.partition,
            "time": profile.minutes,
            "ntasks_per_node": profile.tasks,
            "cpus_per_task": profile.cpus_per_run,
            "gpus_per_node": profile.gpus_per_run or None,
            "mem": None if profile.memory_gb is None else f"{profile.memory_gb}GB",
            "constraint": profile.constraint,
            "account": profile.account,
            "qos": profile.qos,
            "array_parallelism": profile.at_once,
            "dependency": "afterok:" + ":".join(after) if after else None,
            "setup": [*_THREADS, *profile.setup],
            "srun_args": [f"--cpus-per-task={profile.cpus_per_run}"],
            "teardown": (_REQUEUE % profile.requeues).splitlines(),
        }
        options: dict[str, Any] = {"requeue": True, "signal": f"USR1@{profile.grace_seconds}"}
        options |= {"kill-on-invalid-dep": "yes"} if after else {}
        executor.update_parameters(
            wckey=None,  # submitit's own, unknown to most clusters
            **{name: value for name, value in given.items() if value is not None},
            additional_parameters={**options, **profile.options},
        )
        try:
            with executor.batch():
                submitted = [executor.submit(self._fit, *prepare(run, root)) for run in runs]
        except (FailedJobError, FailedSubmissionError, subprocess.CalledProcessError) as error:
            raise RunFailed(f"sbatch: {' '.join(str(error).split())}") from error
        return [str(job.job_id) for job in submitted]

    def _until_ended(
        self, pending: Sequence[Run], jobs: Jobs, root: Path, report: Report
    ) -> dict[Run, BaseException]:
        left, gone = list(pending), dict[str, float]()
        failed: dict[Run, BaseException] = {}
        dropped: set[str] = set()  # for they need one that failed
        while left:
            queue = self._patiently_queued()
            running = [run for run in left if jobs.state(run, queue) == "running"]
            for run in list(left):
                if RunFolder(run.folder(root)).finished:
                    left.remove(run)
                elif jobs.state(run, queue) is not None:
                    gone.pop(run.name, None)
                else:
                    since = gone.setdefault(run.name, time.monotonic())
                    if time.monotonic() - since > _LAG_SECONDS:
                        left.remove(run)
                        if any(need in failed for need in with_needs(run.needs)):
                            dropped.add(run.name)
                        else:
                            failed[run] = RunFailed(jobs.reason(run, root))
            unfinished = {run.name for run in (*left, *failed)} | dropped
            report(running, unfinished)
            if left:
                time.sleep(self._profile.poll_seconds)
        return failed

    def _patiently_queued(self) -> dict[str, str]:
        """Return `queued`; a controller that does not answer for a while is asked again."""
        for _ in range(_QUEUE_TRIES - 1):
            try:
                return queued()
            except RunFailed:
                time.sleep(self._profile.poll_seconds)
        return queued()


class Jobs:
    """Which job trains, or last trained, each run below a folder.

    Args:
        root: folder of the runs.

    Attributes:
        new: numbers of the jobs that were recorded by this object.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root.parent.absolute() / "jobs"
        self.new: set[str] = set()
        self._root = root

    def job(self, run: Run) -> str | None:
        """Return the number of a run's last job, None if it had none."""
        path = self._path(run)
        if not path.is_file():
            return None
        recorded = read_json(path, "job")
        return str(recorded["job"]) if isinstance(recorded, dict) and "job" in recorded else None

    def record(self, run: Run, job: str) -> None:
        """Note which job trains a run."""
        self.new.add(job)
        write_json(
            self._path(run), {"job": job, "submitted": datetime.now(UTC).isoformat(timespec="seconds")}
        )

    def state(self, run: Run, queue: dict[str, str]) -> str | None:
        """Return ``waiting`` or ``running`` for a run whose job is in the queue, else None."""
        state = queue.get(self.job(run) or "")
        return None if state is None else "running" if state in ("RUNNING", "COMPLETING") else "waiting"

    def reason(self, run: Run, root: Path) -> str:
        """Return why a run whose job has left the queue is not finished."""
        told = RunFolder(run.folder(root)).provenance().get("failed")
        job = self.job(run)
        log = self.folder / str(job) / f"{job}_0_log.err"
        return str(told) if told else f"job {job} ended before the run did; what it said: {log}"

    def _path(self, run: Run) -> Path:
        return self.folder / f"{run.folder(self._root).name}.json"


def check_cluster(profile: Profile) -> None:
    """Check that jobs can be submitted from here.

    Raises:
        UsageError: naming what is missing.
    """
    missing = [name for name in ("sbatch", "srun", "squeue") if shutil.which(name) is None]
    if missing:
        allowed = f"local, or a machine that submits jobs (here is no {missing[0]})"
        raise bad_value("--launcher", "slurm", allowed)
    try:
        import submitit  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "--launcher: got 'slurm', which needs the package submitit; allowed: local, or after "
            "pip install 'lit_curriculum[cluster]'"
        ) from error
    try:
        partitions = _asked("sinfo", "--noheader", "--format=%R").split()
    except RunFailed as error:
        # Programs of SLURM repeat themselves over several lines.
        allowed = f"local, or where SLURM answers, on a login node for one ({str(error)[:100]})"
        raise bad_value("--launcher", "slurm", allowed) from error
    if profile.partition is not None and not set(profile.partition.split(",")) <= set(partitions):
        raise bad_value(
            "partition", profile.partition, f"of this cluster: {', '.join(sorted(set(partitions)))}"
        )


def queued() -> dict[str, str]:
    """Return the state of each of the user's jobs that has not ended, by its number (``12``, ``12_3``)."""
    rows = _asked("squeue", "--noheader", "--array", f"--user={getpass.getuser()}", "--format=%i|%T")
    return dict(row.split("|", 1) for row in rows.split())


def cancel(jobs: Iterable[str]) -> None:
    """Take jobs out of the queue; those that run are told to save and end."""
    for some in _cut(sorted(jobs), 200):
        _asked("scancel", *some)


def _cut(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    return (items[i : i + size] for i in range(0, len(items), size))


def _asked(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except subprocess.CalledProcessError as error:
        words = " ".join(error.stderr.split()).removeprefix(f"{command[0]}: ")
        raise RunFailed(f"{command[0]}: {words}") from error
    except FileNotFoundError as error:
        raise RunFailed(f"{command[0]}: there is no such program here") from error
    return done.stdout
