"""LogMonomials: the table agrees with a direct computation."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from lit_curriculum.distillation import CheckpointBank
from lit_curriculum.reading import read_table
from lit_curriculum.tasks.sparse_parity import SparseParity
from tests.support import config, fit, in_child

RUN = [config("sparse_parity_mlp"), config("smoke/sparse_parity_mlp")]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("monomials")
    overlay = folder / "overlay.yaml"
    overlay.write_text(
        "model: {init_args: {d: 18}}\n"
        "data: {init_args: {d: 18, num_steps: 4000}}\n"
        "trainer: {callbacks: [{class_path: HarvestCheckpoints, init_args: {every_n_steps: 1500}},"
        " {class_path: LogMonomials, init_args: {every_n_steps: 1500, degrees: [1, 2, 3]}}]}\n"
    )
    assert in_child(lambda: fit(folder / "run", *RUN, str(overlay))) == 0
    return folder / "run"


def test_correlations_match_a_direct_float64_mean(run: Path) -> None:
    bank = CheckpointBank.open(run / "bank")
    x, _ = SparseParity.create(18, 3).sample(0, "probe", 0, 100_000)
    p = torch.softmax(bank.load(bank.at(3000))(torch.from_numpy(x)), -1)[:, 0].detach().numpy()
    rows = [r for r in read_table(run / "monomials.csv") if r["step"] == "3000" and r["monomial"]]
    assert len(rows) == 18 + 3 + 1  # all of degree 1, and the support's subsets of degrees 2 and 3
    for row in rows:
        columns = [int(name[1:]) - 1 for name in row["monomial"].split("*")]
        direct = abs(np.mean(p.astype(np.float64) * x[:, columns].astype(np.float64).prod(1)))
        assert float(row["correlation"]) == pytest.approx(direct, abs=1e-6)
        assert (row["group"] == "in") == (set(columns) <= {0, 1, 2})


def test_few_inputs_are_all_taken_once(tmp_path: Path) -> None:
    """GPT-2 on 8 bits: the expectation itself, against a mean over Python's own list of all strings."""
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(
        "trainer: {callbacks: [{class_path: HarvestCheckpoints, init_args: {every_n_steps: 40}},"
        " {class_path: LogMonomials, init_args: {every_n_steps: 40, degrees: [1, 2]}}]}\n"
    )
    gpt2 = [config("sparse_parity_gpt2"), config("smoke/sparse_parity_gpt2"), str(overlay)]
    assert in_child(lambda: fit(tmp_path / "run", *gpt2)) == 0
    bank = CheckpointBank.open(tmp_path / "run" / "bank")
    bits = np.array(list(itertools.product([0, 1], repeat=8)))
    logits = bank.load(bank.at(40))(torch.from_numpy(bits)).double()
    p = torch.softmax(logits, -1)[:, 0].detach().numpy()
    rows = read_table(tmp_path / "run" / "monomials.csv")
    single = [r for r in rows if r["monomial"]]
    assert len(single) == 8 + 1
    for row in single:
        columns = [int(name[1:]) - 1 for name in row["monomial"].split("*")]
        direct = abs(np.mean(p * (1 - 2 * bits[:, columns]).prod(1)))
        assert float(row["correlation"]) == pytest.approx(direct, abs=1e-6)
    assert {float(r["correlation"]) for r in rows if r["group"] == "noise"} == {0.0}


def test_the_outside_is_summed_up(run: Path) -> None:
    rows = [r for r in read_table(run / "monomials.csv") if r["step"] == "4000" and r["degree"] == "1"]
    outside = np.array([float(r["correlation"]) for r in rows if r["group"] == "off"])
    summary = {r["group"]: float(r["correlation"]) for r in rows if not r["monomial"]}
    assert summary["off_mean"] == pytest.approx(outside.mean(), rel=1e-6)
    assert summary["off_std"] == pytest.approx(outside.std(), rel=1e-5)
    assert summary["off_max"] == pytest.approx(outside.max(), rel=1e-6)


def test_it_measures_at_multiples_and_at_the_end(run: Path) -> None:
    assert sorted({int(r["step"]) for r in read_table(run / "monomials.csv")}) == [1500, 3000, 4000]


def test_tensorboard_shows_scalars_and_a_figure(run: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run))
    events.Reload()
    assert "monomials/degree_1/in_mean" in events.Tags()["scalars"]
    assert [e.step for e in events.Scalars("monomials/degree_2/off_max")] == [1500, 3000, 4000]
    assert "monomials/degree_3" in events.Tags()["images"]


def test_two_devices_measure_what_one_does(run: Path, tmp_path: Path) -> None:
    base = [config("sparse_parity_minibatch"), config("smoke/sparse_parity_minibatch")]
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(
        "trainer: {callbacks: [{class_path: LogMonomials, init_args: "
        "{every_n_steps: 100, degrees: [1, 2]}}]}\n"
    )
    two = ("--trainer.devices=2", "--trainer.strategy=ddp_fork", "--trainer.accelerator=cpu")
    assert in_child(lambda: fit(tmp_path / "one", *base, str(overlay))) == 0
    assert in_child(lambda: fit(tmp_path / "two", *base, str(overlay), options=two)) == 0
    ours, theirs = (read_table(tmp_path / name / "monomials.csv") for name in ("one", "two"))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a["monomial"] == b["monomial"]
        assert float(a["correlation"]) == pytest.approx(float(b["correlation"]), abs=1e-6)
