"""A sweep whose processes are killed again and again: every run once, and every result as it should be."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from lit_curriculum.cli.main import main
from lit_curriculum.files import sha256_of
from lit_curriculum.reading import read_table
from lit_curriculum.runs.folder import RunFolder
from lit_curriculum.runs.sweep import load_sweep
from tests.faults.drivers import Tally, report

KILLS = int(os.environ.get("LIT_SWEEP_KILLS", "5"))
SWEEP = {
    "configs": ["sparse_parity_mlp", "smoke/sparse_parity_mlp"],
    "points": [
        {
            "data.num_steps": 400_000,
            "data.eval_every": 20_000,
            "data.steps_per_call": 20_000,
            "trainer.callbacks": [
                {"class_path": "HarvestCheckpoints", "init_args": {"every_n_steps": 100_000}},
                # Saves at every evaluation, so that a killed run goes on from somewhere.
                {"class_path": "ExactResume", "init_args": {"min_seconds": 0.0}},
            ],
        }
    ],
    "grid": {"data.data_seed, model.model_seed": list(range(10))},
}


def workers(command: subprocess.Popen[bytes]) -> list[int]:
    """Return the processes that train."""
    words = ["ps", "-o", "pid=,args=", "--ppid", str(command.pid)]
    lines = subprocess.run(words, check=False, capture_output=True, text=True).stdout.splitlines()
    return [int(line.split(None, 1)[0]) for line in lines if "spawn_main" in line]


def kill_one(command: subprocess.Popen[bytes], chance: random.Random) -> bool:
    """Kill a worker or the command itself; return whether there was one to kill."""
    victims = workers(command)
    if command.poll() is not None:
        return False
    victim = command.pid if not victims or chance.random() < 0.3 else chance.choice(victims)
    os.kill(victim, signal.SIGKILL)
    return True


@pytest.mark.slow
def test_kills_at_random_leave_every_result_once_and_identical(tmp_path: Path) -> None:
    file, out = tmp_path / "ten.yaml", tmp_path / "out"
    file.write_text(yaml.safe_dump(SWEEP))
    words = [sys.executable, "-m", "lit_curriculum", "sweep", str(file), "--out", str(out), "--jobs", "2"]
    runs, chance, kills = load_sweep(file).runs, random.Random(0), 0
    while kills < KILLS or not all(RunFolder(run.folder(out / "runs")).finished for run in runs):
        command = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if kills < KILLS:
            began, wait = time.monotonic(), chance.uniform(0.0, 6.0)
            while not workers(command) and command.poll() is None and time.monotonic() < began + 120:
                time.sleep(0.05)
            time.sleep(wait)
            kills += kill_one(command, chance)
        command.wait(600)
        if kills < KILLS and all(RunFolder(run.folder(out / "runs")).finished for run in runs):
            for run in runs[:5]:  # more kills are wanted than ten runs live through
                for path in sorted(run.folder(out / "runs").rglob("*"), reverse=True):
                    path.unlink() if path.is_file() else path.rmdir()
    assert main(["sweep", str(file), "--out", str(tmp_path / "calm"), "--jobs", "2"]) == 0
    assert len(list((out / "runs").glob("ten-*"))) == len(runs)
    for run in runs:
        disturbed, calm = (run.folder(root / "runs") for root in (out, tmp_path / "calm"))
        for name in ("metrics.csv",):
            one, other = (
                [{k: v for k, v in row.items() if k != "seconds"} for row in read_table(folder / name)]
                for folder in (disturbed, calm)
            )
            assert one == other
        weights = [sorted(folder.glob("bank/*.safetensors")) for folder in (disturbed, calm)]
        assert [sha256_of(path) for path in weights[0]] == [sha256_of(path) for path in weights[1]]
        assert weights[0]
        assert not list(disturbed.rglob("*.tmp"))
    report(Tally("kills of a sweep's processes, results once and identical", kills, kills))
