"""Figures of hierarchical parity on rows whose answers are known: each claim can hold, and each can fail."""

from __future__ import annotations

from dataclasses import asdict

import jsonschema
import pytest

from lit_curriculum.papers.figure import read_rows, write_rows
from lit_curriculum.papers.progressive import fig18, fig19, hierarchical
from tests.papers.test_figure import SCHEMA

SEEDS = (0, 1, 2)
USUAL = {
    "teacher": 1.0,
    "plain": 0.3,
    "one-shot": 0.3,
    "first level": 0.5,
    "last level": 0.75,
    "both": 1.0,
}


def rows_of(**finals):
    """Rows in which every claim holds; ``name={seed: final}`` changes one."""
    rows = []
    for method, usual in USUAL.items():
        for seed in SEEDS:
            final = finals.get(method.replace(" ", "_"), {}).get(seed, usual)
            for step in (0, 50, 100):
                accuracy = final if step == 100 else 0.25
                decisions = {"decision_1": 1.0, "decision_2": 0.5}
                row = {"method": method, "seed": seed, "lr": 0.1, "step": step, "accuracy": accuracy}
                rows.append({**row, **decisions, "teachers": "labels"})
    return rows


def statuses(module, rows, scale="laptop"):
    return {claim.id: claim.status for claim in module.claims(rows, scale)}


@pytest.mark.parametrize("module", [fig18, fig19])
def test_claims_hold_where_they_should(module):
    found = statuses(module, rows_of())
    assert len(found) == 5
    assert set(found.values()) == {"holds"}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("claim", "method", "final", "status"),
    [
        ("teacher-solves", "teacher", 0.98, "fails"),
        ("two-solve", "both", 0.98, "fails"),
        ("one-shot-falls-short", "one-shot", 0.91, "fails"),
        ("first-level-falls-short", "first_level", 0.91, "fails"),
        ("last-level-falls-short", "last_level", 0.91, "not_shown_at_scale"),
    ],
)
def test_each_claim_fails_if_one_seed_says_otherwise(claim, method, final, status, seed):
    found = statuses(fig18, rows_of(**{method: {seed: final}}))
    assert found.pop(claim) == status
    assert set(found.values()) == {"holds"}


def test_what_is_not_shown_at_laptop_scale_says_what_was_tried_and_fails_at_paper_scale():
    rows = rows_of(last_level={0: 1.0})
    claim = next(c for c in fig18.claims(rows, "laptop") if c.status == "not_shown_at_scale")
    assert "tuning" in claim.note or "other seeds" in claim.note
    assert statuses(fig18, rows, "paper")["last-level-falls-short"] == "fails"


def test_nothing_is_judged_at_smoke_scale():
    assert set(statuses(fig18, rows_of(), "smoke").values()) == {"not_evaluated"}


def test_claims_have_the_agreed_form():
    claims = [asdict(claim) for claim in fig18.claims(rows_of(last_level={0: 1.0}), "laptop")]
    jsonschema.validate(claims, SCHEMA["properties"]["claims"])


def test_a_lost_seed_is_an_error():
    with pytest.raises(ValueError, match=r"'both' lacks the seeds \[2\]"):
        fig18.claims([r for r in rows_of() if (r["method"], r["seed"]) != ("both", 2)], "laptop")


@pytest.mark.parametrize("module", [fig18, fig19])
def test_drawing_shows_the_levels_and_every_way(module, tmp_path):
    write_rows(tmp_path / "data.csv", rows_of())
    left, right = module.draw(read_rows(tmp_path / "data.csv"), "laptop").axes
    assert [line.get_label() for line in left.lines] == ["decision 1", "decision 2"]
    assert len(right.lines) == len(USUAL)
    assert {axis.get_xlabel() for axis in (left, right)} == {"training samples"}


@pytest.mark.parametrize("settings", [hierarchical.NARROW, hierarchical.WIDE])
def test_settings_fit_together(settings):
    for tree in settings.values():
        assert tree.spacing % tree.eval_every == 0
        assert tree.correlations_every % tree.eval_every == 0
        assert tree.num_steps % tree.eval_every == 0
        assert tree.student_steps > 2 * tree.T
        assert not set(tree.seeds) & set(tree.tuning_seeds)


def test_the_paper_scale_is_the_published_setting():
    for settings, width in ((hierarchical.NARROW, 100), (hierarchical.WIDE, 1000)):
        tree = settings["paper"]
        assert (tree.d, tree.depth, tree.node_size) == (100, 3, 5)
        assert (tree.teacher_width, tree.student_width, tree.T) == (50_000, width, 2_000_000)
        assert tree.rates == (1e-2, 5e-3, 1e-3)


def test_every_way_needs_the_teacher_of_its_seed_and_sees_other_samples():
    tree = hierarchical.NARROW["laptop"]
    for how in tree.ways().values():
        student = tree.student(0.1, 3, how)
        assert student.needs == ((tree.teacher(3),) if how else ())
        assert student.settings["data"]["init_args"]["data_seed"] == 1003
    assert tree.student(0.1, 3, None, report=False).settings["data"]["init_args"]["eval_streams"] == ["val"]


def test_both_takes_the_first_and_the_last_level():
    how = hierarchical.WIDE["paper"].ways()["both"]
    assert how["strategy"]["init_args"]["metrics"] == ["val/decision_1", "val/decision_3"]
