"""Finding a teacher's phase transition, and the checkpoint in its middle, from its metric history alone.

The papers pick checkpoints by eye: the first lies in the middle of the rapid phase (progressive, D.2). The
eye sees three lines, a flat one, a steep one and a flatter one. So does this: the history is fitted by a
continuous function of three straight pieces, and the middle piece is the transition; or the first, where it
is both steeper and larger, as for a loss whose flat phase ends before the second evaluation. It works on an
accuracy that rises and on a loss that falls, and no step number is set by hand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lit_curriculum.distillation.bank import CheckpointBank
from lit_curriculum.distillation.manifest import Checkpoint
from lit_curriculum.errors import UsageError

# A teacher "moved" if the steep piece changes the metric by this much: of the range 0 to 1 for an
# accuracy, of the initial value for a loss.
MIN_CHANGE = 0.1
# The transition begins and ends where this share of the change is behind, respectively still ahead.
BEGUN, ENDED = 0.05, 0.99


@dataclass(frozen=True)
class Transition:
    """The three phases of a training run.

    Attributes:
        begin: step of the last history point of the first phase.
        middle: step of the history point nearest to half of the change.
        end: step of the first history point of the last phase.
        before, after: metric level at the two ends of the steep piece.
        complete: False if the run stopped while the metric was still in its steep phase.
    """

    begin: int
    middle: int
    end: int
    before: float
    after: float
    complete: bool


def find_transition(steps: npt.ArrayLike, values: npt.ArrayLike) -> Transition | None:
    """Return the phases of a metric's history, or None if the run never transitions.

    Args:
        steps: ascending step numbers (n,), at least 5.
        values: the metric at those steps (n,): an accuracy, or a loss.

    Returns:
        None for fewer than 5 points or when the steep piece changes the metric by less than `MIN_CHANGE`.
    """
    t = np.asarray(steps, dtype=np.float64)
    v = np.asarray(values, dtype=np.float64)
    if len(t) < 5 or not np.isfinite(v).all():
        return None
    first, last, start, before, after = _three_lines(t, v)
    if _falls_at_once(t, first, last, start, before, after):
        first, last, before, after = 0, first, start, before
    # A fitted corner overshoots a sharp step; no level lies outside what was measured.
    before, after = (float(np.clip(level, v.min(), v.max())) for level in (before, after))
    if after > before:
        # An accuracy saturates, and its last phase shows at which level; a loss goes on falling slowly.
        after = max(after, float(np.median(v[last:])))
    change = after - before
    scale = 1.0 if change > 0 else abs(before)
    if abs(change) <= MIN_CHANGE * scale:
        return None
    progress = (v - before) / change
    # The point nearest to half on either side of where half is crossed; of equal ones the later.
    crossed = first + int(np.argmax(progress[first : last + 1] >= 0.5))
    middle = min((crossed, max(crossed - 1, 0)), key=lambda i: abs(progress[i] - 0.5))
    begun = np.flatnonzero(progress[: middle + 1] <= BEGUN)
    ended = np.flatnonzero(progress[middle:] >= ENDED)
    begin = int(begun[-1]) if len(begun) else 0
    end = middle + int(ended[0]) if len(ended) else len(t) - 1
    return Transition(int(t[begin]), int(t[middle]), int(t[end]), before, after, complete=last < len(t) - 1)


def candidates(bank: CheckpointBank, metric: str) -> dict[str, Checkpoint]:
    """Return the checkpoints before, at the beginning, in the middle and at the end of the transition.

    ``before`` lies half-way between the start of training and the beginning of the transition.

    Raises:
        UsageError: if the manifest lacks the metric, or the teacher never transitions.
    """
    entries = [entry for entry in bank if metric in entry.metrics]
    if len(entries) < 5:
        known = sorted({name for entry in bank for name in entry.metrics})
        raise UsageError(
            f"metric: got {metric!r}, measured at {len(entries)} checkpoints of {bank.folder}; "
            f"allowed: a metric measured at 5 or more, here {known or 'none (validate at harvest steps)'}"
        )
    transition = find_transition([e.step for e in entries], [e.metrics[metric] for e in entries])
    if transition is None:
        values = [entry.metrics[metric] for entry in entries]
        raise UsageError(
            f"checkpoint: the teacher in {bank.folder} never transitions ({metric} stays between "
            f"{min(values):.3f} and {max(values):.3f}); allowed: a teacher that does, or a step number"
        )
    return {
        "before": bank.nearest(transition.begin / 2),
        "beginning": bank.at(transition.begin),
        "middle": bank.at(transition.middle),
        "end": bank.at(transition.end),
    }


def peak(bank: CheckpointBank, *metrics: str) -> Checkpoint:
    """Return the checkpoint at which a metric is largest; of several metrics, the smallest; the first such.

    With several metrics that is the checkpoint that shows all of them: hierarchical parity's nodes of one
    level are learned one after the other, and the peak of one may lie where another cannot be seen.

    Raises:
        UsageError: if the manifest lacks a metric, or they are largest at the last checkpoint: then there is
            no peak yet, and the final checkpoint teaches anyway.
    """
    entries = [entry for entry in bank if set(metrics) <= set(entry.metrics)]
    named = " and ".join(metrics)
    if not entries:
        known = sorted({name for entry in bank for name in entry.metrics})
        raise UsageError(
            f"metric: got {named!r}, measured at no checkpoint of {bank.folder}; "
            f"allowed: {', '.join(known) or 'none'}"
        )
    best = max(entries, key=lambda entry: (min(entry.metrics[name] for name in metrics), -entry.step))
    if best == bank.final:
        raise UsageError(
            f"checkpoint: {named} of the teacher in {bank.folder} has no peak before its last checkpoint, "
            f"step {best.step}; allowed: a teacher with one, or a step number"
        )
    return best


@dataclass(frozen=True)
class Choice:
    """The intermediate checkpoint that two ways of looking at a teacher's history choose.

    Attributes:
        by_loss: step of the checkpoint nearest to the middle of the loss's rapid phase; None if the loss
            never falls rapidly.
        by_peak: step of the checkpoint where M_robust is largest; None if that is the last one.
        phases: the phases of the loss.
    """

    by_loss: int | None
    by_peak: int | None
    phases: Transition | None

    @property
    def agree(self) -> bool:
        """Whether both choose, and choose the same checkpoint."""
        return self.by_loss is not None and self.by_loss == self.by_peak


def choose_checkpoint(
    checkpoints: Sequence[int],
    loss: Sequence[tuple[int, float]],
    robust: Sequence[tuple[int, float]],
) -> Choice:
    """Choose an intermediate checkpoint by the phases of the loss and by the peak of M_robust (n = 3).

    The paper's C1 is both: the inflection of the loss, where M_robust for 3-grams peaks (section 4.2, D.2).
    Where the two differ, checkpoints lie too far apart to tell, or the setting is not like the paper's.

    Args:
        checkpoints: steps that the bank holds; the last is the final one and never chosen.
        loss: (step, held-out loss), ascending, at least 5 of them; may be denser than the checkpoints.
        robust: (step, median M_robust) at checkpoints, ascending.
    """
    inner = [step for step in checkpoints if 0 < step < checkpoints[-1]]
    phases = find_transition([step for step, _ in loss], [value for _, value in loss]) if loss else None
    by_loss = None
    if phases is not None and inner:
        middle = phases.middle
        by_loss = min(inner, key=lambda step: (abs(step - middle), step))
    by_peak = None
    if robust:
        best = max(robust, key=lambda point: (point[1], -point[0]))[0]
        by_peak = best if best in inner else None
    return Choice(by_loss, by_peak, phases)


def _three_lines(
    t: npt.NDArray[np.float64], v: npt.NDArray[np.float64]
) -> tuple[int, int, float, float, float]:
    """Fit a continuous piecewise linear function with two knots by least squares over all knot pairs.

    Returns:
        Indices of the two knots, and the fitted levels at the first point and at the two knots.
    """
    scaled = (t - t[0]) / (t[-1] - t[0])
    best = (math.inf, 0, 0, 0.0, 0.0, 0.0)
    for first, last in _nearly_best(scaled, v, _knots(len(t))):
        design = np.stack(
            [
                np.ones_like(scaled),
                scaled,
                np.maximum(scaled - scaled[first], 0),
                np.maximum(scaled - scaled[last], 0),
            ],
            axis=1,
        )
        solution = np.linalg.lstsq(design, v, rcond=None)[0]
        fitted = design @ solution
        error = float(((fitted - v) ** 2).sum())
        if error < best[0]:
            best = (error, first, last, float(fitted[0]), float(fitted[first]), float(fitted[last]))
    return best[1:]


def _nearly_best(
    scaled: npt.NDArray[np.float64], v: npt.NDArray[np.float64], knots: list[int]
) -> list[tuple[int, int]]:
    """Pairs of knots whose least error is the smallest up to rounding, all pairs at once, in order.

    What two hinges explain of the rest of a straight line follows from their products alone, a 2 x 2 system
    for each pair; a least-squares solution of each, of which there are up to 1,770, takes 60 times as long.
    """
    line, _ = np.linalg.qr(np.stack([np.ones_like(scaled), scaled], axis=1))
    hinges = np.maximum(scaled[:, None] - scaled[knots], 0)
    hinges = hinges - line @ (line.T @ hinges)
    rest = v - line @ (line.T @ v)
    product, onto = hinges.T @ hinges, hinges.T @ rest
    a, b = np.triu_indices(len(knots), 1)
    first, last, both = product[a, a], product[b, b], product[a, b]
    determinant = first * last - both**2
    # A hinge at the last point is no column: it bends nothing.
    alone = determinant <= 1e-12 * first * last
    with np.errstate(divide="ignore", invalid="ignore"):
        of_one = np.where(first > 0, onto[a] ** 2 / first, 0.0)
        of_two = (last * onto[a] ** 2 - 2 * both * onto[a] * onto[b] + first * onto[b] ** 2) / determinant
    error = rest @ rest - np.where(alone, of_one, of_two)
    near = error <= error.min() + 1e-6 * abs(error.min()) + 1e-9 * float(rest @ rest)
    return [(knots[int(i)], knots[int(j)]) for i, j in zip(a[near], b[near], strict=True)]


def _falls_at_once(
    t: npt.NDArray[np.float64], first: int, last: int, start: float, before: float, after: float
) -> bool:
    """Tell whether the steep piece is the first of the three, the flat one too short to be seen."""
    earlier, later = abs(before - start), abs(after - before)
    return earlier > later and earlier / (t[first] - t[0]) > later / (t[last] - t[first])


def _knots(n: int, most: int = 60) -> list[int]:
    """Indices that may be knots, thinned evenly where there are very many.

    The last point is one: a run that stopped in its steep phase has no third piece.
    """
    inner = np.arange(1, n)
    if len(inner) > most:
        inner = np.unique(np.linspace(1, n - 1, most).round().astype(int))
    return [int(i) for i in inner]
