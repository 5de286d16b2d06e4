"""What is read of the samples of Theorem B.1's target, on curves whose answers are known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lit_curriculum.papers.progressive import _theory
from lit_curriculum.reproduce.results import PerSeed, Results

SETTING = replace(_theory.SETTINGS["smoke"], level=0.9)


def of_curve(accuracies: list[float]) -> Results:
    rows = [_theory._row("labels", 0, 100 * 2**i, "accuracy", a, 7) for i, a in enumerate(accuracies)]
    return Results.of(rows, seeds=(0,))


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ([0.5, 0.8, 1.0], 100 * 2**1.5),  # half way between 200 and 400 in the logarithm
        ([0.5, 0.9], 200.0),
        ([0.95], 100.0),
        ([0.5, 0.6, 0.7], math.inf),
    ],
)
def test_samples_needed_lie_between_the_last_two_sizes(accuracies: list[float], expected: float) -> None:
    assert _theory.needed(of_curve(accuracies), SETTING, "labels", 7)[0] == pytest.approx(expected)


def test_the_exponent_is_that_of_a_power_law_and_nan_where_a_size_is_never_enough() -> None:
    sizes = (7, 9, 15)
    found = [PerSeed({0: 3 * d**2.5, 1: math.inf}) for d in sizes]
    slopes = _theory.exponent(sizes, found)
    assert slopes[0] == pytest.approx(2.5)
    assert math.isnan(slopes[1])


def test_the_interval_is_two_sided() -> None:
    low, high = _theory.interval([1.0, 2.0, 3.0])
    # t for 97.5 % and two degrees of freedom, times 1 / sqrt(3).
    assert (2 - low, high - 2) == pytest.approx((4.30265 / math.sqrt(3),) * 2, rel=1e-5)
    assert _theory.interval([1.0]) == (-math.inf, math.inf)


def test_the_teacher_meets_corollary_b6_and_a_checkpoint_teaches_with_fewer_samples() -> None:
    setting = replace(_theory.SETTINGS["laptop"], T=200_000, test=1000)
    teacher = _theory.trained_teacher(setting, 13, 100)
    assert teacher.signal >= 1 / (8 * setting.k)
    x = np.where(np.random.default_rng(0).integers(2, size=(4000, 13)), 1.0, -1.0).astype(np.float32)
    assert (np.sign(teacher.last(x)) == x[:, :4].prod(1)).mean() > 0.95
    two, one = (
        _theory.student_accuracy(setting, 13, 100, arm, teacher, 8000) for arm in (_theory.TWO, _theory.ONE)
    )
    assert two > 0.95
    assert one < 0.6
