"""Numbers as a reader sees them, and the small picture of a claim's."""

from __future__ import annotations

from dataclasses import dataclass

from lit_curriculum.report.collect import Claim, Outcome

WIDTH, HEIGHT, MARGIN = 180, 22, 8
"""Of the picture, in pixels."""

DASH = "\N{EN DASH}"


def shown(value: float | str | None) -> str:
    """Return a number with three digits, whole ones with all; a dash for None; texts as they are."""
    if value is None:
        return DASH
    if isinstance(value, str):
        return value
    text = f"{value:,.0f}" if abs(value) >= 1000 or value == round(value) else f"{value:.3g}"
    return text.replace("-", "\N{MINUS SIGN}", 1) if text.startswith("-") else text


def duration(seconds: float) -> str:
    """Return a time in the largest unit that tells it well."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} seconds"


def cost(outcome: Outcome) -> str:
    """Return what a result took: its runs, one after the other, where that is known; else its last call."""
    if outcome.run_seconds is None:
        return f"{duration(outcome.wall_seconds)} (of the last call; runs made before it are not in it)"
    return f"{duration(outcome.run_seconds)} of runs"


def interval(claim: Claim) -> str:
    """Return a claim's 95 % bounds where its rule takes them; else from where to where its seeds lie."""
    if claim.low is not None and claim.high is not None:
        return f"95 % bounds {shown(claim.low)} to {shown(claim.high)}"
    if len(claim.numbers) < 2:
        return ""
    low, high = shown(min(claim.numbers)), shown(max(claim.numbers))
    return f"every seed {low}" if low == high else f"seeds from {low} to {high}"


def effect(claim: Claim) -> str:
    """Return a claim's effect size, its p or the seeds that it would take, as far as it has them."""
    told = []
    if claim.effect is not None:
        told.append(f"{shown(claim.effect)} standard deviations")
    if claim.p is not None:
        told.append(f"p = {shown(claim.p)}")
    if claim.seeds_needed is not None:
        told.append(f"would take {claim.seeds_needed} seeds")
    return ", ".join(told)


def seeds(claim: Claim) -> str:
    """Return how many seeds a claim was judged by, and how many of them have no value."""
    count, lacking = len(claim.values), len(claim.values) - len(claim.numbers)
    text = f"{count} seed{'' if count == 1 else 's'}"
    return f"{text}, {lacking} without a value" if lacking else text


@dataclass(frozen=True)
class Strip:
    """A claim's numbers on one axis, in pixels.

    Attributes:
        seeds: a dot each.
        mean: of the seeds; None if one has no value.
        bounds: ends of the interval, or None.
        paper: the paper's number, or None.
        zero: where zero lies, if it is in sight.
    """

    seeds: tuple[float, ...]
    mean: float | None
    bounds: tuple[float, float] | None
    paper: float | None
    zero: float | None


def strip(claim: Claim) -> Strip | None:
    """Return the picture of a claim; None where there is nothing to compare."""
    paper = float(claim.paper_value) if isinstance(claim.paper_value, int | float) else None
    bounds = None if claim.low is None or claim.high is None else (claim.low, claim.high)
    seen = [*claim.numbers, *(bounds or ()), *([] if paper is None else [paper])]
    if len(seen) < 2 or not claim.numbers:
        return None
    low, high = _range(seen)

    def place(value: float) -> float:
        return round(MARGIN + (value - low) / (high - low) * (WIDTH - 2 * MARGIN), 1)

    return Strip(
        tuple(map(place, claim.numbers)),
        None if claim.measured is None else place(claim.measured),
        None if bounds is None else (place(bounds[0]), place(bounds[1])),
        None if paper is None else place(paper),
        place(0) if low <= 0 <= high else None,
    )


def _range(values: list[float]) -> tuple[float, float]:
    """Return from where to where numbers reach; zero is taken in if that does not halve their picture."""
    low, high = min(values), max(values)
    if low == high:
        reach = abs(low) / 2 or 1.0
        return low - reach, high + reach
    wider = min(low, 0.0), max(high, 0.0)
    return wider if wider[1] - wider[0] <= 2 * (high - low) else (low, high)
