"""The learning rate's course: against its formula, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.training.learning_rate import WarmupDecay


def optimizer(lr: float = 0.5) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def course(steps: int, **settings: Any) -> list[float]:
    """Return the learning rate of every update of a run, and the one after its end."""
    inner = optimizer()
    schedule = WarmupDecay(inner, **settings)
    schedule.of_run(steps)
    rates = []
    for _ in range(steps + 1):
        rates.append(inner.param_groups[0]["lr"])
        inner.step()
        schedule.step()
    return rates


def test_it_rises_and_falls() -> None:
    rates = course(100, warmup_ratio=0.1)
    assert rates[0] == pytest.approx(0.05)
    assert rates[9] == rates[10] == max(rates) == 0.5
    assert rates[55] == pytest.approx(0.25)
    assert rates[99] > rates[100] == 0
    assert course(100, warmup_steps=10) == rates


@given(st.integers(1, 60), st.floats(0, 1), st.sampled_from(["cosine", "none"]))
def test_it_is_the_formula(num_steps: int, ratio: float, decay: Any) -> None:
    rising = round(ratio * num_steps)
    for step, rate in enumerate(course(num_steps, warmup_ratio=ratio, decay=decay)[:-1]):
        if step < rising:
            expected = (step + 1) / rising
        elif decay == "none":
            expected = 1.0
        else:
            expected = 0.5 * (1 + math.cos(math.pi * (step - rising) / (num_steps - rising)))
        assert rate == pytest.approx(0.5 * expected)


def test_a_resumed_schedule_goes_on() -> None:
    whole = course(20, warmup_steps=5)
    inner = optimizer()
    schedule = WarmupDecay(inner, warmup_steps=5)
    schedule.of_run(20)
    for _ in range(8):
        inner.step()
        schedule.step()
    other = optimizer()
    resumed = WarmupDecay(other, warmup_steps=5)
    resumed.of_run(20)
    other.load_state_dict(inner.state_dict())
    resumed.load_state_dict(schedule.state_dict())
    other.step()
    resumed.step()
    assert other.param_groups[0]["lr"] == whole[9]


@pytest.mark.parametrize("settings", [{"warmup_ratio": 0.2}, {"warmup_steps": 4, "decay": "none"}])
def test_a_run_that_goes_on_for_longer_has_the_rates_of_its_own_length(settings: dict[str, Any]) -> None:
    longer = course(20, **settings)
    inner = optimizer()
    schedule = WarmupDecay(inner, **settings)
    schedule.of_run(10)
    for _ in range(10):
        inner.step()
        schedule.step()
    saved = {**schedule.state_dict(), "num_steps": 10}  # as version 0.2 wrote it
    other = optimizer()
    resumed = WarmupDecay(other, **settings)
    resumed.of_run(20)
    other.load_state_dict(inner.state_dict())
    resumed.load_state_dict(saved)
    rates = []
    for _ in range(10, 21):
        rates.append(other.param_groups[0]["lr"])
        other.step()
        resumed.step()
    assert rates == longer[10:]


def test_a_length_of_its_own_stays() -> None:
    assert course(10, decay="cosine", num_steps=20)[10] == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"warmup_steps": -1}, "warmup_steps: got -1; allowed: an integer of at least 0"),
        ({"warmup_ratio": 1.5}, "warmup_ratio: got 1.5; allowed: a share from 0 to 1"),
        ({"warmup_steps": 1, "warmup_ratio": 0.5}, "warmup_ratio: got 0.5; allowed: 0 beside warmup_steps"),
        ({"decay": "linear"}, "decay: got 'linear'; allowed: cosine, none"),
        ({"warmup_steps": 21}, "warmup_steps: got 21; allowed: at most num_steps = 20"),
    ],
)
def test_wrong_arguments_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        course(20, **settings)
    assert str(caught.value) == f"model.lr_scheduler.{message}"
