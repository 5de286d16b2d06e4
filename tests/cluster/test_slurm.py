"""Sweeps on a real SLURM: whatever happens to their jobs, the results are those of an undisturbed sweep."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from lit_curriculum.cli.main import main
from lit_curriculum.runs.graph import Run
from lit_curriculum.runs.launchers.slurm import Jobs
from lit_curriculum.runs.sweep_file import load_sweep
from tests.cluster.slurm_cluster import jobs, wait_until_empty

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("slurm")]

CONFIGS = ["sparse_parity_minibatch", "smoke/sparse_parity_minibatch"]
PROFILE = {"time": "0:20:00", "poll_seconds": 1, "grace_seconds": 30}


# At every evaluation, not only when the last save is some seconds old.
SAVES = {"class_path": "ExactResume", "init_args": {"min_seconds": 0.0}}
SHORT = {"data.num_steps": 2000, "data.eval_every": 250}


def sweep_file(folder: Path, seeds: int, num_steps: int = 3000, **more: Any) -> Path:
    content = {
        "configs": CONFIGS,
        "points": [{"data.num_steps": num_steps, "data.eval_every": 250, "trainer.callbacks": [SAVES]}],
        "grid": {"data.data_seed, model.model_seed": list(range(seeds))},
        **more,
    }
    path = folder / "seeds.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
    return path


def lit(*words: str) -> int:
    return main(["sweep", *words])


def submit(file: Path, out: Path, *words: str, **changed: Any) -> None:
    profile = out.parent / "profile.yaml"
    profile.write_text(yaml.safe_dump({**PROFILE, **changed}))
    options = ["--launcher", "slurm", "--profile", str(profile), "--out", str(out)]
    assert lit(str(file), *options, *words) == 0


def signal(job: str, name: str) -> None:
    subprocess.run(["scancel", f"--signal={name}", job], check=True)


def wait_for(there: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def undisturbed(file: Path, out: Path, *words: str) -> Path:
    """Train the same runs here; return where they are."""
    assert lit(str(file), "--out", str(out), "--jobs", "2", *words) == 0  # of one thread each, as the jobs
    return out / "runs"


def assert_same(runs: tuple[Run, ...], one: Path, other: Path) -> None:
    """Compare what was measured, and the weights and optimizer's state bit for bit."""
    for run in runs:
        assert _measured(run.folder(one)) == _measured(run.folder(other))
        first, second = (_state(run.folder(root)) for root in (one, other))
        assert first.keys() == second.keys()
        for name, value in first.items():
            assert torch.equal(value, second[name]), name


def _measured(folder: Path) -> list[list[str]]:
    lines = (folder / "metrics.csv").read_text().splitlines()
    clock = lines[0].split(",").index("seconds")
    return [[cell for i, cell in enumerate(line.split(",")) if i != clock] for line in lines]


def _state(folder: Path) -> dict[str, torch.Tensor]:
    content = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    moments = content["optimizer_states"][0]["state"]
    tensors = {f"{i}.{name}": value for i, one in moments.items() for name, value in one.items()}
    return {**content["state_dict"], **{n: v for n, v in tensors.items() if torch.is_tensor(v)}}


def test_an_array_of_runs_one_of_them_disturbed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two jobs are told to stop, one before its run began and one after a checkpoint; a third is killed."""
    file, out = sweep_file(tmp_path, seeds=3, num_steps=6000), tmp_path / "out"
    runs = load_sweep(file).runs
    submit(file, out)
    recorded = Jobs(out / "runs")
    first, second, third = (str(recorded.job(run)) for run in runs)
    assert {job.split("_")[0] for job in (first, second, third)} == {first.split("_")[0]}  # an array

    wait_for(lambda: jobs().get(first) == "RUNNING")
    signal(first, "USR1")  # while Python is being started
    wait_for((runs[1].folder(out / "runs") / "checkpoints" / "last.ckpt").is_file)
    signal(second, "USR1")
    wait_for((runs[2].folder(out / "runs") / "checkpoints" / "last.ckpt").is_file)
    signal(third, "KILL")
    wait_until_empty()

    capsys.readouterr()
    assert lit(str(file), "status", "--json", "--out", str(out)) == 0
    states = [row["state"] for row in yaml.safe_load(capsys.readouterr().out)]
    assert states == ["finished", "finished", "stopped"]
    assert lit(str(file), "retry", "--out", str(out)) == 0  # with the profile of the first command
    wait_until_empty()
    assert_same(runs, out / "runs", undisturbed(file, tmp_path / "here"))
    capsys.readouterr()
    assert lit(str(file), "collect", "--over", "seed", "--out", str(out)) == 0
    assert "1 means of 3 of 3 runs" in capsys.readouterr().out


PACE = """\
import time
from lightning.pytorch import Callback

class Pace(Callback):
    def on_train_batch_end(self, *_):
        time.sleep(0.02)
