"""Runs and banks of version 0.1 are read, and get their digests by one command."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch

from lit_curriculum.cli.main import main
from lit_curriculum.distillation import CheckpointBank
from lit_curriculum.runs.folder import RunFolder
from tests.cli.test_stopping import RUN, interrupted
from tests.faults.kinds import assert_same_run
from tests.support import fit, in_child


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("migrate") / "run"
    assert in_child(lambda: fit(folder, *RUN)) == 0
    return folder


def as_of_0_1(run: Path) -> None:
    """Take out what version 0.1 did not write."""
    provenance = json.loads((run / "provenance.json").read_text())
    for name in ("digest", "tables", "manifests"):
        provenance.pop(name, None)
    (run / "provenance.json").write_text(json.dumps({**provenance, "schema": 1}))
    (run / "checkpoints" / "last.ckpt.sha256").unlink()
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    del checkpoint["tables"], checkpoint["lit_curriculum"]["settings"]
    torch.save(checkpoint, run / "checkpoints" / "last.ckpt")
    manifest = json.loads((run / "bank" / "manifest.json").read_text())
    del manifest["digest"]
    (run / "bank" / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def old(made: Path, tmp_path: Path) -> Path:
    run = Path(shutil.copytree(made, tmp_path / "run"))
    as_of_0_1(run)
    return run


def test_a_run_of_0_1_is_read_as_it_is(old: Path) -> None:
    assert main(["test", "--run_dir", str(old), "--trainer.enable_progress_bar=false"]) == 0
    assert in_child(lambda: fit(old, *RUN)) == 0  # finished already


def test_migrated_it_notices_damage(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", str(old)]) == 0
    assert "manifest.json, provenance.json, checkpoints/last.ckpt.sha256" in capsys.readouterr().out
    assert main(["migrate", str(old)]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert RunFolder(old).verified("metrics.csv").is_file()
    assert "digest" in json.loads((old / "bank" / "manifest.json").read_text())
    path = old / "checkpoints" / "last.ckpt"
    path.write_bytes(path.read_bytes()[:-1])
    assert main(["test", "--run_dir", str(old)]) == 2
    assert not (old / ".lease").exists()


def test_weights_that_did_not_change_are_declared(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bank = old / "bank"
    manifest = json.loads((bank / "manifest.json").read_text())
    first, second = manifest["checkpoints"][:2]
    shutil.copy(bank / first["file"], bank / second["file"])
    second["sha256"] = first["sha256"]
    (bank / "manifest.json").write_text(json.dumps(manifest))
    words = ["test", "--run_dir", str(old), f"--step={second['step']}", "--trainer.enable_progress_bar=false"]
    assert main(words) == 2
    assert "lit migrate" in capsys.readouterr().err
    assert main(["migrate", str(bank)]) == 0
    assert CheckpointBank.open(bank).at(second["step"]).same_as == first["step"]
    assert main(words) == 0


def test_a_damaged_bank_is_not_migrated(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (old / "bank" / "manifest.json").read_bytes()
    file = sorted((old / "bank").glob("*.safetensors"))[0]
    file.write_bytes(file.read_bytes()[:-1])
    assert main(["migrate", str(old)]) == 2
    assert "bank: " in capsys.readouterr().err
    assert (old / "bank" / "manifest.json").read_bytes() == before


def test_something_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", str(tmp_path)]) == 2
    assert "RUN_OR_BANK: got" in capsys.readouterr().err


def test_an_interrupted_run_of_0_1_goes_on_exactly(made: Path, tmp_path: Path) -> None:
    assert interrupted(tmp_path / "run", 90, lambda: os.kill(os.getpid(), signal.SIGTERM)) == 75
    as_of_0_1(tmp_path / "run")
    assert in_child(lambda: fit(tmp_path / "run", *RUN)) == 0
    assert_same_run(made, tmp_path / "run")
