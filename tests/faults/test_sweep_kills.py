"""A sweep whose processes are killed again and again: every run once, and every result as it should be."""

from __future__ import annotations

import os
import random
import shutil
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
from lit_curriculum.runs.sweep_file import load_sweep
from tests.faults.drivers import Tally, report

KILLS = int(os.environ.get("LIT_SWEEP_KILLS", "5"))
SWEEP = {
    "configs": ["sparse_parity_mlp", "smoke/sparse_parity_mlp"],
    "points": [
        {
            "data.num_steps": 200_000,
            "data.eval_every": 10_000,
            "data.steps_per_call": 10_000,
            "trainer.callbacks": [
                {"class_path": "HarvestCheckpoints", "init_args": {"every_n_steps": 50_000}},
                # Saves at every evaluation, so that a killed run goes on from somewhere.
                {"class_path": "ExactResume", "init_args": {"min_seconds": 0.0}},
            ],
        }
    ],
    "grid": {"data.data_seed, model.model_seed": list(range(10))},
}


def workers(command: subprocess.Popen[bytes]) -> list[int]:
    """Return the processes that train."""
    words = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(command.pid)]
    lines = subprocess.run(words, check=False, capture_output=True, text=True).stdout.splitlines()
    return [int(line.split(None, 1)[0]) for line in lines if "spawn_main" in line]


def trains(folders: list[RunFolder]) -> bool:
    """Tell whether one of these runs has begun, and not ended."""
    return any((folder.path / "metrics.csv").is_file() and not folder.finished for folder in folders)


def await_a_moment(command: subprocess.Popen[bytes], folders: list[RunFolder], chance: random.Random) -> None:
    """Return somewhere in the life of a worker: while it starts, or while a run trains, as often."""
    begun, longest = (
        (lambda: bool(workers(command)), 8.0)
        if chance.random() < 0.5
        else (
            lambda: bool(workers(command)) and trains(folders),
            3.0,
        )
    )
    while not begun() and command.poll() is None:
        time.sleep(0.05)
    end = time.monotonic() + chance.uniform(0.0, longest)
    while time.monotonic() < end and command.poll() is None:
        time.sleep(0.02)


def kill_one(command: subprocess.Popen[bytes], chance: random.Random) -> bool:
    """Kill a worker or, one time in six, the command itself; return whether there was one to kill."""
    victims = workers(command)
    if command.poll() is not None:
        return False
    victim = command.pid if not victims or chance.random() < 1 / 6 else chance.choice(victims)
    os.kill(victim, signal.SIGKILL)
    return True


def kill_again_and_again(words: list[str], folders: list[RunFolder], times: int) -> None:
    """Call the command until its runs have been killed so often and all are finished nevertheless.

    A killed worker takes the runs under way with it, and the command goes on with the others: it is killed
    at several moments of one call, since a call's start takes longer than a run.
    """
    chance, kills = random.Random(0), 0
    while kills < times or not all(folder.finished for folder in folders):
        command = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while kills < times and command.poll() is None:
            await_a_moment(command, folders, chance)
            kills += kill_one(command, chance)
            print(f"{kills} of {times} kills, {sum(f.finished for f in folders)} runs finished", flush=True)
        command.wait(600)
        if kills < times and all(folder.finished for folder in folders):
            for folder in folders[:5]:  # more kills are wanted than ten runs live through
                shutil.rmtree(folder.path)


@pytest.mark.slow
def test_kills_at_random_leave_every_result_once_and_identical(tmp_path: Path) -> None:
    file, out = tmp_path / "ten.yaml", tmp_path / "out"
    file.write_text(yaml.safe_dump(SWEEP))
    words = [sys.executable, "-m", "lit_curriculum", "sweep", str(file), "--out", str(out), "--jobs", "2"]
    runs = load_sweep(file).runs
    kill_again_and_again(words, [RunFolder(run.folder(out / "runs")) for run in runs], KILLS)
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
    report(Tally("kills of a sweep's processes, results once and identical", KILLS, KILLS))