"""


def test_a_run_longer_than_a_job_goes_on_in_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job of a minute is told to save after 25 seconds; 2,000 updates at this pace take 40 anywhere."""
    (tmp_path / "pace.py").write_text(PACE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.syspath_prepend(tmp_path)
    point = {
        "data.num_steps": 2000,
        "data.eval_every": 250,
        "trainer.callbacks": [SAVES, {"class_path": "pace.Pace"}],
    }
    file, out = sweep_file(tmp_path, seeds=1, points=[point]), tmp_path / "out"
    (run,) = load_sweep(file).runs
    submit(file, out, "--trust", "pace", time="0:01:00", grace_seconds=35)
    resumed = []

    def ended() -> bool:
        if (run.folder(out / "runs") / "provenance.json").is_file():
            resumed.append(run_record(run.folder(out / "runs")).get("resumed", 0))
        return not jobs()

    wait_for(ended, 900)
    assert max(resumed) >= 1
    assert_same((run,), out / "runs", undisturbed(file, tmp_path / "here", "--trust", "pace"))


def run_record(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((folder / "provenance.json").read_text())
    return content


def test_a_student_waits_for_its_teacher_in_the_queue(tmp_path: Path) -> None:
    harvest = {"class_path": "HarvestCheckpoints", "init_args": {"every_n_steps": 1000}}
    one_shot = {"strategy": {"class_path": "OneShot"}, "bank": "{bank}"}
    taught = {"class_path": "SwapTeacher", "init_args": one_shot}
    groups = {
        "student": {
            "needs": "teacher",
            "shift": {"data.data_seed": 1000},
            "points": [{**SHORT, "trainer.callbacks": [taught]}],
        },
        "teacher": {"points": [{**SHORT, "trainer.callbacks": [harvest]}]},
    }
    file, out = sweep_file(tmp_path, seeds=1, points=None, groups=groups), tmp_path / "out"
    teacher, student = load_sweep(file).runs
    assert student.needs == (teacher,)
    submit(file, out, "--wait")
    assert run_record(student.folder(out / "runs"))["finished"]


def test_the_tasks_of_a_job_are_the_devices_of_a_run(tmp_path: Path) -> None:
    file, out = sweep_file(tmp_path, seeds=1, num_steps=1000), tmp_path / "out"
    (run,) = load_sweep(file).runs
    submit(file, out, "--wait", tasks_per_run=2)
    folder = run.folder(out / "runs")
    assert len(torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["rng"]) == 2
    words = ["--out", str(tmp_path / "here"), "--devices-per-run", "2", "--jobs", "2"]
    assert lit(str(file), *words) == 0
    assert_same((run,), out / "runs", tmp_path / "here" / "runs")


def test_cancelled_jobs_leave_runs_that_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = sweep_file(tmp_path, seeds=2, num_steps=1_000_000), tmp_path / "out"
    submit(file, out)
    folder = load_sweep(file).runs[0].folder(out / "runs")
    wait_for((folder / "checkpoints" / "last.ckpt").is_file)
    submit(file, out)  # what is in the queue is left there
    assert len(jobs()) == 2
    assert lit(str(file), "cancel", "--out", str(out)) == 0
    wait_until_empty(60)
    assert not (folder / ".lease").exists()
    assert not run_record(folder).get("finished")
    capsys.readouterr()
    assert lit(str(file), "cancel", "--out", str(out)) == 2
    assert "no job of seeds is in the queue" in capsys.readouterr().err


def test_a_failed_teacher_fails_its_job_alone_and_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = [{"class_path": "StopWhenLearned", "init_args": {"metric": "val/nothing"}}]
    one_shot = {"strategy": {"class_path": "OneShot"}, "bank": "{bank}"}
    taught = {"class_path": "SwapTeacher", "init_args": one_shot}
    groups = {
        "teacher": {"points": [{**SHORT, "trainer.callbacks": missing}]},
        "student": {
            "needs": "teacher",
            "points": [{**SHORT, "trainer.callbacks": [taught]}],
        },
    }
    file, out = sweep_file(tmp_path, seeds=1, points=None, groups=groups), tmp_path / "out"
    profile = tmp_path / "profile.yaml"
    profile.write_text(yaml.safe_dump(PROFILE))
    words = ["--launcher", "slurm", "--profile", str(profile), "--out", str(out), "--wait"]
    assert lit(str(file), *words) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("lit: error: run seeds-teacher-")
    assert "StopWhenLearned.metric: got 'val/nothing'" in error
    assert jobs() == {}


def test_an_unknown_partition_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = sweep_file(tmp_path, seeds=1)
    words = ["--launcher", "slurm", "--partition", "none", "--out", str(tmp_path / "out")]
    assert lit(str(file), *words) == 2
    assert "partition: got 'none'; allowed: of this cluster: main" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("tasks", "devices", "said"),
    [
        (["--ntasks=2"], 2, "SLURM: got --ntasks=2 alone; allowed: --nodes=N --ntasks-per-node=K"),
        (["--nodes=1", "--ntasks-per-node=2"], 1, "trainer.devices"),
    ],
)
def test_tasks_of_srun_that_are_not_the_devices_are_one_line(
    tasks: list[str], devices: int, said: str, tmp_path: Path
) -> None:
    words = [
        "fit",
        *(word for name in CONFIGS for word in ("--config", name)),
        f"--trainer.devices={devices}",
    ]
    words += ["--trainer.strategy=ddp", "--run_dir", str(tmp_path / "run")]
    command = ["srun", "--immediate=60", *tasks, sys.executable, "-m", "lit_curriculum", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_figure_made_of_jobs_is_the_one_made_here(tmp_path: Path) -> None:
    profile = tmp_path / "profile.yaml"
    profile.write_text(yaml.safe_dump(PROFILE))
    words = ["reproduce", "fig1-left", "--scale", "smoke", "--seeds", "1"]
    cluster = ["--launcher", "slurm", "--profile", str(profile), "--out", str(tmp_path / "cluster")]
    assert main([*words, *cluster]) in (0, 1)  # a claim at smoke scale may fail
    assert main([*words, "--jobs", "2", "--out", str(tmp_path / "here")]) in (0, 1)
    one, other = ((tmp_path / name / "fig1-left" / "data.csv").read_bytes() for name in ("cluster", "here"))
    assert one == other
