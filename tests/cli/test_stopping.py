"""What ends a run before its time, with which exit code, and that the same command, run again, goes on."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lit_curriculum.callbacks import exact_resume
from lit_curriculum.cli import parsing
from lit_curriculum.cli.main import main
from lit_curriculum.reading import read_table
from lit_curriculum.runs.folder import RunFolder
from lit_curriculum.runs.lease import NAME
from tests.faults.drivers import Tally, report
from tests.support import config, fit, in_child, killed_at_write, without_times

RUN = [config("sparse_parity_minibatch"), config("smoke/sparse_parity_minibatch")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert in_child(lambda: fit(folder, *RUN)) == 0
    return folder


def at_step(step: int, act: Callable[[], object]) -> None:
    """Let something happen in this process before the batch of a step."""
    real = exact_resume.ExactResume.on_train_batch_start

    def acting(self, trainer, pl_module, batch, batch_idx):
        if pl_module.step == step:
            act()
        real(self, trainer, pl_module, batch, batch_idx)

    exact_resume.ExactResume.on_train_batch_start = acting  # type: ignore[method-assign]


def interrupted(folder: Path, step: int, act: Callable[[], object]) -> int:
    """Fit in a child in which something happens at a step; return its exit code."""

    def action() -> int:
        # As in a terminal: a shell's background jobs are started deaf to Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        at_step(step, act)
        return fit(folder, *RUN)

    return in_child(action)


def assert_same(ours: Path, theirs: Path) -> None:
    a, b = (torch.load(run / "checkpoints" / "last.ckpt", weights_only=True) for run in (ours, theirs))
    assert all(torch.equal(a["state_dict"][name], b["state_dict"][name]) for name in b["state_dict"])
    assert without_times(ours / "metrics.csv") == without_times(theirs / "metrics.csv")


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGUSR1, marks=pytest.mark.slow), signal.SIGINT]
)
def test_a_signal_saves_and_the_same_command_goes_on(
    number: signal.Signals, whole: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert interrupted(run, 77, lambda: os.kill(os.getpid(), number)) == 75
    message = capfd.readouterr().err.strip().splitlines()[-1]
    assert message.startswith(f"lit: stopped: {run}: {number.name} at step 77 of ")
    assert message.endswith("run the same command again to go on")
    assert torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["lit_curriculum"]["step"] == 77
    assert not RunFolder(run).finished
    assert not (run / NAME).exists()
    assert in_child(lambda: fit(run, *RUN)) == 0
    assert_same(run, whole)


def test_a_second_ctrl_c_does_not_wait(
    whole: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    assert interrupted(tmp_path / "run", 77, twice) == 75
    assert "run the same command again to go on from the last checkpoint" in capfd.readouterr().err
    assert in_child(lambda: fit(tmp_path / "run", *RUN)) == 0
    assert_same(tmp_path / "run", whole)


def test_a_callback_that_ends_the_program_does_not_pass_for_success(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert interrupted(tmp_path / "run", 77, lambda: sys.exit(0)) == 1
    assert "sys.exit(0)" in capfd.readouterr().err
    assert "sys.exit(0)" in RunFolder(tmp_path / "run").provenance()["failed"]


def test_an_exception_of_a_user_s_own_is_one_line_that_names_its_place(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise KeyError("my mistake")

    assert interrupted(tmp_path / "run", 77, fail) == 1
    message = capfd.readouterr().err
    assert "Traceback" not in message
    line = message.strip().splitlines()[-1]
    assert line.startswith("lit: error: unexpected KeyError: 'my mistake', at ")
    assert f"{Path(__file__).name}:" in line


def test_a_time_limit_is_no_success(whole: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    limit = ("--trainer.max_time={milliseconds: 1}",)
    assert in_child(lambda: fit(tmp_path / "run", *RUN, options=limit)) == 75
    assert "time limit at step 1 of 200; run the same command again to go on" in capfd.readouterr().err
    assert in_child(lambda: fit(tmp_path / "run", *RUN)) == 0
    assert_same(tmp_path / "run", whole)


@pytest.mark.parametrize(
    "name",
    ["", "bank", *(pytest.param(n, marks=pytest.mark.slow) for n in ("metrics.csv", "config.yaml", NAME))],
)
def test_a_folder_emptied_under_a_run_is_noticed(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lit_curriculum.runs.lease.HEARTBEAT_SECONDS", 0.02)
    run = tmp_path / "run"

    def remove() -> None:
        shutil.rmtree(run / name) if name in ("", "bank") else (run / name).unlink()
        time.sleep(0.2)

    assert interrupted(run, 120, remove) == 1
    message = capfd.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("lit: error: ")
    assert str(run) in message
    assert not RunFolder(run).finished


def test_a_full_disk_is_one_line_and_the_run_goes_on_when_there_is_room(
    whole: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def fill() -> None:
        real = os.fsync

        def full(descriptor: int) -> None:
            real(descriptor)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "run" / "metrics.csv"))

        os.fsync = full

    assert interrupted(tmp_path / "run", 101, fill) == 1
    message = capfd.readouterr().err.strip().splitlines()[-1]
    assert "metrics.csv: No space left on device; run the same command again once there is room" in message
    assert in_child(lambda: fit(tmp_path / "run", *RUN)) == 0
    assert_same(tmp_path / "run", whole)


def test_an_exception_is_noted_in_the_folder(tmp_path: Path) -> None:
    def fail() -> None:
        raise ArithmeticError("out of luck")

    assert interrupted(tmp_path / "run", 50, fail) == 1
    assert RunFolder(tmp_path / "run").provenance()["failed"] == "ArithmeticError: out of luck"
    assert in_child(lambda: fit(tmp_path / "run", *RUN)) == 0
    assert "failed" not in RunFolder(tmp_path / "run").provenance()


# --- two at once ---------------------------------------------------------------------------------------


def test_the_second_of_two_in_one_folder_is_refused(
    whole: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    codes = []
    run = tmp_path / "run"
    assert (
        interrupted(run, 60, lambda: codes.append(in_child(lambda: fit(run, *RUN)) == 2 or os._exit(99))) == 0
    )
    message = next(line for line in capfd.readouterr().err.splitlines() if "in use" in line)
    assert message.startswith(f"lit: error: run_dir: {str(run)!r} is in use by process ")
    assert_same(run, whole)


def test_a_killed_owner_is_followed_at_once(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert interrupted(run, 130, lambda: os.kill(os.getpid(), signal.SIGKILL)) == -signal.SIGKILL
    assert (run / NAME).exists()
    assert in_child(lambda: fit(run, *RUN)) == 0
    assert not (run / NAME).exists()
    assert_same(run, whole)


def test_a_kill_within_the_first_write_leaves_a_folder_that_goes_on(tmp_path: Path) -> None:
    for nth in range(1, 5):
        doomed = killed_at_write(lambda: fit(tmp_path / "run", *RUN), nth)
        assert in_child(doomed) == -signal.SIGKILL
    assert in_child(lambda: fit(tmp_path / "run", *RUN)) == 0


@pytest.mark.slow
def test_of_twenty_simultaneous_starts_one_runs(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "lit_curriculum", "fit"]
    for name in RUN:
        words += ["--config", name]
    words += ["--run_dir", str(tmp_path / "run"), "--trainer.enable_progress_bar=false"]
    words += ["--data.num_steps=40000", "--data.eval_every=1000"]
    children = [
        subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        for _ in range(20)
    ]
    refused = []
    while len(refused) < 19:
        time.sleep(0.2)
        refused = [child for child in children if child.poll() is not None]
    (running,) = [child for child in children if child.poll() is None]
    assert {child.returncode for child in refused} == {2}
    for child in refused:
        assert child.stderr is not None
        assert f"is in use by process {running.pid} on" in child.stderr.read()
    while not (tmp_path / "run" / "metrics.csv").is_file():
        time.sleep(0.2)
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 75
    steps = [int(row["step"]) for row in read_table(tmp_path / "run" / "metrics.csv")]
    assert steps == sorted(set(steps))
    report(Tally("simultaneous starts in one folder, one runs and the others are refused", 20, 20))


# --- trials --------------------------------------------------------------------------------------------


def test_a_trial_leaves_nothing(tmp_path: Path) -> None:
    trial = ("--trainer.fast_dev_run=true",)
    assert in_child(lambda: fit(tmp_path / "run", *RUN, options=trial)) == 0
    assert list(tmp_path.iterdir()) == []
    assert in_child(lambda: fit(tmp_path / "run", *RUN)) == 0
    assert RunFolder(tmp_path / "run").finished


def test_ctrl_c_outside_of_a_run_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(parsing, "train", interrupt)
    assert main(["fit"]) == 130
    assert capsys.readouterr().err == "lit: interrupted\n"
