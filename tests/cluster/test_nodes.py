"""One run on two machines, which are network namespaces of this one, started by torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lit_curriculum.reading import read_table
from tests.support import config

pytestmark = pytest.mark.cluster

WORDS = ["--config", config("pcfg_bert"), "--config", config("smoke/pcfg_bert"), "--trainer.accelerator=cpu"]
ADDRESSES = ("10.213.7.1", "10.213.7.2")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@pytest.fixture
def nodes() -> Iterator[tuple[str, str]]:
    """Two namespaces with a cable between them."""
    if os.geteuid() != 0:
        pytest.fail("making network namespaces needs root")
    names = tuple(f"lit-{os.getpid()}-{i}" for i in range(2))
    try:
        for name in names:
            ip("netns", "add", name)
        ip(
            "link",
            "add",
            "lit0",
            "netns",
            names[0],
            "type",
            "veth",
            "peer",
            "name",
            "lit0",
            "netns",
            names[1],
        )
        for name, address in zip(names, ADDRESSES, strict=True):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", "lit0")
            for device in ("lo", "lit0"):
                ip("-n", name, "link", "set", device, "up")
        yield names[0], names[1]
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def test_two_nodes_train_as_one_process_does(nodes: tuple[str, str], tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lit0"}
    commands = []
    for rank, name in enumerate(nodes):
        words = ["ip", "netns", "exec", name, sys.executable, "-m", "torch.distributed.run"]
        words += ["--nnodes=2", "--nproc-per-node=1", f"--node-rank={rank}"]
        words += [
            f"--master-addr={ADDRESSES[0]}",
            "--master-port=29517",
            "-m",
            "lit_curriculum",
            "fit",
            *WORDS,
        ]
        words += ["--run_dir", str(tmp_path / "two"), "--trainer.devices=1", "--trainer.num_nodes=2"]
        words += ["--trainer.strategy=ddp", "--trainer.enable_progress_bar=false"]
        commands.append(subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True))
    for command in commands:
        _, said = command.communicate(timeout=300)
        assert command.returncode == 0, said[-3000:]
    alone = [sys.executable, "-m", "lit_curriculum", "fit", *WORDS, "--run_dir", str(tmp_path / "one")]
    subprocess.run([*alone, "--trainer.enable_progress_bar=false"], env=environment, check=True)
    one, two = (read_table(tmp_path / name / "metrics.csv") for name in ("one", "two"))
    assert [row["step"] for row in one] == [row["step"] for row in two]
    for first, second in zip(one, two, strict=True):
        for key in ("val/loss", "train/loss"):
            assert float(first[key]) == pytest.approx(float(second[key]), abs=1e-5)
