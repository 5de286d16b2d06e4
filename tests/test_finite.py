"""Finding the number that is none, wherever and in whatever type it hides."""

from __future__ import annotations

import math

import pytest
import torch

from lit_curriculum.errors import NotFinite
from lit_curriculum.finite import all_finite, diverged, first_broken, named_tensors

NONE = [math.nan, math.inf, -math.inf]
TYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("number", NONE)
def test_one_number_among_many_is_found_wherever_it_is(number: float, dtype: torch.dtype) -> None:
    for place in (0, 17, 999):
        tensor = torch.zeros(1000, dtype=dtype)
        assert all_finite([tensor])
        tensor[place] = number
        assert not all_finite([torch.zeros(3), tensor.view(10, 100)])
        assert first_broken([("a", torch.ones(2)), ("b", tensor), ("c", tensor)]) == f"b ({number})"


def test_what_is_largest_is_finite_and_so_are_whole_numbers_and_nothing() -> None:
    large = [torch.tensor([torch.finfo(kind).max, torch.finfo(kind).min], dtype=kind) for kind in TYPES]
    others = [
        torch.tensor([2**62]),
        torch.tensor([True]),
        torch.zeros(0),
        torch.zeros((), requires_grad=True),
    ]
    assert all_finite([*large, *others])
    assert all_finite([])
    assert first_broken([(str(i), tensor) for i, tensor in enumerate([*large, *others])]) is None


def test_tensors_are_named_by_where_they_are() -> None:
    state = {"state": {3: {"exp_avg": torch.ones(1), "step": 7}}, "groups": [{"lr": 0.1}, (torch.zeros(2),)]}
    assert [name for name, _ in named_tensors(state)] == ["state.3.exp_avg", "groups.1.0"]


TOO_LARGE = "a learning rate that is too large"


@pytest.mark.parametrize(
    ("step", "rate", "cause"),
    [
        (1200, 0.5, f"{TOO_LARGE} (0.5)"),
        (7, None, TOO_LARGE),
        (0, 0.5, "initial weights that are too large"),
    ],
)
def test_a_divergence_is_one_line_with_its_step_and_cause(step: int, rate: float | None, cause: str) -> None:
    error = diverged(step, "the loss", rate)
    assert (type(error), error.exit_code) == (NotFinite, 1)
    assert str(error) == f"step {step:,}: the loss is not finite; the likely cause is {cause}"
