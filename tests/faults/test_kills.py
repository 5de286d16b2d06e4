"""Two hundred kills of forked runs and twenty of true subprocesses: no byte differs in the end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.drivers import Tally, report
from tests.faults.kinds import KINDS, assert_all_readable, assert_same_run, resume_until_done
from tests.support import fit, in_child, killed_at_write

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(20))
def test_killed_at_a_random_moment_and_resumed_is_bit_identical(
    kind: str, seed: int, overlays: dict[str, list[str]], uninterrupted: dict[str, Path], tmp_path: Path
) -> None:
    moment = random.Random(f"{kind}{seed}")
    if seed % 2:
        action = killed_at_write(lambda: fit(tmp_path / "run", *overlays[kind]), moment.randrange(2, 110))
        in_child(action)
    else:
        in_child(lambda: fit(tmp_path / "run", *overlays[kind]), kill_after=moment.uniform(0.1, 2.5))
    assert_all_readable(tmp_path)
    resume_until_done(tmp_path / "run", overlays[kind])
    assert_same_run(uninterrupted[kind], tmp_path / "run")
    report(Tally("kills of forked runs, goes on bit-identical", 1, 1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(2))
def test_a_true_process_killed_and_started_again_is_bit_identical(
    kind: str, seed: int, overlays: dict[str, list[str]], uninterrupted: dict[str, Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = [sys.executable, "-m", "lit_curriculum", "fit", "--run_dir", str(run)]
    for name in overlays[kind]:
        words += ["--config", name]
    # As many threads as the tests have: sums are split among them.
    command = subprocess.Popen(words, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    wait = random.Random(f"true{kind}{seed}").uniform(0.0, 1.5)
    while not (run / "config.yaml").is_file() and command.poll() is None:
        time.sleep(0.01)
    time.sleep(wait)
    command.send_signal(signal.SIGKILL)
    command.wait()
    assert_all_readable(tmp_path)
    resume_until_done(run, overlays[kind])
    assert_same_run(uninterrupted[kind], run)
    report(Tally("kills of true processes, goes on bit-identical", 1, 1))
