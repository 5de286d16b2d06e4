"""Every strategy as a function "student step -> teacher checkpoint"."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lit_curriculum.distillation import (
    NT,
    EqualSplit,
    Explicit,
    Kappa,
    OneShot,
    PeakOfEach,
    Schedule,
    TwoShot,
)
from lit_curriculum.distillation.schedule import equally_spaced
from lit_curriculum.errors import UsageError
from tests.distillation.banks import listed

REGULAR = listed([100 * i for i in range(1, 11)])


def refusal(strategy, bank=REGULAR, num_steps=1000) -> str:
    with pytest.raises(UsageError) as caught:
        strategy.plan(bank, num_steps)
    message = str(caught.value)
    assert "\n" not in message
    return message


def taught_by(schedule: Schedule, steps) -> list[int]:
    return [schedule.teacher_at(step).step for step in steps]


@st.composite
def banks(draw):
    """Any bank of trained checkpoints, evenly spaced or not."""
    return listed(sorted(draw(st.sets(st.integers(1, 3000), min_size=1, max_size=15))))


@st.composite
def plans(draw):
    """A bank, a student's length and a strategy that may or may not fit them."""
    bank = draw(banks())
    strategy = draw(
        st.one_of(
            st.just(OneShot()),
            st.builds(NT, N=st.integers(1, 6), T=st.integers(1, 400)),
            st.builds(TwoShot, T=st.integers(1, 400), checkpoint=st.sampled_from(bank.steps)),
            st.builds(EqualSplit, N=st.integers(1, 6)),
            st.builds(Kappa, kappa=st.floats(0.01, 3), N=st.one_of(st.none(), st.integers(1, 6))),
            st.lists(st.tuples(st.sampled_from(bank.steps), st.integers(1, 400)), min_size=1, max_size=5).map(
                lambda pairs: Explicit([c for c, _ in pairs], [t for _, t in pairs])
            ),
        )
    )
    return bank, draw(st.integers(1, 2000)), strategy


# --- what holds for all ----------------------------------------------------------------------------------


