"""Processes of one run that are started at once: one looks at the folder, all do the same."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest
import torch
import yaml

# Before the processes are forked, which need it.
import lit_curriculum.cli.training  # noqa: F401
from lit_curriculum.cli.main import main
from lit_curriculum.runs.folder import RunFolder
from tests.support import config

STARTS = int(os.environ.get("LIT_STARTS", "4"))
WORDS = [
    "fit",
    "--config",
    config("sparse_parity_minibatch"),
    "--config",
    config("smoke/sparse_parity_minibatch"),
]
OPTIONS = ["--data.num_steps=4", "--data.eval_every=2", "--trainer.logger=false"]
OPTIONS += ["--trainer.devices=2", "--trainer.strategy=ddp", "--trainer.accelerator=cpu"]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def start_together(words: list[str], said: Path) -> list[int]:
    """Run `lit` as two ranks at the same moment, as torchrun does; return their exit codes."""
    port, ready = str(free_port()), os.pipe()
    children = []
    for rank in range(2):
        child = os.fork()
        if child == 0:
            code = 70
            try:
                os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
                os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "LOCAL_WORLD_SIZE": "2"}
                os.environ |= {
                    "GROUP_RANK": "0",
                    "TORCHELASTIC_RUN_ID": "test",
                    "TORCHELASTIC_RESTART_COUNT": "0",
                }
                sys.stderr = (said / f"rank{rank}.txt").open("a")
                os.read(ready[0], 1)  # the barrier
                code = main(words)
            except SystemExit as end:
                code = int(end.code or 0)
            finally:
                sys.stderr.flush()
                os._exit(code)
        children.append(child)
    os.write(ready[1], b"..")
    for end in ready:
        os.close(end)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


@pytest.mark.slow
def test_simultaneous_starts_all_train(tmp_path: Path) -> None:
    for number in range(STARTS):
        run = tmp_path / f"run{number}"
        assert start_together([*WORDS, "--run_dir", str(run), *OPTIONS], tmp_path) == [0, 0], number
        assert RunFolder(run).finished
        assert len(torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["rng"]) == 2
        # A finished run is nothing to do, for both.
        assert start_together([*WORDS, "--run_dir", str(run), *OPTIONS], tmp_path) == [0, 0]


@pytest.mark.slow
def test_what_rank_0_finds_wrong_is_told_once_and_ends_all(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text(yaml.safe_dump({"model": 1}))
    assert start_together([*WORDS, "--run_dir", str(run), *OPTIONS], tmp_path) == [2, 2]
    lines = [(tmp_path / f"rank{rank}.txt").read_text() for rank in range(2)]
    assert "holds a run with" in lines[0]
    assert "lit: error" not in lines[1]
    assert not (run / ".lease").exists()


@pytest.mark.slow
def test_as_many_devices_as_processes(tmp_path: Path) -> None:
    alone = [word.replace("devices=2", "devices=1") for word in OPTIONS]
    words = [*WORDS, "--run_dir", str(tmp_path / "run"), *alone]
    assert start_together(words, tmp_path) == [2, 2]
    assert "a launcher such as torchrun started 2 processes" in (tmp_path / "rank0.txt").read_text()
    assert not (tmp_path / "run").exists()
