"""Numbers as they are shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lit_curriculum.report import numbers
from lit_curriculum.report.collect import Claim

CLAIM = Claim("a", "It is so.", 0.5, 0.25, 0.05, (0.2, 0.3), "at least 0.1 in every seed", "holds", "", "")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.065042, "0.065"),
        (-0.0317, "\N{MINUS SIGN}0.0317"),
        (1.0, "1"),
        (1234567.0, "1,234,567"),
        (9.94e-5, "9.94e-05"),
        (None, "\N{EN DASH}"),
        ("> 0", "> 0"),
    ],
)
def test_a_number_in_few_digits(value, text) -> None:
    assert numbers.shown(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(35.2, "35.2 seconds"), (143.0, "2.38 minutes"), (7200, "2 hours"), (260000, "3.01 days")],
)
def test_a_time_in_its_unit(seconds, text) -> None:
    assert numbers.duration(seconds) == text


def test_an_interval_is_that_of_the_rule_or_of_the_seeds() -> None:
    assert numbers.interval(CLAIM) == "seeds from 0.2 to 0.3"
    assert numbers.interval(replace(CLAIM, low=0.1, high=0.4)) == "95 % bounds 0.1 to 0.4"
    assert numbers.interval(replace(CLAIM, values=(0.2,))) == ""
    assert numbers.interval(replace(CLAIM, values=(1.0, 1.0))) == "every seed 1"


def test_seeds_without_a_value_are_told() -> None:
    assert numbers.seeds(replace(CLAIM, values=(0.2, None, None))) == "3 seeds, 2 without a value"


def test_a_strip_keeps_the_order_of_its_numbers() -> None:
    strip = numbers.strip(replace(CLAIM, low=0.15, high=0.35))
    assert strip is not None
    assert strip.bounds is not None
    assert strip.bounds[0] < strip.seeds[0] < strip.mean < strip.seeds[1] < strip.bounds[1] < strip.paper
    assert strip.bounds[0] >= numbers.MARGIN
    assert strip.paper <= numbers.WIDTH - numbers.MARGIN


def test_zero_is_in_sight_where_it_is_near() -> None:
    assert numbers.strip(replace(CLAIM, paper_value=None)).zero is None
    near = numbers.strip(replace(CLAIM, low=0.05, high=0.4, paper_value=None))
    assert near.zero == numbers.MARGIN


def test_equal_numbers_lie_in_the_middle() -> None:
    strip = numbers.strip(replace(CLAIM, paper_value=1.0, measured=1.0, values=(1.0, 1.0)))
    assert strip.seeds == (numbers.WIDTH / 2, numbers.WIDTH / 2)


def test_nothing_to_compare_is_no_picture() -> None:
    assert numbers.strip(replace(CLAIM, values=(None, None), measured=None)) is None
