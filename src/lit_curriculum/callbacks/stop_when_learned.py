"""End a run as soon as its task is learned."""

from __future__ import annotations

from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.states import TrainerFn

from lit_curriculum.errors import bad_value
from lit_curriculum.training.guest import own_module


def ended_early(trainer: Trainer) -> bool:
    """Tell whether a `StopWhenLearned` of this trainer has seen the task learned."""
    callbacks = trainer.callbacks  # type: ignore[attr-defined]
    return any(isinstance(callback, StopWhenLearned) and callback.learned for callback in callbacks)


class StopWhenLearned(Callback):
    """Stop after several evaluations in a row whose metric is at a level; the run is then finished.

    Lightning's EarlyStopping stops at the first evaluation that meets a threshold, which on a small held-out
    set may be luck.

    Args:
        level: what the metric must reach.
        times: evaluations in a row.
        metric: the metric that is watched.

    Raises:
        UsageError: for a number of evaluations below 1, and in training if there is no such metric.
    """

    def __init__(self, level: float = 1.0, times: int = 3, metric: str = "val/accuracy") -> None:
        if times < 1:
            raise bad_value("StopWhenLearned.times", times, "an integer of at least 1")
        self.level = level
        self.times = times
        self.metric = metric
        self._in_a_row = 0

    @property
    def learned(self) -> bool:
        """Whether the run may end."""
        return self._in_a_row >= self.times

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End a resumed run at once if it had learned before it was killed."""
        trainer.should_stop = trainer.should_stop or self.learned

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count.

        Raises:
            UsageError: if the metric is not among those evaluated.
        """
        pl_module = own_module(self, pl_module)
        if trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            return
        found = pl_module.evaluation
        if self.metric not in found:
            raise bad_value("StopWhenLearned.metric", self.metric, ", ".join(sorted(found)))
        self.count(found[self.metric])
        trainer.should_stop = trainer.should_stop or self.learned

    def count(self, value: float) -> None:
        """Take the value of one more evaluation."""
        self._in_a_row = self._in_a_row + 1 if value >= self.level else 0

    def state_dict(self) -> dict[str, Any]:
        """Return how many evaluations in a row have met the level."""
        return {"in_a_row": self._in_a_row}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the count up again."""
        self._in_a_row = state_dict["in_a_row"]
