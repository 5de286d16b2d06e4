"""Which teacher checkpoint supervises which student step (progressive, section 2 and D.2).

A schedule is a list of segments and nothing else: a pure function "student step -> teacher step", so a
resumed student needs only its step number to know its teacher. Each strategy is a small frozen class
whose fields are what a user writes in YAML; `Strategy.plan` turns it into a schedule for a given bank.
"""

from __future__ import annotations

import bisect
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from lit_curriculum.distillation.bank import CheckpointBank
from lit_curriculum.distillation.manifest import Checkpoint
from lit_curriculum.distillation.order import ordered
from lit_curriculum.distillation.transition import candidates, peak
from lit_curriculum.errors import UsageError, bad_value


@dataclass(frozen=True)
class Schedule:
    """Consecutive segments; the last one lasts for ever.

    Attributes:
        starts: student step at which each segment begins; starts[0] = 0, strictly increasing.
        teachers: teacher checkpoint of each segment.
        dropped: teacher steps that the strategy named but that no longer fit into the student's run.
    """

    starts: tuple[int, ...]
    teachers: tuple[Checkpoint, ...]
    dropped: tuple[int, ...] = ()

    def position(self, step: int) -> int:
        """Return the segment that supervises the update after ``step`` updates."""
        return bisect.bisect_right(self.starts, step) - 1

    def teacher_at(self, step: int) -> Checkpoint:
        """Return the checkpoint that supervises the update after ``step`` updates."""
        return self.teachers[self.position(step)]

    @property
    def distinct(self) -> list[Checkpoint]:
        """Every checkpoint that teaches, once, in order of first appearance."""
        return list({entry.step: entry for entry in self.teachers}.values())

    def __str__(self) -> str:
        """Say in a line who teaches from when on; of many, the first two and the last."""
        told = [
            f"{entry.step:,} from step {start:,}"
            for start, entry in zip(self.starts, self.teachers, strict=True)
        ]
        shown = told if len(told) <= 4 else [*told[:2], "...", told[-1]]
        return ", ".join(shown)

    def next_swap(self, step: int) -> int | None:
        """Return the first step > ``step`` at which the teacher changes, or None."""
        later = self.starts[self.position(step) + 1 :]
        return later[0] if later else None


class Strategy(ABC):
    """A rule that makes a schedule from a bank and the student's length."""

    @abstractmethod
    def plan(self, bank: CheckpointBank, num_steps: int) -> Schedule:
        """Return the schedule of a student that makes ``num_steps`` updates.

        Raises:
            UsageError: if the bank lacks what the strategy needs, or an explicit plan does not fit.
        """


@dataclass(frozen=True)
class OneShot(Strategy):
    """The final checkpoint throughout."""

    def plan(self, bank: CheckpointBank, num_steps: int) -> Schedule:
        """See `Strategy.plan`."""
        return Schedule((0,), (bank.final,))


@dataclass(frozen=True)
class NT(Strategy):
    """(N, T): N - 1 equally spaced checkpoints and the final one, T student steps each (Definition 2.2).

    Attributes:
        N: number of checkpoints, the final one included.
        T: student steps under each.
    """

    N: int
    T: int

    def plan(self, bank: CheckpointBank, num_steps: int) -> Schedule:
        """See `Strategy.plan`."""
        return _in_turn(equally_spaced(bank, self.N), self.T, num_steps, "NT.T")


@dataclass(frozen=True)
class TwoShot(Strategy):
    """(2, T) with a chosen intermediate checkpoint (section 3.1, R2).

    Attributes:
        T: student steps under the intermediate checkpoint.
        checkpoint: its teacher step; or where in the teacher's transition to take it; or ``peak``, where
            the metric is largest.
        metric: metric in the manifest from which that is read: an accuracy, a loss, or for ``peak`` the
            ``ngrams/robust_3`` that `LogNgrams` notes.
    """

    T: int
    checkpoint: int | Literal["before", "beginning", "middle", "end", "peak"] = "middle"
    metric: str = "val/accuracy"

    def plan(self, bank: CheckpointBank, num_steps: int) -> Schedule:
        """See `Strategy.plan`."""
        places = ("before", "beginning", "middle", "end", "peak")
        if type(self.checkpoint) is not int and self.checkpoint not in places:
            allowed = f"a teacher's step, or {', '.join(places)}"
            raise bad_value("TwoShot.checkpoint", self.checkpoint, allowed)
        if isinstance(self.checkpoint, int):
            chosen = bank.at(self.checkpoint)
        elif self.checkpoint == "peak":
            chosen = peak(bank, self.metric)
        else:
            chosen = candidates(bank, self.metric)[self.checkpoint]
        if chosen == bank.final:
            return Schedule((0,), (bank.final,))
        return _in_turn([chosen, bank.final], self.T, num_steps, "TwoShot.T")


@dataclass(frozen=True)
class PeakOfEach(Strategy):
    """One checkpoint a phase, where all of the phase's metrics stand out, T steps each, then the final one.

    A task that is learned in phases shows each phase's features at another time (progressive, C.3: the two
    intermediate checkpoints of (3, T)). A phase is a list of metrics, for hierarchical parity the
    correlations of one level's nodes that `LogMonomials` notes; its checkpoint is the one at which the
    smallest of them is largest. They teach in the order in which the teacher passed them; one that is the
    peak of two phases teaches once.

    Attributes:
        T: student steps under each intermediate checkpoint.
        phases: metrics in the manifest, a list a phase.
    """

    T: int
    phases: list[list[str]]

    def plan(self, bank: CheckpointBank, num_steps: int) -> Schedule:
        """See `Strategy.plan`."""
        if not self.phases or not all(self.phases):
            raise bad_value("PeakOfEach.phases", self.phases, "one list or more, each of one metric or more")
        peaks = {peak(bank, *metrics).step for metrics in self.phases}
        teachers = [bank.at(step) for step in sorted(peaks)]
        return _in_turn([*teachers, bank.final], self.T, num_steps, "PeakOfEach.T")


