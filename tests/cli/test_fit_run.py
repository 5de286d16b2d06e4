"""A run ends with its folder and a command that works on it."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path

import pytest

from lit_curriculum.cli.main import main

SMOKE = ["--config", "sparse_parity_minibatch", "--config", "smoke/sparse_parity_minibatch"]
SHORT = ["--data.num_steps=20", "--data.eval_every=10", "--trainer.logger=false"]
HARVEST = "[{class_path: HarvestCheckpoints, init_args: {every_n_steps: 10}}]"


@pytest.mark.parametrize(("callbacks", "command"), [(HARVEST, "lit bank list"), ("[]", "lit test --run_dir")])
def test_the_last_line_is_a_command_that_works(
    callbacks: str, command: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "a run"
    with caplog.at_level(logging.INFO, logger="lightning.pytorch.utilities.rank_zero"):
        words = ["fit", *SMOKE, *SHORT, "--run_dir", str(folder), f"--trainer.callbacks={callbacks}"]
        assert main(words) == 0
    last = caplog.messages[-1]
    assert last == f"{folder}: finished; next: {command} {shlex.quote(str(folder))}"
    assert main(shlex.split(last.partition("next: lit ")[2])) == 0
