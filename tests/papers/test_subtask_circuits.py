"""The figure of circuits: claims hold and fail, baselines are counted, runs say what they are."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from lit_curriculum.cli.main import main
from lit_curriculum.papers import figure
from lit_curriculum.papers.subtask import subtask_circuits
from lit_curriculum.papers.subtask.parity import WITH, WITHOUT
from lit_curriculum.papers.subtask.subtask_circuits import SETTINGS, Task, best_constant
from lit_curriculum.runs.configs import shipped
from lit_curriculum.tasks.circuits import load_netlist, parse_netlist, shipped_netlists

SETTING = SETTINGS["laptop"]
HARD = {task.netlist for task in SETTING.tasks if task.hard}
EASY = {task.netlist for task in SETTING.tasks if not task.hard}


def rows(spoilt: dict[tuple[str, str, int], float] | None = None) -> list[dict[str, Any]]:
    """Labels learn everything, plain training what is easy; ``spoilt`` sets the end of single runs."""
    made = []
    for task in SETTING.tasks:
        for method in (WITH, WITHOUT):
            for seed in SETTING.seeds:
                end = 0.3 if method == WITHOUT and task.hard else 1.0
                end = (spoilt or {}).get((task.netlist, method, seed), end)
                for step in range(task.eval_every, task.num_steps + 1, task.eval_every):
                    value = end if step == task.num_steps else min(end, 0.2)
                    run = {"circuit": task.netlist, "method": method, "seed": seed, "step": step}
                    made.append({**run, "test_accuracy": value, "best_constant": 0.25})
    return made


def failing(given: list[dict[str, Any]]) -> set[str]:
    every = subtask_circuits.claims(given, "laptop")
    assert len({claim.id for claim in every}) == len(every) == len(SETTING.tasks) + len(HARD)
    return {claim.id for claim in every if claim.status != "holds"}


def test_every_claim_holds_where_it_should() -> None:
    assert failing(rows()) == set()


@pytest.mark.parametrize("task", SETTING.tasks, ids=lambda task: task.netlist)
def test_one_seed_that_does_not_learn_with_labels_spoils_a_circuit(task: Task) -> None:
    name = task.netlist.replace("_", "-")
    wrong = {f"learned-{name}"} | ({f"not-learned-without-{name}"} if task.hard else set())
    assert failing(rows({(task.netlist, WITH, 1): 0.99})) == wrong


@pytest.mark.parametrize("netlist", sorted(HARD))
def test_one_seed_that_learns_without_labels_spoils_the_gap(netlist: str) -> None:
    wrong = {f"not-learned-without-{netlist.replace('_', '-')}"}
    assert failing(rows({(netlist, WITHOUT, 2): 0.61})) == wrong
    assert failing(rows({(netlist, WITHOUT, 2): 0.6})) == set()


def test_what_is_easy_is_told_and_not_claimed() -> None:
    for claim in subtask_circuits.claims(rows(), "laptop"):
        netlist = claim.id.removeprefix("not-learned-without-").removeprefix("learned-").replace("-", "_")
        assert bool(claim.note) == (netlist in EASY)
        assert netlist in HARD or "1.000 on average" in claim.note


def test_a_lost_seed_is_no_claim() -> None:
    given = [row for row in rows() if (row["circuit"], row["method"], row["seed"]) != ("adder", WITH, 2)]
    with pytest.raises(ValueError, match="data lack adder with labels, seed 2"):
        subtask_circuits.claims(given, "laptop")


# Counted by hand: half of all strings for a parity or a majority of an odd number; a product of two 3-bit
# numbers is 0 for 8 + 8 - 1 of 64; an inner product of 8 places is 0 for (4^8 + 2^8) / 2 of 4^8; sums of
# 4-bit numbers are 15 for 16 of 256; a > b for 64 * 63 / 2 of 4096.
COUNTED = {
    "parity_tree": 1 / 2,
    "majority": 1 / 2,
    "multiplier": 15 / 64,
    "inner_product": 1 / 2 + 1 / 2**9,
    "adder": 16 / 256,
    "comparator": 1 - 63 / 128,
}


@pytest.mark.parametrize("netlist", shipped_netlists())
def test_the_best_constant_answer(netlist: str) -> None:
    for labels in (True, False):
        assert best_constant(load_netlist(netlist, 2, labels)) == pytest.approx(COUNTED[netlist], abs=1e-12)


def test_the_best_constant_looks_at_all_outputs_together() -> None:
    assert best_constant(parse_netlist("input a b\noutput y z\ny = buf a\nz = buf b\n")) == 0.25
    assert best_constant(parse_netlist("input a b\noutput y\ny = or a b\n")) == 0.75


@pytest.mark.parametrize("scale", figure.SCALES)
def test_settings_are_complete(scale: Any) -> None:
    setting = SETTINGS[scale]
    assert not set(setting.seeds) & set(setting.tuning_seeds)
    assert len({task.netlist for task in setting.tasks}) == len(setting.tasks)
    assert {task.netlist for task in setting.tasks} <= set(shipped_netlists())
    assert any(task.hard for task in setting.tasks)
    assert all(task.num_steps % task.eval_every == 0 for task in setting.tasks)
    assert subtask_circuits.cost(scale)
    if scale != "smoke":
        assert len(setting.seeds) == 3
        # 48 strings are too few to learn a product from, with labels as well.
        assert set(shipped_netlists()) - {task.netlist for task in setting.tasks} == {"multiplier"}


@pytest.mark.parametrize("task", SETTING.tasks, ids=lambda task: task.netlist)
def test_both_ways_get_the_same_steps_and_differ_in_labels_alone(task: Task) -> None:
    with_labels, without = (SETTING.run(task, method, 1).settings for method in (WITH, WITHOUT))
    assert with_labels["data"]["init_args"].pop("gate_labels") is True
    assert without["data"]["init_args"].pop("gate_labels") is False
    circuit = load_netlist(task.netlist, 2)
    for settings, n_labels in ((with_labels, len(circuit.gates)), (without, circuit.n_answers)):
        assert settings["model"]["init_args"].pop("max_length") == circuit.d + n_labels - 1
    assert with_labels == without


def test_every_circuit_has_the_rate_and_the_batch_of_the_configuration() -> None:
    given = yaml.safe_load(shipped("circuits").read_text())
    assert SETTING.configs == ("circuits",)
    for task in SETTING.tasks:
        settings = SETTING.run(task, WITH, 0).settings
        assert "lr" not in settings["model"]["init_args"]
        assert "batch_size" not in settings["data"]["init_args"]
    assert given["model"]["init_args"]["lr"] == 1e-3


def test_pictures_are_drawn_also_where_nothing_is_learned(tmp_path: Any) -> None:
    nothing = {
        (t.netlist, method, s): 0.1 for t in SETTING.tasks for method in (WITH, WITHOUT) for s in range(3)
    }
    for given in (rows(), rows(nothing)):
        subtask_circuits.draw(given, "laptop").savefig(tmp_path / "figure.png")
        assert (tmp_path / "figure.png").stat().st_size > 1000


def test_the_target_runs_at_smoke_scale_through_the_command(tmp_path: Any) -> None:
    out = str(tmp_path / "out")
    assert main(["reproduce", "subtask-circuits", "--scale", "smoke", "--out", out, "--jobs", "1"]) == 0
    found = figure.read_rows(tmp_path / "out" / "subtask-circuits" / "data.csv")
    assert {(row["circuit"], row["method"]) for row in found} == {
        (task.netlist, method) for task in SETTINGS["smoke"].tasks for method in (WITH, WITHOUT)
    }