@given(plans())
def test_a_schedule_covers_every_step_with_teachers_of_the_bank(plan):
    bank, num_steps, strategy = plan
    try:
        schedule = strategy.plan(bank, num_steps)
    except UsageError:
        assume(False)
    assert schedule.starts[0] == 0
    assert all(a < b for a, b in pairwise(schedule.starts))
    assert schedule.starts[-1] < num_steps
    assert len(schedule.starts) == len(schedule.teachers)
    for step in {0, num_steps // 2, num_steps - 1, num_steps, 10 * num_steps}:
        assert schedule.teacher_at(step) in bank.checkpoints


@given(plans())
def test_walking_from_swap_to_swap_visits_every_segment(plan):
    bank, num_steps, strategy = plan
    try:
        schedule = strategy.plan(bank, num_steps)
    except UsageError:
        assume(False)
    walked, step = [0], schedule.next_swap(0)
    while step is not None:
        assert schedule.position(step) == schedule.position(step - 1) + 1
        walked.append(step)
        step = schedule.next_swap(step)
    assert walked == list(schedule.starts)


@given(plans(), st.integers(0, 3000))
def test_position_counts_the_segments_begun(plan, step):
    bank, num_steps, strategy = plan
    try:
        schedule = strategy.plan(bank, num_steps)
    except UsageError:
        assume(False)
    assert schedule.position(step) == sum(start <= step for start in schedule.starts) - 1
    later = [start for start in schedule.starts if start > step]
    assert schedule.next_swap(step) == (min(later) if later else None)


@given(plans())
def test_all_but_kappa_name_no_dropped_checkpoint_and_end_with_the_last_one(plan):
    bank, num_steps, strategy = plan
    assume(not isinstance(strategy, Kappa))
    try:
        schedule = strategy.plan(bank, num_steps)
    except UsageError:
        assume(False)
    assert schedule.dropped == ()
    last = strategy.checkpoints[-1] if isinstance(strategy, Explicit) else bank.final.step
    assert schedule.teacher_at(num_steps - 1).step == last


def test_distinct_teachers_come_once():
    schedule = Explicit([300, 300, 100, 200], [10, 10, 10, 10]).plan(REGULAR, 1000)
    assert [entry.step for entry in schedule.distinct] == [300, 100, 200]
    again = Explicit([300, 100, 300, 200], [10, 10, 10, 10]).plan(REGULAR, 1000)
    assert sorted(entry.step for entry in again.distinct) == [100, 200, 300]


# --- one by one ------------------------------------------------------------------------------------------


def test_one_shot_is_the_final_checkpoint_throughout():
    schedule = OneShot().plan(REGULAR, 50)
    assert taught_by(schedule, [0, 49, 10**6]) == [1000, 1000, 1000]
    assert schedule.next_swap(0) is None


def test_n_t_gives_each_of_n_equally_spaced_checkpoints_t_steps():
    schedule = NT(N=5, T=30).plan(REGULAR, 1000)
    assert schedule.starts == (0, 30, 60, 90, 120)
    assert taught_by(schedule, [0, 29, 30, 59, 60, 90, 120, 999]) == [
        200,
        200,
        400,
        400,
        600,
        800,
        1000,
        1000,
    ]


def test_n_t_of_one_is_one_shot():
    assert NT(N=1, T=7).plan(REGULAR, 50) == OneShot().plan(REGULAR, 50)


def test_two_shot_swaps_to_the_final_checkpoint_after_t_steps():
    schedule = TwoShot(T=25, checkpoint=300).plan(REGULAR, 100)
    assert taught_by(schedule, [0, 24, 25, 99]) == [300, 300, 1000, 1000]
    assert schedule.next_swap(0) == 25


def test_two_shot_from_the_final_checkpoint_is_one_shot():
    assert TwoShot(T=25, checkpoint=1000).plan(REGULAR, 100) == OneShot().plan(REGULAR, 100)


@pytest.mark.parametrize(
    ("place", "step"), [("before", 200), ("beginning", 400), ("middle", 500), ("end", 600)]
)
def test_two_shot_finds_its_checkpoint_in_the_transition(place, step):
    values = dict(zip(REGULAR.steps, [0.5, 0.5, 0.5, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0], strict=True))
    schedule = TwoShot(T=25, checkpoint=place).plan(listed(REGULAR.steps, values), 100)
    assert taught_by(schedule, [0, 25]) == [step, 1000]


def test_explicit_list_is_followed_and_its_last_checkpoint_stays():
    schedule = Explicit([700, 200, 900], [10, 20, 30]).plan(REGULAR, 1000)
    assert taught_by(schedule, [0, 9, 10, 29, 30, 59, 60, 999]) == [700, 700, 200, 200, 900, 900, 900, 900]


@given(N=st.integers(1, 10), num_steps=st.integers(10, 5000))
def test_equal_split_divides_the_students_length_equally(N, num_steps):
    schedule = EqualSplit(N).plan(REGULAR, num_steps)
    lengths = np.diff([*schedule.starts, num_steps])
    assert len(lengths) == N
    assert lengths.max() - lengths.min() <= 1
    assert [entry.step for entry in schedule.teachers] == [
        min(REGULAR.steps, key=lambda s: (abs(s - 1000 * i / N), s)) for i in range(1, N + 1)
    ]


def test_kappa_gives_each_checkpoint_its_share_of_the_teachers_length():
    schedule = Kappa(kappa=0.5).plan(REGULAR, 1000)
    assert schedule.starts == tuple(range(0, 500, 50))
    assert taught_by(schedule, [0, 49, 50, 449, 450, 999]) == [100, 100, 200, 900, 1000, 1000]
    assert schedule.dropped == ()


def test_kappa_of_one_keeps_the_teachers_own_pace():
    schedule = Kappa(kappa=1.0).plan(REGULAR, 1000)
    assert taught_by(schedule, [0, 99, 100, 999]) == [100, 100, 200, 1000]


def test_kappa_leaves_out_the_untrained_network():
    assert Kappa(kappa=1.0).plan(listed([0, 100, 200]), 1000).starts == (0, 100)


@given(
    bank=banks(),
    kappa=st.floats(0.01, 5),
    N=st.one_of(st.none(), st.integers(1, 8)),
    num_steps=st.integers(1, 4000),
)
def test_kappa_drops_exactly_the_checkpoints_that_do_not_fit(bank, kappa, N, num_steps):
    try:
        schedule = Kappa(kappa, N).plan(bank, num_steps)
    except UsageError:
        assume(False)
    named = bank.checkpoints if N is None else equally_spaced(bank, N)
    share = kappa * bank.final.step / len(named)
    begins = {entry.step: round(i * share) for i, entry in enumerate(named)}
    assert [entry.step for entry in schedule.teachers] == [s for s, at in begins.items() if at < num_steps]
    assert list(schedule.dropped) == [s for s, at in begins.items() if at >= num_steps]
    assert list(schedule.starts) == [at for at in begins.values() if at < num_steps]


def test_a_small_kappa_is_one_shot_after_a_few_steps():
    schedule = Kappa(kappa=0.01).plan(REGULAR, 1000)
    assert schedule.teacher_at(9).step == 1000


# --- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (NT(N=0, T=5), "strategy.N: got 0; allowed: an integer of at least 1"),
        (NT(N=2, T=0), "NT.T: got 0; allowed: an integer of at least 1"),
        (
            NT(N=11, T=5),
            "strategy.N: got 11; allowed: at most 10, so that the bank has a checkpoint near each i T0 / N",
        ),
        (
            NT(N=5, T=250),
            "NT.T: got 250, so the final teacher would start at student step 1000; "
            "allowed: before the student's 1000 steps end",
        ),
        (
            TwoShot(T=1000, checkpoint=300),
            "TwoShot.T: got 1000, so the final teacher would start at student step 1000; "
            "allowed: before the student's 1000 steps end",
        ),
        (TwoShot(T=0, checkpoint=300), "TwoShot.T: got 0; allowed: an integer of at least 1"),
        (
            TwoShot(T=5, checkpoint=310),
            "checkpoint: got step 310; allowed: one of the 10 steps in bank/manifest.json, nearest 300",
        ),
        (EqualSplit(0), "strategy.N: got 0; allowed: an integer of at least 1"),
        (Kappa(0.0), "Kappa.kappa: got 0.0; allowed: a number > 0"),
        (Kappa(-1.0), "Kappa.kappa: got -1.0; allowed: a number > 0"),
        (Kappa(float("inf")), "Kappa.kappa: got inf; allowed: a number > 0"),
        (Kappa(float("nan")), "Kappa.kappa: got nan; allowed: a number > 0"),
        (Kappa(0.005), "Kappa.kappa: got 0.005; allowed: at least 10 / 1000: one step each"),
        (
            Explicit([100, 250], [5, 5]),
            "checkpoint: got step 250; allowed: one of the 10 steps in bank/manifest.json, nearest 200",
        ),
        (
            Explicit([100, 200], [1000, 5]),
            "Explicit.durations: the last checkpoint would start at student step 1000; "
            "allowed: before the student's 1000 steps end",
        ),
    ],
)
def test_a_plan_that_does_not_fit_is_refused_in_one_line(strategy, message):
    assert refusal(strategy) == message


