"""Controls are the arms that they are controls of, in all but one thing."""

from __future__ import annotations

from dataclasses import fields

import pytest

from lit_curriculum.reproduce.controls import (
    Control,
    ahead,
    another_support,
    backwards,
    controls_of,
    elsewhere,
    noisy,
    shuffled,
    stuck,
    throughout,
)
from lit_curriculum.reproduce.predicates import AtMost
from lit_curriculum.reproduce.results import Results
from lit_curriculum.reproduce.study import Arm, Study

KAPPA = {"class_path": "Kappa", "init_args": {"kappa": 1.0}}
TEACHER, OTHER = Arm(name="teacher"), Arm(name="other")
STUDENT = Arm(
    name="progressive",
    set={"model.width": 5},
    teacher=TEACHER,
    teach={"strategy": KAPPA, "tau": 0.5},
    tuned_as="x",
    seed_offset=1000,
    cost=3.0,
)
ALL = (shuffled(), backwards(), elsewhere("support"), noisy(), throughout(300))


def reordered(**arguments: object) -> dict[str, object]:
    return {"class_path": "Reordered", "init_args": {"strategy": KAPPA, **arguments}}


def test_a_control_differs_in_who_or_how_it_is_taught_alone() -> None:
    made = controls_of(STUDENT, ALL, OTHER)
    assert [arm.name for arm in made] == [
        "shuffled",
        "reversed",
        "other support",
        "noisy labels",
        "early checkpoint",
    ]
    expected = [
        {"strategy": reordered(order="shuffled", order_seed="{seed}"), "tau": 0.5},
        {"strategy": reordered(order="reversed"), "tau": 0.5},
        {"strategy": KAPPA, "tau": 0.5, "other_task": True},
        {"strategy": KAPPA, "tau": 0.5, "noisy_labels": True},
        {
            "strategy": {"class_path": "Explicit", "init_args": {"checkpoints": [300], "durations": [1]}},
            "tau": 0.5,
        },
    ]
    assert [arm.teach for arm in made] == expected
    assert [arm.teacher for arm in made] == [TEACHER, TEACHER, OTHER, TEACHER, TEACHER]
    same = [f.name for f in fields(Arm) if f.name not in ("name", "teacher", "teach", "tuned_as")]
    for arm in made:
        assert all(getattr(arm, name) == getattr(STUDENT, name) for name in same)
        assert arm.tuned_as is None  # it searches its own settings
    assert noisy().of(STUDENT, tuned_as="progressive").tuned_as == "progressive"


def test_every_seed_has_a_random_order_of_its_own() -> None:
    def orders(control: Control) -> list[int]:
        study = Study(configs=("sparse_parity_mlp",), arms=controls_of(STUDENT, [control]))
        (arm,) = study.arms
        runs = [study.run(arm, seed).settings for seed in (0, 1)]
        swaps = [run["trainer"]["callbacks"][0]["init_args"] for run in runs]
        assert {swap["bank"] for swap in swaps} == {"{bank}"}
        return [swap["strategy"]["init_args"]["order_seed"] for swap in swaps]

    assert [orders(control) for control in (shuffled(), shuffled(seed=7))] == [[1000, 1001], [7, 7]]


@pytest.mark.parametrize(("d", "k"), [(8, 4), (50, 4), (100, 6), (12, 3)])
def test_another_support_shares_no_coordinate_with_the_first_ones(d: int, k: int) -> None:
    found = another_support(d, k)
    assert len(set(found)) == k
    assert min(found) >= k
    assert max(found) < d


ENDS = {"progressive": (1.0, 1.0, 0.99), "noisy labels": (0.5, 1.0, 0.61)}
RESULTS = Results.of(
    {"arm": arm, "seed": seed, "step": 5, "metric": "accuracy", "value": value}
    for arm, ends in ENDS.items()
    for seed, value in enumerate(ends)
)


def test_a_claim_compares_by_seed_and_tells_how_often_the_control_solved_it() -> None:
    claim = ahead("progressive", "Progressive distillation", noisy())
    record = claim.judge(RESULTS)
    assert record["id"] == "over-noisy-labels"
    assert record["statement"] == (
        "Progressive distillation ends above its control: labels, as many of them wrong as of each "
        "checkpoint's answers."
    )
    assert record["values"] == pytest.approx([0.5, 0.0, 0.38])
    assert record["note"] == "at least 0.99 in 1 of 3 seeds: 0.50, 1.00, 0.61"
    assert record["status"] == "inconclusive"


def test_one_seed_that_learns_is_enough_to_break_the_claim_that_none_does() -> None:
    assert stuck(noisy(), AtMost(0.6)).judge(RESULTS)["status"] == "fails"
    assert stuck(noisy(), AtMost(1.0)).judge(RESULTS)["status"] == "holds"
