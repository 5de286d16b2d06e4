"""What is asked of SLURM's programs, and told where there are none; `tests/cluster` has a real one."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from lit_curriculum.errors import RunFailed, UsageError
from lit_curriculum.files import write_json
from lit_curriculum.runs.graph import Run
from lit_curriculum.runs.launchers import slurm
from lit_curriculum.runs.launchers.profile import Profile
from lit_curriculum.runs.launchers.slurm import Jobs, check_cluster, queued

RUN = Run("run", ("sparse_parity_mlp",), {"model": {"init_args": {"width": 3}}})


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that alone is searched for programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_a_machine_without_slurm_is_told(programs: Path) -> None:
    with pytest.raises(UsageError, match=r"--launcher: got 'slurm'; allowed: local, .* no sbatch"):
        check_cluster(Profile())


def test_partitions_are_those_of_the_cluster(programs: Path) -> None:
    for name in ("sbatch", "srun", "squeue"):
        program(programs, name, "exit 1")
    program(programs, "sinfo", 'echo "gpu\nsmall\ngpu"')
    check_cluster(Profile())
    check_cluster(Profile(partition="gpu"))
    check_cluster(Profile(partition="small,gpu"))
    with pytest.raises(UsageError, match="partition: got 'large'; allowed: of this cluster: gpu, small"):
        check_cluster(Profile(partition="large"))


def test_a_cluster_that_does_not_answer_is_told(programs: Path) -> None:
    for name in ("sbatch", "srun", "squeue"):
        program(programs, name, "exit 1")
    program(programs, "sinfo", "echo sinfo: error: Unable to contact >&2; exit 1")
    with pytest.raises(
        UsageError, match=r"--launcher: got 'slurm'; .* login node for one \(sinfo: error: Unable"
    ):
        check_cluster(Profile())


def test_the_queue_is_read_with_every_task_of_an_array(programs: Path) -> None:
    program(programs, "squeue", 'echo "12_0|RUNNING\n12_1|PENDING\n14|COMPLETING"')
    assert queued() == {"12_0": "RUNNING", "12_1": "PENDING", "14": "COMPLETING"}


def test_a_program_that_fails_is_told_with_its_words(programs: Path) -> None:
    program(programs, "squeue", "echo slurm_load_jobs error: Unable to contact controller >&2; exit 1")
    with pytest.raises(RunFailed, match="squeue: slurm_load_jobs error: Unable to contact"):
        queued()


def test_a_run_has_the_state_of_its_last_job(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "runs")
    assert jobs.job(RUN) is None
    assert jobs.state(RUN, {"7": "RUNNING"}) is None
    jobs.record(RUN, "7_3")
    jobs.record(RUN, "9")
    again = Jobs(tmp_path / "runs")
    assert again.job(RUN) == "9"
    assert again.state(RUN, {"9": "PENDING"}) == "waiting"
    assert again.state(RUN, {"9": "RUNNING"}) == again.state(RUN, {"9": "COMPLETING"}) == "running"
    assert again.state(RUN, {"7_3": "RUNNING"}) is None


def test_why_a_run_is_not_finished(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    jobs = Jobs(root)
    jobs.record(RUN, "9")
    assert jobs.reason(RUN, root) == (
        f"job 9 ended before the run did; what it said: {tmp_path / 'jobs' / '9' / '9_0_log.err'}"
    )
    write_json(RUN.folder(root) / "provenance.json", {"failed": "out of luck"})
    assert jobs.reason(RUN, root) == "out of luck"


def test_the_script_goes_on_for_want_of_time_alone() -> None:
    script = slurm._REQUEUE % 5
    assert '"$code" -eq 75' in script
    assert "-lt 5" in script
    assert "JobState=RUNNING" in script


class Fit:
    """Stands for what a job calls; it is pickled."""

    def __call__(self, configs: list[str], folder: str) -> None:
        raise AssertionError("nothing is trained here")


@pytest.fixture
def cluster(programs: Path) -> Path:
    """Programs of a cluster that takes jobs and ends them at once; what was submitted is in ``scripts``."""
    scripts = programs / "scripts"
    program(programs, "srun", "exit 0")
    program(programs, "sinfo", "echo main")
    program(programs, "squeue", "exit 0")
    submit = f'while read -r line; do echo "$line" >> {scripts}; done < "$1"; echo "Submitted batch job 7"'
    program(programs, "sbatch", submit)
    return scripts


def test_runs_are_submitted_with_what_the_profile_asks_for(cluster: Path, tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    root = tmp_path / "out" / "runs"
    other = Run("run", ("sparse_parity_mlp",), {"model": {"init_args": {"width": 4}}})
    student = Run("student", ("sparse_parity_mlp",), {"data": {"init_args": {"k": 3}}}, (RUN,))
    profile = Profile(partition="main", gpus_per_run=2, memory_gb=8, setup=("module load cuda",))
    told: list[set[str]] = []
    launcher = slurm.Slurm(Fit(), profile, wait=False)
    assert launcher.execute([RUN, other, student], root, lambda running, left: told.append(left)) == {}
    launcher.close()
    jobs = Jobs(root)
    assert [jobs.job(run) for run in (RUN, other, student)] == ["7_0", "7_1", "7"]
    text = cluster.read_text()
    for line in (
        "#SBATCH --partition=main",
        "#SBATCH --gpus-per-node=2",
        "#SBATCH --ntasks-per-node=2",
        "#SBATCH --mem=8GB",
        "#SBATCH --signal=USR1@120",
        "#SBATCH --array=0-1%2",
        "#SBATCH --dependency=afterok:7_0",
        "module load cuda",
        'exec scontrol requeue "$SLURM_JOB_ID"',
    ):
        assert line in text, line
    assert told == []  # nobody waits


def test_waiting_ends_with_the_runs(cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit")
    monkeypatch.setattr(slurm, "_LAG_SECONDS", 0.0)
    root = tmp_path / "out" / "runs"
    lost = Run("lost", ("sparse_parity_mlp",), {"data": {"init_args": {"k": 3}}})
    student = Run("student", ("sparse_parity_mlp",), {"data": {"init_args": {"k": 4}}}, (lost,))
    write_json(RUN.folder(root) / "provenance.json", {"finished": True})
    left: list[set[str]] = []
    launcher = slurm.Slurm(Fit(), Profile(poll_seconds=1))
    failed = launcher.execute([RUN, lost, student], root, lambda running, keys: left.append(keys))
    assert list(failed) == [lost]  # its student is not told as well
    assert "ended before the run did" in str(failed[lost])
    assert RUN.key not in left[-1]
    assert {lost.name, student.name} <= left[-1]  # neither is finished


def test_a_controller_that_does_not_answer_is_asked_again(
    cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("submitit")
    root, answers = tmp_path / "out" / "runs", iter([{}, RunFailed("squeue: timed out"), {}])
    write_json(RUN.folder(root) / "provenance.json", {"finished": True})

    def queued() -> dict[str, str]:
        answer = next(answers)
        if isinstance(answer, RunFailed):
            raise answer
        return answer

    monkeypatch.setattr(slurm, "queued", queued)
    monkeypatch.setattr(slurm.time, "sleep", lambda seconds: None)
    assert slurm.Slurm(Fit(), Profile()).execute([RUN], root, lambda running, left: None) == {}
    assert next(answers, None) is None
    monkeypatch.setattr(slurm, "queued", lambda: (_ for _ in ()).throw(RunFailed("squeue: no")))
    with pytest.raises(RunFailed, match="squeue: no"):
        slurm.Slurm(Fit(), Profile())._patiently_queued()


def test_a_run_that_was_seen_again_has_its_whole_time_to_be_finished(
    cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in the queue at first, then there for hours, then gone: the wait begins when it is gone."""
    root, now = tmp_path / "out" / "runs", [0.0]
    jobs = Jobs(root)
    jobs.record(RUN, "7")
    answers = iter([{}, {"7": "RUNNING"}, {}, {}])

    def queued() -> dict[str, str]:
        now[0] += 15.0
        if now[0] == 60.0:  # the file system catches up
            write_json(RUN.folder(root) / "provenance.json", {"finished": True})
        return next(answers)

    monkeypatch.setattr(slurm, "queued", queued)
    monkeypatch.setattr(slurm.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(slurm.time, "sleep", lambda seconds: None)
    assert slurm.Slurm(Fit(), Profile())._until_ended([RUN], jobs, root, lambda running, left: None) == {}


def test_a_submission_that_is_refused_is_told_with_sbatchs_words(cluster: Path, tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    program(cluster.parent, "sbatch", "echo sbatch: error: Invalid qos >&2; exit 1")
    launcher = slurm.Slurm(Fit(), Profile(qos="none"), wait=False)
    with pytest.raises(RunFailed, match=r"sbatch: .*Invalid qos"):
        launcher.execute([RUN], tmp_path / "out" / "runs", lambda running, left: None)


def test_jobs_are_cancelled_by_their_numbers(programs: Path) -> None:
    program(programs, "scancel", f'echo "$@" > {programs / "cancelled"}')
    slurm.cancel({"7_1", "7_0", "9"})
    assert (programs / "cancelled").read_text().split() == ["7_0", "7_1", "9"]
