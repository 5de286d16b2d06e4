"""M_robust and M_close during training are those of the checkpoints afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lit_curriculum.callbacks import LogNgrams
from lit_curriculum.cli.main import main
from lit_curriculum.distillation import CheckpointBank
from lit_curriculum.errors import UsageError
from lit_curriculum.reading import read_table
from tests.support import config, fit, in_child

RUN = [config("pcfg_bert"), config("smoke/pcfg_bert")]


@pytest.fixture(scope="module", params=["harvest first", "measure first"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ngrams")
    callbacks = [
        "{class_path: HarvestCheckpoints, init_args: {every_n_steps: 20}}",
        "{class_path: LogNgrams, init_args: {every_n_steps: 10, strings: 8, positions: 4, ngrams: [3, 5]}}",
    ]
    if request.param == "measure first":
        callbacks.reverse()
    overlay = folder / "ngrams.yaml"
    # Initial weights large enough for predictions to depend on neighbours after a few steps.
    overlay.write_text(
        "model: {init_args: {initializer_range: 0.3}}\n"
        f"trainer: {{callbacks: [{', '.join(callbacks)}]}}\n"
    )
    assert in_child(lambda: fit(folder / "run", *RUN, str(overlay))) == 0
    return folder / "run"


def test_the_table_the_manifest_and_lit_probe_agree(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = read_table(run / "ngrams.csv")
    assert [(row["step"], row["n"]) for row in rows] == [(str(s), n) for s in (10, 20, 30, 40) for n in "35"]
    table = {(int(r["step"]), int(r["n"])): (float(r["robust"]), float(r["close"])) for r in rows}
    assert all(0 < value < 1 for pair in table.values() for value in pair)
    for entry in CheckpointBank.open(run / "bank"):
        for n in (3, 5):
            noted = entry.metrics[f"ngrams/robust_{n}"], entry.metrics[f"ngrams/close_{n}"]
            assert noted == table[entry.step, n]
    words = ["probe", str(run), "--ngrams", "3", "5", "--strings", "8", "--positions", "4"]
    assert main([*words, "--json", "--out", str(tmp_path / "probe.csv")]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [row["step"] for row in report["rows"]] == [20, 40]
    for row in report["rows"]:
        for n in (3, 5):
            assert row[f"robust_{n}"] == pytest.approx(table[row["step"], n][0], abs=2e-6)
            assert row[f"close_{n}"] == pytest.approx(table[row["step"], n][1], abs=2e-6)
    assert set(report["choice"]) == {"by_loss", "by_robust_3", "agree", "rapid_phase"}
    assert [row["step"] for row in read_table(tmp_path / "probe.csv")] == ["20", "40"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"every_n_steps": 0}, "LogNgrams.every_n_steps: got 0"),
        ({"every_n_steps": 1, "ngrams": [3, 0]}, r"LogNgrams.ngrams: got \[3, 0\]"),
        ({"every_n_steps": 1, "strings": 0}, "LogNgrams.strings: got 0"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        LogNgrams(**arguments)


def test_data_without_a_grammar_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("trainer: {callbacks: [{class_path: LogNgrams, init_args: {every_n_steps: 50}}]}\n")
    parity = [config("sparse_parity_minibatch"), config("smoke/sparse_parity_minibatch")]
    assert fit(tmp_path / "run", *parity, str(overlay)) == 2
    assert (
        "LogNgrams: the data have no masked strings; allowed: PCFGData, TextData" in capsys.readouterr().err
    )
