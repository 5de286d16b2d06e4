"""A wish to stop, made at any moment and granted between two updates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from lightning import Trainer

from lit_curriculum.errors import RunFailed, RunStopped

_ASK_EVERY = 10


@dataclass
class StopRequest:
    """Set by a signal handler, read by `ExactResume` before each Lightning batch.

    Attributes:
        reason: why the run should stop, e.g. ``SIGTERM``; None if it should not.
        failure: asked before each batch; what is wrong with the run folder, or None.
    """

    reason: str | None = None
    failure: Callable[[], str | None] | None = None

    def wanted(self, trainer: Trainer, batch_idx: int) -> bool:
        """Tell whether the run should stop here, the same on every device.

        Raises:
            RunFailed: if the run folder is no longer this run's.
        """
        lost = self.failure() if self.failure is not None else None
        if trainer.world_size == 1:
            if lost is not None:
                raise RunFailed(lost)
            return self.reason is not None
        if batch_idx // trainer.accumulate_grad_batches % _ASK_EVERY:
            return False  # agreeing takes a message between the devices
        ours = 2 if lost is not None else 1 if self.reason is not None else 0
        mine = torch.tensor(ours, device=trainer.strategy.root_device)
        theirs = int(trainer.strategy.reduce(mine, reduce_op="max"))
        if theirs == 2:
            raise RunFailed(lost or "the run folder was removed or taken over while this run wrote to it")
        return theirs == 1

    def stopped(self, step: int, num_steps: int) -> RunStopped:
        """Return what the run raises once it has saved."""
        return RunStopped(
            f"{self.reason or 'a signal to another device'} at step {step:,} of {num_steps:,}; "
            "run the same command again to go on"
        )
