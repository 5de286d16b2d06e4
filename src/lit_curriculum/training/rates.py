"""Adam's settings and the course of its rate, for all that trains with minibatches."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import Any, Literal

import torch

from lit_curriculum.errors import bad_value

Schedule = Literal["cosine", "constant"]


def rate_factor(step: int, num_steps: int, warmup: float, decay: bool) -> float:
    """Return the share of the peak learning rate for the update after ``step`` updates.

    It rises linearly over the first ``warmup * num_steps`` updates, whose last one has the peak learning
    rate, and then falls along a cosine that would reach zero at ``num_steps``.
    """
    rising = round(warmup * num_steps)
    if step < rising:
        return (step + 1) / rising
    if not decay or step >= num_steps:
        return 0.0 if decay else 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / (num_steps - rising)))


def make_rate_schedule(
    optimizer: torch.optim.Optimizer, num_steps: int, warmup: float, schedule: Schedule
) -> torch.optim.lr_scheduler.LambdaLR:
    """Return a scheduler, stepped once an update, that follows `rate_factor`; ``warmup`` is a share."""
    factor = partial(rate_factor, num_steps=num_steps, warmup=warmup, decay=schedule == "cosine")
    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def adamw(parameters: Iterable[torch.nn.Parameter], **settings: Any) -> torch.optim.AdamW:
    """Return AdamW, on a GPU fused: one kernel for all parameters.

    On the processor it is left as it was when results were recorded; fused it would round otherwise.
    """
    given = list(parameters)
    fused = all(parameter.is_cuda for parameter in given)
    return torch.optim.AdamW(given, fused=fused or None, **settings)


def check_lr(lr: float) -> None:
    """Check a learning rate.

    Raises:
        UsageError: if it is none that float32 can hold.
    """
    if not 0 < lr < float("inf"):
        raise bad_value("model.lr", lr, "a finite number > 0")
    if lr > 3e38:
        raise bad_value("model.lr", lr, "a number that float32 can hold, up to 3e38")


def check_adam(lr: float, betas: tuple[float, float], weight_decay: float) -> None:
    """Check an optimizer's numbers.

    Raises:
        UsageError: naming the one that is out of range.
    """
    check_lr(lr)
    if not all(0 <= beta < 1 for beta in betas):
        raise bad_value("model.betas", betas, "two numbers from 0 to below 1")
    if not 0 <= weight_decay < float("inf"):
        raise bad_value("model.weight_decay", weight_decay, "a finite number >= 0")


def check_warmup(warmup_steps: int, num_steps: int | None = None) -> None:
    """Check the updates in which the learning rate rises, and once the run's length is known, that they fit
    into it.

    Raises:
        UsageError: naming them.
    """
    if warmup_steps < 0:
        raise bad_value("model.warmup_steps", warmup_steps, "an integer of at least 0")
    if num_steps is not None and warmup_steps > num_steps:
        raise bad_value("model.warmup_steps", warmup_steps, f"at most num_steps = {num_steps}")
