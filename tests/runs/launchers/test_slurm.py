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
    with pytest.raises(UsageError, match=r"--launcher: got 'slurm'; .* answers \(sinfo: error: Unable"):
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
