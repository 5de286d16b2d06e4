"""Claims that the table and figures of `subtask` share, whatever model was trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

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
    bounded: bool = False,
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
        bounded: whether a run of the largest size without labels that never learns counts with its length.
            It needs more than that, and more steps there make the slope larger, so the difference is a lower
            bound; the claim's note says how many seeds have one.
    """
    largest = plain[-1:] if bounded else ()
    slopes = [
        (_growth(rows, labelled, seed, times), _growth(rows, plain, seed, times, largest)) for seed in seeds
    ]
    differences = [b - a for a, b in slopes if math.isfinite(a) and math.isfinite(b)]
    censored = [seed for cell in largest for seed in seeds if math.isinf(_steps(rows, cell, seed, times))]
    note = (
        f"censored: {len(censored)} of {len(seeds)} seeds do not learn {plain[-1].d} bits within "
        f"{plain[-1].num_steps:,} updates; their difference is a lower bound"
    )
    claim = judge(
        "gap-opens",
        statement,
        differences,
        scale=scale,
        threshold="above 0.3 in every seed: two bits cost at least 1.5 times as much more",
        holds=len(differences) == len(seeds) and min(differences) > 0.3,
        paper_value=paper_value,
    )
    return replace(claim, note=note) if censored else claim


def slope(steps: Mapping[int, float]) -> float:
    """Return the least-squares slope of log2 steps against bits; nan below two sizes."""
    if len(steps) < 2:
        return math.nan
    return float(np.polyfit(list(steps), np.log2(list(steps.values())), 1)[0])


def _growth(
    rows: Sequence[Row], cells: Sequence[Cell], seed: int, times: int, bounded: Sequence[Cell] = ()
) -> float:
    steps = {cell.d: _steps(rows, cell, seed, times) for cell in cells}
    steps |= {cell.d: min(steps[cell.d], cell.num_steps) for cell in bounded}
    return slope({d: step for d, step in steps.items() if 0 < step < math.inf})


def _steps(rows: Sequence[Row], cell: Cell, seed: int, times: int) -> float:
    return better_steps(rows, cell, [seed], times)[0]
