"""How the learning rate goes over a run, for every optimizer; in YAML as ``lr_scheduler``."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch

from lit_curriculum.errors import bad_value


class WarmupDecay(torch.optim.lr_scheduler.LRScheduler):
    """A linear rise, then a cosine to zero at the end of the run or a constant; stepped once an update.

    Args:
        optimizer: whose learning rate it sets; that is the peak.
        warmup_steps: updates of the rise, whose last one has the peak.
        warmup_ratio: the same as a share of the run.
        decay: ``cosine`` or ``none``.
        num_steps: length of the run; None for the data's, which the module tells by `of_run`.

    Raises:
        UsageError: for a warm-up below zero or beyond the run, given twice, or another decay.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        warmup_steps: int = 0,
        warmup_ratio: float = 0.0,
        decay: Literal["cosine", "none"] = "cosine",
        num_steps: int | None = None,
    ) -> None:
        if num_steps is not None and num_steps < 1:
            raise bad_value("model.lr_scheduler.num_steps", num_steps, "an integer of at least 1, or null")
        if warmup_steps < 0:
            raise bad_value("model.lr_scheduler.warmup_steps", warmup_steps, "an integer of at least 0")
        if not 0 <= warmup_ratio <= 1:
            raise bad_value("model.lr_scheduler.warmup_ratio", warmup_ratio, "a share from 0 to 1")
        if warmup_steps and warmup_ratio:
            raise bad_value("model.lr_scheduler.warmup_ratio", warmup_ratio, "0 beside warmup_steps")
        if decay not in ("cosine", "none"):
            raise bad_value("model.lr_scheduler.decay", decay, "cosine, none")
        self.warmup_steps = warmup_steps
        self.warmup_ratio = warmup_ratio
        self.decay = decay
        self.num_steps = num_steps
        super().__init__(optimizer)

    def of_run(self, num_steps: int) -> None:
        """Take the length of the run, unless one was given.

        Raises:
            UsageError: if the warm-up is longer than the run, or the run longer than the given length.
        """
        if self.num_steps is None:
            self.num_steps = num_steps
        if self.num_steps < num_steps and self.decay == "cosine":
            allowed = f"at least the run's {num_steps} updates, or null"
            raise bad_value("model.lr_scheduler.num_steps", self.num_steps, allowed)
        if self.warmup_steps > self.num_steps:
            allowed = f"at most num_steps = {self.num_steps}"
            raise bad_value("model.lr_scheduler.warmup_steps", self.warmup_steps, allowed)
        self._set_rates()

    def state_dict(self) -> dict[str, Any]:
        """Return all but the length of the run, which is the run's own: one may go on for longer."""
        return {name: value for name, value in super().state_dict().items() if name != "num_steps"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on at a checkpoint's update, with the rates of a run of this length."""
        ours = self.num_steps  # version 0.2 kept one in its checkpoints
        super().load_state_dict(state_dict)
        self.num_steps = ours
        self._set_rates()

    def _set_rates(self) -> None:
        rates = self.get_lr()
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = lr
        self._last_lr = rates

    def get_lr(self) -> list[float | torch.Tensor]:
        """Return each group's learning rate for the next update."""
        step = self.last_epoch
        # Before the length is known nothing is trained.
        factor = 1.0 if self.num_steps is None else self.factor(step, self.num_steps)
        return [lr * factor for lr in self.base_lrs]

    def factor(self, step: int, num_steps: int) -> float:
        """Return the share of the peak for the update after ``step`` updates of a run of ``num_steps``."""
        rising = self.warmup_steps or round(self.warmup_ratio * num_steps)
        if step < rising:
            return (step + 1) / rising
        if self.decay == "none":
            return 1.0
        if step >= num_steps:
            return 0.0
        return 0.5 * (1 + math.cos(math.pi * (step - rising) / (num_steps - rising)))


def check_lr(lr: float) -> None:
    """Check the learning rate of a compiled loop.

    Raises:
        UsageError: if it is none that float32 can hold.
    """
    if not 0 < lr < float("inf"):
        raise bad_value("model.lr", lr, "a finite number > 0")
    if lr > 3e38:
        raise bad_value("model.lr", lr, "a number that float32 can hold, up to 3e38")
