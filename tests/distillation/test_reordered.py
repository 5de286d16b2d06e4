"""The same checkpoints, each for as long, in another order."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.distillation import (
    EqualSplit,
    Explicit,
    Kappa,
    OneShot,
    Reordered,
    Schedule,
    Strategy,
    TwoShot,
)
from lit_curriculum.distillation.order import ordered
from tests.distillation.banks import listed
from tests.distillation.test_schedule import REGULAR, refusal, taught_by


def day_by_day(schedule: Schedule, num_steps: int) -> list[int]:
    """Return who teaches every single step, asked one by one."""
    return [schedule.teacher_at(step).step for step in range(num_steps)]


@given(
    strategy=st.sampled_from(
        [
            Kappa(0.5),
            Kappa(0.3, N=5),
            EqualSplit(3),
            TwoShot(T=40, checkpoint=300),
            Explicit([700, 200, 700], [10, 30, 5]),
        ]
    ),
    order=st.sampled_from(["reversed", "shuffled"]),
    seed=st.integers(0, 50),
    num_steps=st.integers(100, 700),
)
def test_every_checkpoint_teaches_as_many_steps_as_before(
    strategy: Strategy, order: str, seed: int, num_steps: int
) -> None:
    given_, turned = (s.plan(REGULAR, num_steps) for s in (strategy, Reordered(strategy, order, seed)))  # type: ignore[arg-type]
    before, after = day_by_day(given_, num_steps), day_by_day(turned, num_steps)
    assert Counter(before) == Counter(after)
    assert turned.dropped == given_.dropped
    assert len(turned.starts) == len(given_.starts)
    if order == "reversed":
        assert after == before[::-1]


@given(st.integers(2, 9), st.integers(0, 200))
def test_a_shuffled_order_is_another_one(n: int, seed: int) -> None:
    drawn = ordered(range(n), "shuffled", seed, "order")
    assert sorted(drawn) == list(range(n))
    assert drawn != list(range(n))
    assert drawn == ordered(range(n), "shuffled", seed, "order")


def test_all_other_orders_are_drawn_and_evenly() -> None:
    counts = Counter(tuple(ordered("abc", "shuffled", seed, "order")) for seed in range(3000))
    assert len(counts) == 5
    assert all(count == pytest.approx(600, abs=100) for count in counts.values())


def test_of_two_checkpoints_the_final_one_comes_first() -> None:
    turned = Reordered(TwoShot(T=25, checkpoint=300), "reversed").plan(REGULAR, 100)
    assert taught_by(turned, [0, 74, 75, 99]) == [1000, 1000, 300, 300]
    assert turned.next_swap(0) == 75


@pytest.mark.parametrize("order", ["reversed", "shuffled"])
def test_kappa_has_the_same_orders_where_nothing_is_dropped(order: str) -> None:
    """Its shuffled order is that of the standard library, by which earlier runs were made."""
    bank = listed([100 * i for i in range(1, 11)])
    inside = Kappa(0.5, order=order, order_seed=3).plan(bank, 500)  # type: ignore[arg-type]
    assert inside == Reordered(Kappa(0.5), order, 3).plan(bank, 500)  # type: ignore[arg-type]
    expected = random.Random(3).sample(bank.steps, 10) if order == "shuffled" else bank.steps[::-1]
    assert [entry.step for entry in inside.teachers] == expected


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (
            Reordered(OneShot(), "reversed"),
            "Reordered.order: got 'reversed'; allowed: a schedule of two checkpoints or more",
        ),
        (
            Reordered(Kappa(0.5), "sorted"),  # type: ignore[arg-type]
            "Reordered.order: got 'sorted'; allowed: reversed, shuffled",
        ),
        (
            Kappa(0.5, order="backwards"),  # type: ignore[arg-type]
            "Kappa.order: got 'backwards'; allowed: forward, reversed, shuffled",
        ),
        (Reordered(TwoShot(T=0, checkpoint=300), "reversed"), "TwoShot.T: got 0; allowed: an integer"),
        (
            Reordered("Kappa", "reversed"),  # type: ignore[arg-type]
            "Reordered.strategy: got 'Kappa'; allowed: a strategy, e.g. Kappa(1.0)",
        ),
    ],
    ids=str,
)
def test_what_has_no_other_order_is_refused_in_one_line(strategy: Strategy, message: str) -> None:
    assert refusal(strategy).startswith(message)
