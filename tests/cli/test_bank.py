"""`lit bank`: list, verify, import, export."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM

from lit_curriculum.cli.main import main
from tests.distillation.test_sources import checkpoints


@pytest.fixture
def bank(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    words = ["bank", "import", str(checkpoints(tmp_path / "trainer")), "--out", str(tmp_path / "bank")]
    assert main(words) == 0
    assert "3 checkpoints, steps 10 to 30" in capsys.readouterr().out
    return tmp_path / "bank"


def test_what_it_holds(bank: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bank", "list", str(bank), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [entry["step"] for entry in told["checkpoints"]] == [10, 20, 30]
    assert told["model"]["init_args"]["class"] == "GPT2LMHeadModel"
    assert main(["bank", "list", str(bank)]) == 0
    assert "│   20 │" in capsys.readouterr().out


def test_whether_it_is_whole(bank: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bank", "verify", str(bank)]) == 0
    assert "3 checkpoints are whole" in capsys.readouterr().out
    path = sorted(bank.glob("*.safetensors"))[1]
    content = path.read_bytes()
    path.unlink()  # not the Trainer's, which the same file was
    path.write_bytes(content[:-1] + b"x")
    assert main(["bank", "verify", str(bank)]) == 2
    assert f"{path.name} has sha256" in capsys.readouterr().err


def test_folders_for_transformers(bank: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["bank", "export", str(bank), "--out", str(out), "--steps", "20"]) == 0
    assert [path.name for path in out.iterdir()] == ["checkpoint-20"]
    AutoModelForCausalLM.from_pretrained(out / "checkpoint-20")
    assert main(["bank", "export", str(bank), "--out", str(out), "--all"]) == 2
    assert "checkpoint-20" in capsys.readouterr().err
    assert len(list(out.iterdir())) == 1
    assert main(["bank", "export", str(bank), "--out", str(tmp_path / "all"), "--all"]) == 0
    assert len(list((tmp_path / "all").iterdir())) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lst", "BANK"], "action: got 'lst'; allowed: list, verify, import, export (did you"),
        (["list", "BANK", "--all"], "--all: got it with list; allowed: with export"),
        (["import", "BANK"], "--out: missing; allowed: a folder, which import writes"),
        (["import", "BANK", "--out", "NEW"], "a folder with checkpoint-STEP folders"),
        (["import", "org/model", "--out", "NEW"], "PLACE: 'org/model' is no folder; allowed"),
        (["export", "BANK", "--out", "NEW"], "allowed: --all, or --steps"),
        (["export", "BANK", "--out", "NEW", "--steps", "11"], "checkpoint: got step 11; allowed"),
        (["import", "BANK", "--out", "BANK/checkpoint-10"], "a folder outside the checkpoints of"),
        (["verify", "NEW"], "allowed: a folder with a manifest.json"),
    ],
)
def test_wrong_input(
    words: list[str], said: str, bank: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"BANK": str(bank), "NEW": str(tmp_path / "new")}
    found = [places.get(word, word.replace("BANK/", f"{bank}/")) for word in words]
    assert main(["bank", *found]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
