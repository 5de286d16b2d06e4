"""Lightning's time limit, as a wish to stop: the run is saved between two updates, and can go on."""

from __future__ import annotations

from typing import Any

from lightning import Trainer
from lightning.pytorch.callbacks import Timer

from lit_curriculum.callbacks.stop_request import StopRequest


class TimeLimit(Timer):
    """`Timer` that asks for a stop, and whose time is not kept in checkpoints: each start has its own.

    Lightning's own ends the epoch, with an evaluation that an uninterrupted run does not have, and resumed at
    its end would stop at once, for ever.
    """

    stop_request: StopRequest

    @classmethod
    def like(cls, timer: Timer) -> TimeLimit:
        """Return one with the settings of another."""
        made = cls()
        vars(made).update(vars(timer))
        made.stop_request = StopRequest()
        return made

    def _check_time_remaining(self, trainer: Trainer) -> None:
        remaining = self.time_remaining()
        if remaining is not None and remaining <= 0:
            self.stop_request.reason = "time limit"

    def state_dict(self) -> dict[str, Any]:
        """Keep nothing."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up nothing."""