@dataclass(frozen=True)
class Explicit(Strategy):
    """A list of teacher steps and how long each teaches; the last one stays (Definition 2.1).

    Attributes:
        checkpoints: teacher steps, in the order in which they teach.
        durations: student steps under each.
    """

    checkpoints: list[int]
    durations: list[int]

    def plan(self, bank: CheckpointBank, num_steps: int) -> Schedule:
        """See `Strategy.plan`."""
        if not self.checkpoints or len(self.checkpoints) != len(self.durations):
            raise bad_value(
                "Explicit.durations", self.durations, f"one for each of {self.checkpoints}, at least one"
            )
        for duration in self.durations:
            _whole("Explicit.durations", duration)
        starts = [sum(self.durations[:i]) for i in range(len(self.durations))]
        if starts[-1] >= num_steps:
            raise UsageError(
                f"Explicit.durations: the last checkpoint would start at student step {starts[-1]}; "
                f"allowed: before the student's {num_steps} steps end"
            )
        return Schedule(tuple(starts), tuple(bank.at(step) for step in self.checkpoints))


@dataclass(frozen=True)
class EqualSplit(Strategy):
    """The student's whole length in N equal parts, one checkpoint each (D.2).

    Attributes:
        N: number of checkpoints, the final one included.
    """

    N: int

    def plan(self, bank: CheckpointBank, num_steps: int) -> Schedule:
        """See `Strategy.plan`."""
        teachers = equally_spaced(bank, self.N)
        if num_steps < self.N:
            raise bad_value("EqualSplit.N", self.N, f"at most the student's {num_steps} steps")
        starts = tuple(i * num_steps // self.N for i in range(self.N))
        return Schedule(starts, tuple(teachers))


@dataclass(frozen=True)
class Kappa(Strategy):
    """kappa * T0 / N student steps under each of N checkpoints, T0 the teacher's length (D.2).

    Checkpoints that no longer fit into the student's run are dropped by definition; the final one is kept
    to the end of a longer run. kappa -> 0 is one-shot distillation, 1 / kappa the speed-up.

    Attributes:
        kappa: in (0, 1] in the paper; any positive value works.
        N: number of checkpoints; default all that the bank holds.
        order: ``forward``, as the teacher passed them; as controls ``reversed`` or ``shuffled``, see
            `ordered`. `Reordered` does it to what is left when some have been dropped, and to any strategy.
        order_seed: see ``order``.
    """

    kappa: float
    N: int | None = None
    order: Literal["forward", "reversed", "shuffled"] = "forward"
    order_seed: int = 0

    def plan(self, bank: CheckpointBank, num_steps: int) -> Schedule:
        """See `Strategy.plan`."""
        if type(self.kappa) not in (int, float) or not 0 < self.kappa < float("inf"):
            raise bad_value("Kappa.kappa", self.kappa, "a number > 0")
        if self.N is None:
            # A checkpoint of the untrained network teaches nothing and is not counted.
            teachers = [entry for entry in bank if entry.step > 0]
        else:
            teachers = equally_spaced(bank, self.N)
        if bank.final.step == 0:
            raise UsageError(f"Kappa: {bank.folder} holds only step 0; allowed: a bank of a trained teacher")
        share = self.kappa * bank.final.step / len(teachers)
        if self.order != "forward":
            teachers = ordered(teachers, self.order, self.order_seed, "Kappa.order", "forward")
        if share < 1:
            raise bad_value(
                "Kappa.kappa", self.kappa, f"at least {len(teachers)} / {bank.final.step}: one step each"
            )
        starts = [round(i * share) for i in range(len(teachers))]
        fitting = bisect.bisect_left(starts, num_steps)
        return Schedule(
            tuple(starts[:fitting]),
            tuple(teachers[:fitting]),
            tuple(entry.step for entry in teachers[fitting:]),
        )


def _whole(key: str, value: object) -> None:
    if type(value) is not int or value < 1:
        raise bad_value(key, value, "an integer of at least 1")


def equally_spaced(bank: CheckpointBank, N: int) -> list[Checkpoint]:
    """Return N checkpoints at multiples of T0 / N, each the nearest that the bank holds.

    Raises:
        UsageError: if two multiples share a nearest checkpoint: the bank is too coarse for N.
    """
    _whole("strategy.N", N)
    chosen = [bank.nearest(i * bank.final.step / N) for i in range(1, N + 1)]
    if len({entry.step for entry in chosen}) != N:
        most = len(bank.steps)
        allowed = f"at most {most}, so that the bank has a checkpoint near each i T0 / N"
        raise bad_value("strategy.N", N, allowed)
    return chosen


def _in_turn(teachers: list[Checkpoint], T: int, num_steps: int, key: str) -> Schedule:
    """T steps under each teacher; the last one stays and must be reached."""
    _whole(key, T)
    last = (len(teachers) - 1) * T
    if last >= num_steps:
        raise UsageError(
            f"{key}: got {T}, so the final teacher would start at student step {last}; "
            f"allowed: before the student's {num_steps} steps end"
        )
    return Schedule(tuple(i * T for i in range(len(teachers))), tuple(teachers))
