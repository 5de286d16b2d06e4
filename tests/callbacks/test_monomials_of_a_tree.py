"""LogMonomials on a tree of parities: each node is a group, each asked class a prediction."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from lit_curriculum.distillation import CheckpointBank
from lit_curriculum.reading import read_table
from lit_curriculum.tasks.hierarchical_parity import HierarchicalParity
from tests.support import config, fit, in_child

RUN = [config("hierarchical_parity"), config("smoke/hierarchical_parity")]
CALLBACKS = (
    "trainer: {callbacks: [{class_path: HarvestCheckpoints, init_args: {every_n_steps: 2000}},"
    " {class_path: LogMonomials, init_args: {every_n_steps: 2000, degrees: [1, 2], labels: LABELS}}]}\n"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    overlay = folder / "overlay.yaml"
    overlay.write_text("data: {init_args: {num_steps: 4000}}\n" + CALLBACKS.replace("LABELS", "[0, 3]"))
    assert in_child(lambda: fit(folder / "run", *RUN, str(overlay))) == 0
    return folder / "run"


def test_correlations_match_a_direct_float64_mean(run: Path) -> None:
    task = HierarchicalParity.create(12, 2, 3)
    bank = CheckpointBank.open(run / "bank")
    x = np.array(list(itertools.product([-1, 1], repeat=12)), dtype=np.float32)
    p = torch.softmax(bank.load(bank.at(4000))(torch.from_numpy(x)), -1).detach().numpy().astype(np.float64)
    rows = [r for r in read_table(run / "monomials.csv") if r["step"] == "4000" and r["monomial"]]
    # For each class: 12 of degree 1, and of degree 2 three of each of three nodes.
    assert len(rows) == 2 * (12 + 9)
    for row in rows:
        columns = [int(name[1:]) - 1 for name in row["monomial"].split("*")]
        direct = abs(np.mean(p[:, int(row["label"])] * x[:, columns].astype(np.float64).prod(1)))
        assert float(row["correlation"]) == pytest.approx(direct, abs=1e-6)
        owners = [f"node_{i}" for i, node in enumerate(task.nodes, 1) if set(columns) <= set(node)]
        assert row["group"] == (owners[0] if owners else "off")


def test_every_group_is_summed_up(run: Path) -> None:
    rows = [r for r in read_table(run / "monomials.csv") if r["step"] == "2000" and r["degree"] == "1"]
    for label in ("0", "3"):
        for group in ("node_1", "node_2", "node_3", "off"):
            of_class = [r for r in rows if r["label"] == label]
            values = [float(r["correlation"]) for r in of_class if r["group"] == group]
            mean = next(float(r["correlation"]) for r in of_class if r["group"] == f"{group}_mean")
            assert mean == pytest.approx(np.mean(values), rel=1e-5)


def test_the_bank_notes_each_groups_mean_of_the_class_where_it_is_largest(run: Path) -> None:
    rows = read_table(run / "monomials.csv")
    for entry in CheckpointBank.open(run / "bank"):
        for degree in ("1", "2"):
            for group in ("node_1", "node_2", "node_3", "off"):
                means = [
                    float(row["correlation"])
                    for row in rows
                    if (row["step"], row["degree"], row["group"])
                    == (str(entry.step), degree, f"{group}_mean")
                ]
                assert len(means) == 2
                assert entry.metrics[f"monomials/degree_{degree}/{group}"] == max(means)


def test_a_class_that_the_task_has_not_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(CALLBACKS.replace("LABELS", "[4]"))
    assert in_child(lambda: fit(tmp_path / "run", *RUN, str(overlay))) == 2
    assert "LogMonomials.labels: got [4]; allowed: classes from 0 to 3" in capfd.readouterr().err