def test_a_plan_one_step_shorter_fits():
    assert NT(N=5, T=249).plan(REGULAR, 1000).starts[-1] == 996
    assert Explicit([100, 200], [999, 5]).plan(REGULAR, 1000).starts == (0, 999)


def test_more_parts_than_steps_are_refused():
    assert (
        refusal(EqualSplit(5), num_steps=4) == "EqualSplit.N: got 5; allowed: at most the student's 4 steps"
    )


@pytest.mark.parametrize(
    "strategy", [Explicit([], []), Explicit([100], []), Explicit([100], [1, 2]), Explicit([100, 200], [0, 5])]
)
def test_a_malformed_list_is_refused_by_its_key(strategy):
    assert refusal(strategy).startswith("Explicit.")


def test_two_shot_without_a_transition_is_refused():
    flat = listed(REGULAR.steps, dict.fromkeys(REGULAR.steps, 0.5))
    message = refusal(TwoShot(T=5), flat)
    assert "never transitions (val/accuracy stays between 0.500 and 0.500)" in message


@given(bank=banks(), N=st.integers(1, 12))
def test_equally_spaced_checkpoints_are_distinct_end_with_the_final_one_and_are_nearest(bank, N):
    try:
        chosen = equally_spaced(bank, N)
    except UsageError as error:
        assert str(error).startswith(f"strategy.N: got {N}; allowed: ")  # noqa: PT017 - both outcomes are checked
        wanted = [
            min(bank.steps, key=lambda s: (abs(s - i * bank.final.step / N), s)) for i in range(1, N + 1)
        ]
        assert len(set(wanted)) < N
        return
    assert len({entry.step for entry in chosen}) == N
    assert chosen[-1] == bank.final
    for i, entry in enumerate(chosen, 1):
        wanted = i * bank.final.step / N
        assert abs(entry.step - wanted) == min(abs(step - wanted) for step in bank.steps)


