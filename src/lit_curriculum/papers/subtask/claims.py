"""Claims that the table and figures of `subtask` share, whatever model was trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from lit_curriculum.papers.figure import Claim, Row, Scale, judge
from lit_curriculum.papers.subtask.parity import ALMOST_FLAWLESS, Cell, better_steps, first_above, history


def lemma_1(rows: Sequence[Row], cells: Sequence[Cell], seeds: Sequence[int], scale: Scale) -> Claim:
    """Judge Lemma 1 at every evaluation of every run."""
    slack = []
    for cell in cells:
        for seed in seeds:
            decoded, forced = (
                [value for _, value in history(rows, cell, seed, f"test/{name}")]
                for name in ("accuracy", "forced_errors")
            )
            slack.append(min(f - (1 - a) for a, f in zip(decoded, forced, strict=True)))
    return judge(
        "lemma-1",
        "The decoded error is at most the sum of the teacher-forced errors (least difference of every run).",
        slack,
        scale=scale,
        threshold="at least 0 at every evaluation of every run",
        holds=min(slack) >= -1e-9,
        paper_value=0,
    )


def at_chance(
    id: str,
    statement: str,
    rows: Sequence[Row],
    labelled: Cell,
    plain: Cell,
    seeds: Sequence[int],
    scale: Scale,
) -> Claim:
    """Judge that plain training knows nothing at the step where labels have solved the same size."""
    values = []
    for seed in seeds:
        solved = first_above(history(rows, labelled, seed, "val/accuracy"), ALMOST_FLAWLESS)
        values += [v for step, v in history(rows, plain, seed, "test/accuracy") if step >= solved][:1]
    return judge(
        id,
        statement,
        values,
        scale=scale,
        threshold="at most 0.55 in every seed, solved with labels in every seed",
        holds=len(values) == len(seeds) and max(values) <= 0.55,
        paper_value=0.5,
    )


def gap_opens(
    rows: Sequence[Row],
    labelled: Sequence[Cell],
    plain: Sequence[Cell],
    seeds: Sequence[int],
    scale: Scale,
    times: int,
    statement: str,
    paper_value: float | None = None,
) -> Claim:
    """Judge that the slope of log2 steps against bits is larger without labels, among the sizes learned.

    Args:
        rows: data.csv.
        labelled: cells with labels.
        plain: cells without.
        seeds: those reported; one without two learned sizes of each kind has no slope, and fails the claim.
        scale: where it was measured.
        times: evaluations in a row that must be better than random.
        statement: what is claimed.
        paper_value: the paper's difference.
    """
    slopes = [[_growth(rows, cells, seed, times) for cells in (labelled, plain)] for seed in seeds]
    differences = [b - a for a, b in slopes if math.isfinite(a) and math.isfinite(b)]
    return judge(
        "gap-opens",
        statement,
        differences,
        scale=scale,
        threshold="above 0.3 in every seed: two bits cost at least 1.5 times as much more",
        holds=len(differences) == len(seeds) and min(differences) > 0.3,
        paper_value=paper_value,
    )


def slope(steps: Mapping[int, float]) -> float:
    """Return the least-squares slope of log2 steps against bits; nan below two sizes."""
    if len(steps) < 2:
        return math.nan
    return float(np.polyfit(list(steps), np.log2(list(steps.values())), 1)[0])


def _growth(rows: Sequence[Row], cells: Sequence[Cell], seed: int, times: int) -> float:
    steps = {cell.d: better_steps(rows, cell, [seed], times)[0] for cell in cells}
    return slope({d: step for d, step in steps.items() if 0 < step < math.inf})
