"""The same checkpoints in another order: a control of whether their order teaches."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from lit_curriculum.distillation.bank import CheckpointBank
from lit_curriculum.distillation.order import ordered
from lit_curriculum.distillation.schedule import Schedule, Strategy
from lit_curriculum.errors import bad_value


@dataclass(frozen=True)
class Reordered(Strategy):
    """Another strategy's checkpoints, each for as many steps as there, in another order.

    A control, in no paper: the student sees the same answers of the same teachers, the same number of each,
    and no curriculum. Reversed two-shot distillation is the final checkpoint first and the intermediate one
    for the last T steps.

    Attributes:
        strategy: whose schedule is taken, with the checkpoints that fit into the student's run.
        order: ``reversed``, or ``shuffled``, which is never the strategy's own order.
        order_seed: from which a shuffled order is drawn.
    """

    strategy: Strategy
    order: Literal["reversed", "shuffled"]
    order_seed: int = 0

    def plan(self, bank: CheckpointBank, num_steps: int) -> Schedule:
        """See `Strategy.plan`."""
        if not isinstance(self.strategy, Strategy):
            raise bad_value("Reordered.strategy", self.strategy, "a strategy, e.g. Kappa(1.0)")
        planned = self.strategy.plan(bank, num_steps)
        ends = (*planned.starts[1:], num_steps)
        lasting = [end - start for start, end in zip(planned.starts, ends, strict=True)]
        segments = list(zip(planned.teachers, lasting, strict=True))
        turned = ordered(segments, self.order, self.order_seed, "Reordered.order")
        starts = accumulate((steps for _, steps in turned[:-1]), initial=0)
        return Schedule(tuple(starts), tuple(teacher for teacher, _ in turned), planned.dropped)