# --- one checkpoint a phase --------------------------------------------------------------------------------


def phased(first: list[float], second: list[float]):
    """Return a bank with two metrics, measured at every step."""
    bank = listed(REGULAR.steps)
    for entry, a, b in zip(bank.checkpoints, first, second, strict=True):
        entry.metrics.update(first=a, second=b)
    return bank


EARLY = [0.0, 0.1, 0.4, 0.2, 0.1, 0.1, 0.0, 0.0, 0.0, 0.0]
LATE = [0.0, 0.0, 0.0, 0.0, 0.1, 0.2, 0.3, 0.1, 0.0, 0.0]


@pytest.mark.parametrize("phases", [[["first"], ["second"]], [["second"], ["first"]]])
def test_peak_of_each_takes_one_checkpoint_a_phase_in_the_teachers_order(phases):
    schedule = PeakOfEach(T=25, phases=phases).plan(phased(EARLY, LATE), 100)
    assert taught_by(schedule, [0, 24, 25, 49, 50, 99]) == [300, 300, 700, 700, 1000, 1000]


def test_a_phase_of_two_metrics_is_taught_where_both_can_be_seen():
    # The first peaks at 300, the second at 700; the weaker of the two is strongest at 500.
    schedule = PeakOfEach(T=25, phases=[["first", "second"]]).plan(phased(EARLY, LATE), 100)
    assert taught_by(schedule, [0, 24, 25]) == [500, 500, 1000]


def test_peak_of_each_with_phases_at_once_is_two_shot():
    bank = phased(EARLY, EARLY)
    both = PeakOfEach(T=25, phases=[["first"], ["second"]]).plan(bank, 100)
    assert both == TwoShot(T=25, checkpoint="peak", metric="first").plan(bank, 100)


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        (PeakOfEach(T=25, phases=[]), "PeakOfEach.phases: got []; allowed: one list or more"),
        (
            PeakOfEach(T=25, phases=[["first"], []]),
            "PeakOfEach.phases: got [['first'], []]; allowed: one list",
        ),
        (PeakOfEach(T=0, phases=[["first"]]), "PeakOfEach.T: got 0; allowed: an integer of at least 1"),
        (PeakOfEach(T=50, phases=[["first"], ["second"]]), "PeakOfEach.T: got 50, so the final teacher"),
        (PeakOfEach(T=5, phases=[["first", "third"]]), "metric: got 'first and third', measured at no"),
    ],
)
def test_peak_of_each_says_what_is_wrong(strategy, words):
    assert words in refusal(strategy, phased(EARLY, LATE), 100)


def test_peak_of_each_refuses_a_phase_that_is_still_rising_at_the_end():
    rising = [i / 10 for i in range(10)]
    assert "has no peak before its last checkpoint" in refusal(
        PeakOfEach(T=5, phases=[["first"]]), phased(rising, LATE), 100
    )


def test_checkpoints_in_another_order_are_a_control() -> None:
    forward, backward = (Kappa(1.0, order=order).plan(REGULAR, 1000) for order in ("forward", "reversed"))  # type: ignore[arg-type]
    assert backward.starts == forward.starts
    assert backward.teachers == forward.teachers[::-1]
    shuffled = [Kappa(1.0, order="shuffled", order_seed=seed).plan(REGULAR, 1000) for seed in (0, 0, 1)]
    assert shuffled[0] == shuffled[1] != shuffled[2]
    assert sorted(entry.step for entry in shuffled[0].teachers) == [e.step for e in forward.teachers]
    assert shuffled[0].teachers != forward.teachers
    assert "Kappa.order: got 'random'" in refusal(Kappa(1.0, order="random"))  # type: ignore[arg-type]


def test_a_schedule_says_itself_in_a_line():
    few = Explicit([100, 1000], [10, 1]).plan(REGULAR, 2000)
    assert str(few) == "100 from step 0, 1,000 from step 10"
    many = EqualSplit(10).plan(REGULAR, 20_000)
    assert str(many) == "100 from step 0, 200 from step 2,000, ..., 1,000 from step 18,000"
