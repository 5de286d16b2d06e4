"""What a road needs, from a table whose answers are known."""

from __future__ import annotations

import math

import pytest

from lit_curriculum.papers.across import _roads
from lit_curriculum.papers.across.compare_roads import figure
from lit_curriculum.reproduce.results import Results, Row
from lit_curriculum.reproduce.study import Study

SEEDS = (0, 1, 2, 3, 4)
# Steps at which each arm is learned at k = 3, 4 and 5; None: never.
LEARNED: dict[str, tuple[int | None, ...]] = {
    _roads.LABELS: (200, 400, None),
    _roads.SUM: (150, 200, 250),
    _roads.OUTPUTS: (200, 300, 400),
    _roads.SEQUENCE: (100, 150, 200),
    _roads.PROGRESSIVE: (200, 500, 700),
    _roads.TEACHER: (100, 150, 300),
}


def curve(study: Study, arm: str, learned: int | None, seed: int) -> list[Row]:
    """Return an arm's accuracies: 0.5 until it has learned, and one evaluation more."""
    last = 1200 if learned is None else learned + 25
    return [
        {
            "arm": arm,
            "seed": seed,
            "step": step,
            "metric": "accuracy",
            "value": 1.0 if learned is not None and step >= learned else 0.5,
            **study.axes,
        }
        for step in range(25, last + 1, 25)
    ]


@pytest.fixture(scope="module")
def table() -> tuple[tuple[Study, ...], Results]:
    of = _roads.studies("laptop")
    rows = [
        row
        for place, study in enumerate(of)
        for arm, steps in LEARNED.items()
        for seed in SEEDS
        for row in curve(study, arm, steps[place], seed)
    ]
    return of, Results.of(rows, SEEDS)


def test_samples_and_bits_count_what_each_road_has_seen(table: tuple[tuple[Study, ...], Results]) -> None:
    of, results = table
    middle = of[1]
    assert _roads.samples(results, middle, _roads.SEQUENCE)[0] == 150 * 64
    assert _roads.samples(results, of[2], _roads.LABELS)[3] == math.inf
    # The teacher's run ends at 175.
    assert _roads.samples(results, middle, _roads.COUNTED)[0] == (500 + 175) * 64
    assert _roads.bits(results, middle, _roads.SEQUENCE)[0] == 150 * 64 * 3
    assert _roads.bits(results, middle, _roads.SUM)[0] == pytest.approx(200 * 64 * (0.5 + math.log2(5) / 2))
    assert _roads.bits(results, middle, _roads.COUNTED)[0] == (500 + 175) * 64


def test_growth_of_a_road_that_never_arrives_is_a_lower_bound(
    table: tuple[tuple[Study, ...], Results],
) -> None:
    of, results = table
    assert _roads.growth(results, of, _roads.LABELS)[0] == pytest.approx(math.log2(1200 / 200))
    assert _roads.growth(results, of, _roads.SEQUENCE)[0] == pytest.approx(1.0)


def test_claims_follow_the_table_and_can_fail(table: tuple[tuple[Study, ...], Results]) -> None:
    _, results = table
    made = figure("laptop")
    status = {claim.id: claim.judge(results)["status"] for claim in made.claims(results)}
    assert status["sequence-fewer-samples"] == status["progressive-teacher-counted-fewer-samples"] == "holds"
    assert status["outputs-learns"] == status["labels-alone-grow-faster"] == "holds"
    # Where labels alone are as good as any, none of it holds.
    frame = results.frame[results.frame["arm"] == _roads.LABELS]
    none = Results.of(
        ({**row, "arm": arm} for arm in LEARNED for row in frame.to_dict("records")),
        SEEDS,
    )
    judged = {claim.id: claim.judge(none)["status"] for claim in made.claims(none)}
    assert "holds" not in {judged[id] for id in judged if id.endswith(("fewer-samples", "fewer-bits"))}
    assert judged["labels-alone-grow-faster"] == "fails"
    assert judged["sum-mixture-learns"] == "fails"


def test_the_picture_and_the_table_mark_what_is_not_learned(
    table: tuple[tuple[Study, ...], Results],
) -> None:
    _, results = table
    made = figure("laptop")
    left, right = made.draw(results).axes
    assert {text.get_text() for text in left.texts} == {text.get_text() for text in right.texts} == {"5/5"}
    assert made.table is not None
    rows = {(row["(n, k)"], row["road"]): row for row in made.table(results)}
    assert rows["(20, 5)", _roads.LABELS]["median samples"] == "not within the run"
    assert rows["(20, 4)", _roads.SEQUENCE]["median samples"] == "9,600"
    assert rows["(20, 4)", _roads.SEQUENCE]["label bits"] == "28,800"


def test_roads_differ_in_their_supervision_alone() -> None:
    for study in _roads.studies("laptop"):
        for arm in study.arms:
            differs = set(arm.set) - {"data.supervision", "data.p"}
            assert arm.name == _roads.TEACHER or not differs
        assert study.search.axes == {"n": 20, "k": 4}
        assert list(study.grid) == ["model.optimizer.lr"]
