"""A claim judges itself and is recorded with its evidence."""

from __future__ import annotations

import pytest

from lit_curriculum.reproduce.claim import Claim, final, gain, surprising, unexpected
from lit_curriculum.reproduce.predicates import AtLeast, MeanAbove, Sooner
from lit_curriculum.reproduce.results import MissingData, PerSeed, Results

ROWS = [
    {"arm": arm, "seed": seed, "step": 5, "metric": "accuracy", "value": value}
    for arm, values in {"taught": [0.99, 1.0, 1.0], "plain": [0.5, 0.98, 0.6]}.items()
    for seed, value in enumerate(values)
]


@pytest.fixture
def results():
    return Results.of(ROWS, seeds=(0, 1, 2))


def solves(arm):
    return Claim("solves", "It solves the task.", final(arm), AtLeast(0.99), paper=1.0)


def test_a_record_holds_what_was_measured_and_the_rule(results):
    record = solves("taught").judge(results)
    assert record["status"] == "holds"
    assert record["values"] == [0.99, 1.0, 1.0]
    assert record["measured"] == pytest.approx(0.99666667)
    assert record["rule"] == "at least 0.99 in every seed"
    assert record["paper_value"] == 1.0


def test_a_comparison_records_its_evidence(results):
    claim = Claim("gain", "Teaching helps.", lambda r: r.paired("taught", "plain", "accuracy"), MeanAbove())
    record = claim.judge(results)
    assert record["status"] == "inconclusive"
    assert record["low"] < 0 < record["high"]
    assert record["seeds_needed"] > 3
    assert record["effect"] > 0


def test_failures_that_are_expected_count_and_do_not_surprise(results):
    record = solves("plain").judge(results, expected="fails: labels do not suffice")
    assert record["status"] == "fails"
    assert not unexpected(record)
    assert unexpected(solves("plain").judge(results))
    assert surprising(solves("taught").judge(results, expected="fails: it was thought to"))
    assert not surprising(solves("taught").judge(results))


def test_nothing_is_judged_at_smoke_scale(results):
    record = solves("plain").judge(results, evaluated=False)
    assert record["status"] == "not_evaluated"
    assert not unexpected(record)


def test_a_missing_arm_raises(results):
    with pytest.raises(MissingData):
        solves("nobody").judge(results)


def test_steps_that_never_come_are_no_numbers_in_the_record(results):
    claim = Claim("sooner", "Sooner.", lambda r: PerSeed({0: float("inf"), 1: 3.0}), Sooner())
    record = claim.judge(results)
    assert record["values"] == [None, 3.0]
    assert record["measured"] is None


def test_a_gain_is_over_the_better_of_the_others_seed_by_seed():
    results = Results.of([*ROWS, *({**row, "arm": "other", "value": 0.7} for row in ROWS[3:])])
    assert list(gain("taught", "plain", "other")(results).values()) == pytest.approx([0.29, 0.02, 0.3])
