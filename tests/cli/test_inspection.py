"""``lit probe``, ``lit sample`` and ``lit export``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from lit_curriculum.cli import grammar, probe
from lit_curriculum.cli.main import main
from lit_curriculum.distillation import CheckpointBank, Choice
from lit_curriculum.tasks.pcfg import Sampler, format_string, load_grammar
from tests.support import config, fit, in_child


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "run"
    assert in_child(lambda: fit(folder, config("pcfg_bert"), config("smoke/pcfg_bert"))) == 0
    return folder


@pytest.fixture(scope="module")
def parity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parity") / "run"
    names = ("sparse_parity_minibatch", "smoke/sparse_parity_minibatch")
    assert in_child(lambda: fit(folder, *(config(name) for name in names))) == 0
    return folder


def test_probe_prints_every_checkpoint_and_the_choice(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["probe", str(run / "bank"), "--strings", "2", "--positions", "2", "--ngrams", "3"]
    assert main([*words, "--nonterminals", "--nonterminal-strings", "64"]) == 0
    printed = capsys.readouterr().out
    for part in ("10", "40", "checkpoint by the loss", "peak of M_robust(3)", "nonterm"):
        assert part in printed


def test_probe_of_other_windows_tells_of_medians_and_of_no_choice(run, capsys) -> None:
    assert main(["probe", str(run), "--strings", "2", "--positions", "2", "--ngrams", "5"]) == 0
    printed = capsys.readouterr().out
    assert "medians over strings and positions" in printed
    assert "checkpoint by" not in printed


def test_two_rules_of_which_neither_finds_a_checkpoint_do_not_differ(capsys) -> None:
    probe._show([{"step": 1, "robust_3": 0.5}], Choice(None, None, None))
    printed = capsys.readouterr().out
    assert "checkpoint by the loss: none" in printed
    assert "differ" not in printed
    probe._show([{"step": 1, "robust_3": 0.5}], Choice(1, 2, None))
    assert "the two differ" in capsys.readouterr().out


def test_export_is_read_by_transformers(run: Path, tmp_path: Path) -> None:
    from transformers import BertForMaskedLM

    assert main(["export", str(run), "20", str(tmp_path / "hf")]) == 0
    bank = CheckpointBank.open(run / "bank")
    entry = bank.at(20)
    record = json.loads((tmp_path / "hf" / "lit_curriculum.json").read_text())
    assert (record["step"], record["sha256"]) == (20, entry.sha256)
    ids = torch.tensor([[2, 1, 3, 4]])
    theirs = BertForMaskedLM.from_pretrained(tmp_path / "hf").eval()
    torch.testing.assert_close(theirs(input_ids=ids).logits, bank.load(entry)(ids))


def test_sample_prints_the_strings_of_the_stream(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", "cfg3b", "--roots", "13", "14", "15", "--count", "3", "--seed", "4"]) == 0
    cfg3b = load_grammar("cfg3b", root=(13, 14, 15))
    strings = Sampler(cfg3b).sample(4, "train", 0, 3)
    assert capsys.readouterr().out.splitlines() == [format_string(cfg3b, strings, i) for i in range(3)]
    assert main(["sample", "cfg3b", "--roots", "13", "--tree"]) == 0
    assert "13 [0, 1" in capsys.readouterr().out


def test_many_strings_are_drawn_in_parts_and_are_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["sample", "cfg3b", "--roots", "13", "--count", "25", "--seed", "4"]
    printed = []
    for at_once in (100, 10):
        monkeypatch.setattr(grammar, "AT_ONCE", at_once)
        assert main([*words, "--tree"]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]


def test_a_damaged_table_or_manifest_is_named(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run, tmp_path / "run")
    table, manifest = tmp_path / "run" / "metrics.csv", tmp_path / "run" / "bank" / "manifest.json"
    words = ["probe", str(tmp_path / "run"), "--strings", "1", "--positions", "1", "--ngrams", "3"]
    whole = table.read_text()
    for wrong in (whole + "50,1\n", whole.replace("\n10,", "\nten,", 1), whole + "\xff"):
        table.write_bytes(wrong.encode("latin-1"))
        assert main(words) == 2
        message = capsys.readouterr().err.splitlines()[-1]
        assert message.startswith(f"lit: error: table: {table}"), message
    table.write_text(whole)
    value = json.loads(manifest.read_text())
    del value["digest"]
    value["task"]["grammar"]["rules"][0][1][0] = [10**6]
    manifest.write_text(json.dumps(value))
    assert main(words) == 2
    assert "grammar: rules" in capsys.readouterr().err
    manifest.write_text(manifest.read_text()[:-9])
    for command in (words, ["export", str(tmp_path / "run"), "20", str(tmp_path / "new")]):
        assert main(command) == 2
        assert f"bank: {manifest} cannot be read" in capsys.readouterr().err


def test_wrong_input_gives_one_line_and_exit_2(
    run: Path, parity: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    cases = [
        (["probe", str(tmp_path)], ["RUN_OR_BANK", "manifest.json"]),
        (["probe", str(parity), "--seed", "1"], ["--seed", "masked_pcfg"]),
        (["probe", str(run), "--ngrams", "0"], ["--ngrams", "0", "at least 1"]),
        (["probe", str(run), "--positions", "0"], ["--positions", "0", "at least 1"]),
        (["probe", str(run), "--seed", "-1"], ["--seed", "-1"]),
        (["probe", str(run), "--device", "tpus"], ["--device", "'tpus'"]),
        (["probe", str(run), "--out", str(tmp_path)], ["--out", "CSV"]),
        (["export", str(run), "21", str(tmp_path / "new")], ["step 21", "nearest 20"]),
        (["export", str(run), "20", str(tmp_path / "full")], ["DIR", "empty folder"]),
        (["export", str(parity), "50", str(tmp_path / "new")], ["mlp", "bert_masked_lm"]),
        (["sample", "cfg3c"], ["grammar", "did you mean"]),
        (["sample", "cfg3b", "--roots", "1"], ["root", "non-terminals"]),
        (["sample", "cfg3b", "--count", "0"], ["--count", "0", "at least 1"]),
        (["sample", "cfg3b", "--count", str(10**30)], ["--count", "at most 9007199254740992"]),
        (["sample", str(tmp_path)], ["is a folder"]),
        (["sample", "x" * 5000], ["grammar", "cfg3b"]),
        (["probe", str(run), "--strings", str(10**12)], ["--strings", "at most 100000"]),
        (["probe", str(run), "--positions", str(10**9)], ["--positions", "at most 1000"]),
        (["probe", str(run), "--ngrams", "3", str(10**12)], ["--ngrams", "at most 32767"]),
        (["probe", "x" * 5000], ["RUN_OR_BANK", "manifest.json"]),
        (["export", "x\0y", "20", str(tmp_path / "new")], ["NUL byte", "allowed: text"]),
        (["sample", "cfg3b", "--seed", "-1"], ["seed", "-1"]),
    ]
    for words, expected in cases:
        assert main(words) == 2, words
        message = capsys.readouterr().err
        assert message.startswith("lit: error: ")
        assert message.count("\n") == 1, message
        for part in expected:
            assert part in message
    assert not (tmp_path / "new").exists()
