"""The non-terminal probe during training is the one of the checkpoints afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lit_curriculum.callbacks import LogNonterminals
from lit_curriculum.distillation import CheckpointBank
from lit_curriculum.errors import UsageError
from lit_curriculum.probes.nonterminal import ProbeSettings, nonterminal_accuracy
from lit_curriculum.reading import read_table
from lit_curriculum.tasks.pcfg import grammar_from_description
from tests.support import config, fit, in_child

RUN = [config("pcfg_bert"), config("smoke/pcfg_bert")]


def test_the_table_and_the_manifest_are_what_the_checkpoints_give(tmp_path: Path) -> None:
    overlay = tmp_path / "probe.yaml"
    overlay.write_text(
        "trainer: {callbacks: [{class_path: HarvestCheckpoints, init_args: {every_n_steps: 20,"
        " include_start: true}}, {class_path: LogNonterminals, init_args: {every_n_steps: 20,"
        " train_strings: 128, val_strings: 64, heads: 2, include_start: true}}]}\n"
    )
    assert in_child(lambda: fit(tmp_path / "run", *RUN, str(overlay))) == 0
    rows = read_table(tmp_path / "run" / "nonterminals.csv")
    table = {(int(r["step"]), int(r["depth"])): float(r["accuracy"]) for r in rows}
    bank = CheckpointBank.open(tmp_path / "run" / "bank")
    grammar = grammar_from_description(bank.task["grammar"])
    assert {step for step, _ in table} == {0, 20, 40} == set(bank.steps)
    settings = ProbeSettings(heads=2, train_strings=128, val_strings=64)
    for entry in bank:
        expected: Any = nonterminal_accuracy(bank.load(entry), grammar, 0, settings)
        for depth, accuracy in expected.accuracy.items():
            assert table[entry.step, depth] == pytest.approx(accuracy, abs=1e-12)
            if entry.step > 0:
                assert entry.metrics[f"nonterminals/depth_{depth}"] == table[entry.step, depth]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"every_n_steps": 0}, "LogNonterminals.every_n_steps: got 0"),
        ({"every_n_steps": 1, "heads": 0}, "heads: got 0"),
        ({"every_n_steps": 1, "learning_rate": 0.0}, "learning_rate: got 0.0"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        LogNonterminals(**arguments)
