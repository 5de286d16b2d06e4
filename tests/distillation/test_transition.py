"""The phase transition of synthetic histories whose phases are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_curriculum.distillation.transition import _knots, _three_lines, candidates, find_transition
from lit_curriculum.errors import UsageError
from tests.distillation.banks import listed

STEPS = np.arange(100) * 1000


def sigmoid(
    centre: float, width: float, low: float = 0.5, high: float = 1.0, noise: float = 0.0
) -> np.ndarray:
    """Return a metric over 100 points that changes from low to high around a point."""
    points = np.arange(100)
    wobble = noise * np.random.default_rng(0).normal(size=100)
    return low + (high - low) / (1 + np.exp(-(points - centre) / width)) + wobble


@settings(max_examples=20)
@given(centre=st.floats(25, 75), width=st.floats(0.3, 4))
def test_middle_of_a_rising_accuracy_is_where_half_the_change_is_done(centre, width):
    found = find_transition(STEPS, sigmoid(centre, width))
    assert found is not None
    assert found.complete
    assert abs(found.middle / 1000 - centre) <= 1 + 0.5 * width
    assert found.begin < found.middle <= found.end
    assert found.before == pytest.approx(0.5, abs=0.05)
    assert found.after == pytest.approx(1.0, abs=0.05)


@settings(max_examples=20)
@given(centre=st.floats(30, 70), width=st.floats(0.5, 3))
def test_beginning_and_end_enclose_the_steep_phase(centre, width):
    found = find_transition(STEPS, sigmoid(centre, width))
    assert found is not None
    # A logistic curve has 5 % of its change 2.94 widths before its centre, 99 % of it 4.60 after.
    assert abs((centre - found.begin / 1000) - 2.94 * width) <= 1.5 + 0.5 * width
    assert abs((found.end / 1000 - centre) - 4.60 * width) <= 1.5 + 0.5 * width


@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_measurement_noise_moves_the_middle_by_a_few_points_at_most(seed):
    noise = 0.01 * np.random.default_rng(seed).normal(size=100)
    found = find_transition(STEPS, np.clip(sigmoid(50, 3) + noise, 0, 1))
    assert found is not None
    assert abs(found.middle - 50_000) <= 2000


@settings(max_examples=20)
@given(
    centre=st.integers(25, 75),
    width=st.floats(0.5, 3),
    scale=st.sampled_from([1, 2, 10, 1000, 100_000]),
    shift=st.sampled_from([0, 1, 1000, 10**7]),
)
def test_phases_do_not_depend_on_how_steps_are_counted(centre, width, scale, shift):
    values = sigmoid(centre, width)
    plain = find_transition(np.arange(100), values)
    moved = find_transition(np.arange(100) * scale + shift, values)
    assert plain is not None
    assert moved is not None
    for place in ("begin", "middle", "end"):
        assert getattr(moved, place) == getattr(plain, place) * scale + shift
    assert (moved.before, moved.after) == pytest.approx((plain.before, plain.after))


def test_step_function_is_found_at_its_step():
    found = find_transition(STEPS, np.where(np.arange(100) < 40, 0.5, 1.0))
    assert found is not None
    assert found.begin == 39_000
    assert found.middle in (39_000, 40_000)
    assert found.end == 40_000


def test_falling_loss_of_three_phases_is_found():
    # Flat for 5 %, down to 80 % of the way in the next 20 %, slow for the rest.
    loss = np.concatenate([np.full(5, 5.5), np.linspace(5.5, 2.5, 20), np.linspace(2.5, 2.0, 75)])
    found = find_transition(STEPS, loss)
    assert found is not None
    assert found.complete
    assert 4000 <= found.begin <= 7000
    assert abs(found.middle - 14_500) <= 1500
    assert 22_000 <= found.end <= 26_000
    assert found.before == pytest.approx(5.5, abs=0.2)
    assert found.after == pytest.approx(2.5, abs=0.2)


def test_slow_end_of_a_loss_does_not_pull_the_middle():
    loss = np.concatenate([np.full(10, 4.0), np.linspace(4.0, 2.0, 10), np.linspace(2.0, 0.5, 80)])
    found = find_transition(STEPS, loss)
    assert found is not None
    assert 10_000 <= found.middle <= 20_000


@pytest.mark.parametrize(
    "values",
    [
        np.full(100, 0.5),
        np.full(100, 3.0),
        np.zeros(100),
        0.5 + 0.01 * np.random.default_rng(0).normal(size=100),
        4.0 + 0.05 * np.random.default_rng(0).normal(size=100),
        np.linspace(0.5, 0.58, 100),
        sigmoid(50, 2, high=0.59),
    ],
    ids=["flat", "flat loss", "zero", "noise", "noisy loss", "creep", "too small a rise"],
)
def test_a_run_that_never_transitions_is_reported_as_such(values):
    assert find_transition(STEPS, values) is None


def test_four_points_are_too_few_and_five_enough():
    values = [0.5, 0.5, 0.75, 1.0, 1.0]
    assert find_transition(range(4), values[1:]) is None
    found = find_transition(range(5), values)
    assert found is not None
    assert found.middle == 2


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_history_that_is_not_finite_has_no_transition(bad):
    values = sigmoid(50, 2)
    values[7] = bad
    assert find_transition(STEPS, values) is None


def test_long_histories_are_thinned_and_still_found():
    points = np.arange(700)
    values = 0.5 + 0.5 / (1 + np.exp(-(points - 400) / 12))
    found = find_transition(points, values)
    assert found is not None
    assert abs(found.middle - 400) <= 12


def test_levels_lie_within_what_was_measured():
    values = sigmoid(50, 0.3)
    found = find_transition(STEPS, values)
    assert found is not None
    assert values.min() <= found.before < found.after <= values.max()


# --- choosing checkpoints ------------------------------------------------------------------------------


def test_candidates_lie_before_at_the_beginning_in_the_middle_and_at_the_end():
    values = dict(zip([int(s) for s in STEPS], sigmoid(50, 2).tolist(), strict=True))
    chosen = candidates(listed(list(values), values), "val/accuracy")
    found = find_transition(STEPS, sigmoid(50, 2))
    assert found is not None
    assert list(chosen) == ["before", "beginning", "middle", "end"]
    assert chosen["beginning"].step == found.begin
    assert chosen["middle"].step == found.middle == 50_000
    assert chosen["end"].step == found.end
    assert abs(chosen["before"].step - found.begin / 2) <= 500


def test_checkpoints_without_the_metric_are_left_out():
    values = dict(zip(range(10, 100, 10), [0.5, 0.5, 0.5, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0], strict=True))
    bank = listed(sorted([*values, 45, 55]), values)
    assert candidates(bank, "val/accuracy")["middle"].step == 50


def test_a_metric_that_was_never_measured_is_refused_with_those_that_were():
    values = dict.fromkeys(range(10, 100, 10), 0.5)
    with pytest.raises(UsageError) as caught:
        candidates(listed(list(values), values), "val/loss")
    assert str(caught.value) == (
        "metric: got 'val/loss', measured at 0 checkpoints of bank; "
        "allowed: a metric measured at 5 or more, here ['val/accuracy']"
    )


def test_a_bank_without_any_metric_is_refused():
    with pytest.raises(UsageError, match=r"here none \(validate at harvest steps\)$"):
        candidates(listed([10, 20, 30, 40, 50]), "val/accuracy")


def test_a_teacher_that_never_transitions_is_refused_with_its_range():
    values = dict.fromkeys(range(10, 100, 10), 0.5) | {50: 0.52}
    with pytest.raises(UsageError) as caught:
        candidates(listed(list(values), values), "val/accuracy")
    assert str(caught.value) == (
        "checkpoint: the teacher in bank never transitions (val/accuracy stays between 0.500 and 0.520); "
        "allowed: a teacher that does, or a step number"
    )


def least_error(t: np.ndarray, v: np.ndarray, first: int, last: int) -> float:
    columns = [np.ones_like(t), t, np.maximum(t - t[first], 0), np.maximum(t - t[last], 0)]
    fitted = np.stack(columns, 1) @ np.linalg.lstsq(np.stack(columns, 1), v, rcond=None)[0]
    return float(((fitted - v) ** 2).sum())


@given(st.integers(0, 10**6), st.integers(5, 30), st.sampled_from(("noise", "step", "ramp", "flat")))
@settings(max_examples=60, deadline=None)
def test_no_other_pair_of_knots_fits_better(seed: int, n: int, shape: str) -> None:
    """A least-squares solution for each pair, one by one."""
    chance = np.random.default_rng(seed)
    t = np.sort(chance.choice(10 * n, n, replace=False)).astype(float)
    v = {
        "noise": chance.normal(size=n),
        "step": np.where(np.arange(n) > chance.integers(n), 1.0, 0.5),
        "ramp": np.clip((t - t[n // 3]) / (t[-1] - t[0]) * 4, 0, 1),
        "flat": np.full(n, 0.5),
    }[shape]
    first, last, *_ = _three_lines(t, v)
    scaled = (t - t[0]) / (t[-1] - t[0])
    knots = _knots(n)
    errors = {(a, b): least_error(scaled, v, a, b) for a in knots for b in knots if a < b}
    assert errors[first, last] <= min(errors.values()) + 1e-12
