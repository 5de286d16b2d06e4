"""Several processes of one run: they stop together, and none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from lit_curriculum.runs.folder import RunFolder
from tests.support import config

BASE = [config("sparse_parity_minibatch"), config("smoke/sparse_parity_minibatch")]
TWO = ["--trainer.accelerator=cpu", "--trainer.devices=2", "--trainer.enable_progress_bar=false"]
LONG = ["--data.num_steps=1000000", "--data.eval_every=200"]

pytestmark = pytest.mark.slow


def start(run: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "lit_curriculum", "fit", "--run_dir", str(run)]
    for name in BASE:
        words += ["--config", name]
    words += [*TWO, *LONG, "--trainer.strategy=ddp"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment)


def ranks_of(command: subprocess.Popen[str]) -> list[int]:
    """Return the processes of the other ranks: the children that train."""
    words = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(command.pid)]
    lines = subprocess.run(words, check=False, capture_output=True, text=True).stdout.splitlines()
    return [int(line.split(None, 1)[0]) for line in lines if " fit " in line]


def training(run: Path, command: subprocess.Popen[str]) -> list[int]:
    """Wait for a row that this command writes; return the processes of the other ranks."""
    began, deadline = time.time(), time.monotonic() + 180
    while not (run / "metrics.csv").is_file() or (run / "metrics.csv").stat().st_mtime < began:
        assert command.poll() is None, command.stderr and command.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    ranks = ranks_of(command)
    assert len(ranks) == 1
    return ranks


def gone(process: int, seconds: float = 40) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state in "ZX":
            return True
        time.sleep(0.1)
    return False


def test_a_signal_stops_all_ranks_at_one_update(tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = start(run)
    (rank,) = training(run, command)
    command.send_signal(signal.SIGTERM)
    assert command.wait(60) == 75
    assert gone(rank)
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert len(checkpoint["rng"]) == 2
    assert not (run / ".lease").exists()
    assert not RunFolder(run).finished


@pytest.mark.parametrize("victim", ["launcher", "rank"])
def test_a_killed_process_takes_the_others_with_it(tmp_path: Path, victim: str) -> None:
    run = tmp_path / "run"
    command = start(run)
    (rank,) = training(run, command)
    os.kill(command.pid if victim == "launcher" else rank, signal.SIGKILL)
    assert command.wait(60) != 0
    assert gone(rank)
    # The folder is free, and holds a run that goes on.
    again = start(run)
    training(run, again)
    again.send_signal(signal.SIGTERM)
    assert again.wait(60) == 75
