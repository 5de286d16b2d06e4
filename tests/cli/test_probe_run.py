"""`lit probe` of runs: it finds in the bank what the run's own probes wrote down."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lit_curriculum.cli.main import main
from lit_curriculum.reading import read_table
from tests.support import config, fit


def run(name: str, folder: Path, *probes: str) -> Path:
    callbacks = ", ".join(("{class_path: HarvestCheckpoints, init_args: {every_n_steps: 10}}", *probes))
    short = ("--data.num_steps=20", "--data.eval_every=10", "--trainer.logger=false")
    options = (*short, f"--trainer.callbacks=[{callbacks}]")
    assert fit(folder, config(name), config(f"smoke/{name}"), options=options) == 0
    return folder


def probed(place: Path, capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["probe", str(place), "--json", *options]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["rows"]
    return rows


def probe(name: str, **arguments: object) -> str:
    given = ", ".join(f"{key}: {value}" for key, value in arguments.items())
    return f"{{class_path: {name}, init_args: {{{given}}}}}"


@pytest.mark.parametrize(
    ("name", "callback"), [("pcfg_gpt2", "LogSkipNgrams"), ("natural_language", "LogNgrams")]
)
def test_contexts_are_those_of_the_run(
    name: str, callback: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = {"every_n_steps": 10, "ngrams": [3, 5], "strings": 4, "positions": 2}
    folder = run(name, tmp_path / "run", probe(callback, **arguments))
    found = probed(folder, capsys, "--ngrams", "3", "5", "--strings", "4", "--positions", "2")
    assert [row["step"] for row in found] == [10, 20]
    for row in read_table(folder / "ngrams.csv"):
        ours = next(each for each in found if each["step"] == int(row["step"]))
        for measure in ("robust", "close"):
            assert ours[f"{measure}_{row['n']}"] == pytest.approx(float(row[measure]), abs=1e-6)


def test_correlations_and_attention_are_those_of_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    probes = probe("LogMonomials", every_n_steps=10), probe("LogAttention", every_n_steps=10)
    folder = run("sparse_parity_gpt2", tmp_path / "run", *probes)
    found = probed(folder, capsys)
    manifest = json.loads((folder / "bank" / "manifest.json").read_text())
    for row, entry in zip(found, manifest["checkpoints"], strict=True):
        noted = entry["metrics"]
        assert row["degree_1/in"] == pytest.approx(noted["monomials/degree_1/in"], abs=1e-6)
        assert row["degree_1/off"] == pytest.approx(noted["monomials/degree_1/off"], abs=1e-6)
        share = noted["attention/support_share"]
        assert row["attention/support_share"] == pytest.approx(share, abs=1e-6)


def test_what_a_probe_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run("sparse_parity_gpt2", tmp_path / "run")
    assert main(["probe", str(folder), "--nonterminals"]) == 2
    assert "--nonterminals" in capsys.readouterr().err
    assert main(["probe", str(folder), "--seed", "3"]) == 2
    assert "the run's own data_seed is taken" in capsys.readouterr().err
    shutil.copytree(folder / "bank", tmp_path / "alone")
    assert main(["probe", str(tmp_path / "alone")]) == 2
    assert "lies in no run folder" in capsys.readouterr().err
    lego = run("lego", tmp_path / "lego")
    assert main(["probe", str(lego)]) == 2
    assert "allowed: masked strings of a grammar or of text" in capsys.readouterr().err
