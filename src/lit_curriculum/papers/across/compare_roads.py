"""Which kind of supervision makes one parity learnable for one GPT-2 in how many samples and label bits.

Roads: labels alone; samples that ask for the sum of the same bits (implicit, section 2.1); parities of the
first bits as further outputs; the same written into the sequence (subtask, section 3); two checkpoints of a
wider teacher (progressive, section 2), with its own samples counted and not. No paper compares them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from lit_curriculum.papers.across._roads import (
    COUNTED,
    LABELS,
    LEVEL,
    OUTPUTS,
    PROGRESSIVE,
    ROADS,
    SEQUENCE,
    SUM,
    TEACHER,
    bits,
    bits_of_a_sample,
    growth,
    most_samples,
    samples,
    studies,
)
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Known, Scale
from lit_curriculum.reproduce.panels import panels
from lit_curriculum.reproduce.predicates import AtLeast, MeanAbove, Sooner
from lit_curriculum.reproduce.results import PerSeed, Results, Row, saved
from lit_curriculum.reproduce.study import Study

COLOURS = {
    LABELS: "#009e73",
    SUM: "#cc79a7",
    OUTPUTS: "#e69f00",
    SEQUENCE: "#0072b2",
    PROGRESSIVE: "#d55e00",
    COUNTED: "#333333",
}
WORDS = {
    SUM: "samples that ask for the sum",
    OUTPUTS: "partial parities as outputs",
    SEQUENCE: "partial parities in the sequence",
    PROGRESSIVE: "two checkpoints of a wider teacher",
    COUNTED: "two checkpoints of a wider teacher, its own samples counted,",
}
_TWO_ARRIVE = "inconclusive: two seeds of five arrive, of labels alone none"


def figure(scale: Scale) -> Figure:
    """Return samples and label bits to 99 % against the size of the parity, a line for each road."""
    of = studies(scale)
    cost = {
        "smoke": "seconds",
        "laptop": "16 runs of a search and 90 more, 5 to 60 seconds each on one core",
        "paper": "a larger setting, in no paper: per seed 18 runs of up to 20M samples (GPU); never run",
    }
    return Figure(
        cost=cost[scale],
        studies=of,
        draw=lambda results: _draw(results, of),
        claims=lambda results: _claims(of),
        known=_KNOWN.get(scale, {}),
        table=lambda results: _table(results, of),
    )


def _id(road: str) -> str:
    return road.replace(",", "").replace(" ", "-")


_KNOWN: Known = {
    "laptop": {
        f"{_id(PROGRESSIVE)}-learns": "fails: two seeds of five reach it; at (20, 4) four do",
        **{
            f"{_id(road)}-fewer-{unit}": _TWO_ARRIVE
            for road in (PROGRESSIVE, COUNTED)
            for unit in ("samples", "bits")
        },
    }
}


# --- the picture ------------------------------------------------------------------------------------------


def _draw(results: Results, of: Sequence[Study]) -> Any:
    picture, (left, right) = panels(2, width=5.2, height=4.6)
    for axis, needed, what in ((left, samples, "training samples"), (right, bits, "label bits")):
        for place, road in enumerate(ROADS):
            _draw_road(axis, results, of, road, needed, 0.11 * (place - (len(ROADS) - 1) / 2))
        names = [f"({study.axes['n']}, {study.axes['k']})" for study in of]
        axis.set_xticks(range(len(of)), names)
        axis.set(yscale="log", xlabel="(n, k)", ylabel=f"{what} to {LEVEL:.0%}")
        axis.set_xlim(-0.5, len(of) - 0.5)
    left.set_title("hollow triangles: so many seeds do not learn within the run", fontsize=9)
    right.set_title("bits that the samples' labels say", fontsize=9)
    picture.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    return picture


def _draw_road(
    axis: Any, results: Results, of: Sequence[Study], road: str, needed: Callable[..., PerSeed], shift: float
) -> None:
    """Draw a dot for each seed and a line through medians; a run that never learns is a triangle at its end.

    A median that is itself not reached has no place on the line.
    """
    colour, middles = COLOURS[road], []
    for i, study in enumerate(of):
        values = sorted(needed(results, study, road).values())
        reached = [value for value in values if math.isfinite(value)]
        axis.plot([i + shift] * len(reached), reached, "o", ms=3.5, color=colour, alpha=0.5)
        if len(reached) < len(values):
            share = bits_of_a_sample(road, study.axes["k"]) if needed is bits else 1.0
            end = share * most_samples(study, road)
            axis.plot(i + shift, end, "^", ms=8, mec=colour, mfc="none")
            axis.annotate(
                f"{len(values) - len(reached)}/{len(values)}",
                (i + shift, end),
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                fontsize=7,
                color=colour,
            )
        middles.append(_median(values))
    axis.plot([i + shift for i in range(len(of))], middles, "-", lw=1.6, color=colour, label=road)


def _median(values: Sequence[float]) -> float:
    """Return the median; nan where it is infinite, which no axis shows."""
    found = statistics.median(values)
    return found if math.isfinite(found) else math.nan


def _table(results: Results, of: Sequence[Study]) -> list[Row]:
    """Return medians of samples and label bits, and how many seeds have learned."""
    rows = []
    for study in of:
        for road in ROADS:
            values = sorted(samples(results, study, road).values())
            middle, share = _median(values), bits_of_a_sample(road, study.axes["k"])
            shown = "not within the run" if math.isnan(middle) else f"{middle:,.0f}"
            paid = "" if math.isnan(middle) else f"{middle * share:,.0f}"
            rows.append(
                {
                    "(n, k)": f"({study.axes['n']}, {study.axes['k']})",
                    "road": road,
                    "seeds that learn": f"{sum(map(math.isfinite, values))} of {len(values)}",
                    "median samples": shown,
                    "label bits": paid,
                }
            )
    return rows


# --- claims -----------------------------------------------------------------------------------------------


def _claims(of: Sequence[Study]) -> list[Claim]:
    """Judge who arrives, who needs fewer samples than labels alone, fewer bits, and how the cost grows."""
    easy, hard = of[0], of[-1]
    where = f"at (n, k) = ({hard.axes['n']}, {hard.axes['k']})"
    return [
        Claim(
            "labels-alone-learn-the-easiest",
            f"From labels alone ({easy.axes['n']}, {easy.axes['k']})-parity is learned within the run.",
            _best(easy, LABELS),
            AtLeast(LEVEL),
        ),
        Claim(
            "teacher-learns",
            f"The wider teacher learns from labels {where}.",
            _best(hard, TEACHER),
            AtLeast(LEVEL),
        ),
        *(
            Claim(
                f"{_id(road)}-learns",
                f"With {WORDS[road]} the parity is learned {where}.",
                _best(hard, road),
                AtLeast(LEVEL),
            )
            for road in (SUM, OUTPUTS, SEQUENCE, PROGRESSIVE)
        ),
        *(
            _sooner(f"{_id(road)}-fewer-{unit}", hard, LABELS, road, needed, where)
            for unit, needed in (("samples", samples), ("bits", bits))
            for road in ROADS[1:]
        ),
        _sooner("sequence-before-outputs", hard, OUTPUTS, SEQUENCE, samples, where),
        _sooner("sequence-before-sum", hard, SUM, SEQUENCE, samples, where),
        Claim(
            "labels-alone-grow-faster",
            "From the easiest to the hardest size the samples of labels alone grow by at least twice the "
            "factor of partial parities in the sequence (log2 of the ratio of factors; a run that never "
            "learns counts with its length, so it is a lower bound).",
            lambda results: growth(results, of, LABELS) - growth(results, of, SEQUENCE),
            MeanAbove(1.0),
        ),
    ]


def _best(study: Study, road: str) -> Callable[[Results], PerSeed]:
    return lambda results: results.where(**study.axes).best(road, "accuracy")


def _sooner(id: str, study: Study, slow: str, fast: str, needed: Callable[..., PerSeed], where: str) -> Claim:
    """Judge that one road arrives before another, in samples or in bits, whichever `needed` counts."""
    unit = "samples" if needed is samples else "label bits"
    than = "labels alone" if slow == LABELS else WORDS[slow]
    return Claim(
        id,
        f"{_capital(WORDS[fast])} take fewer {unit} than {than} {where} ({unit} saved).",
        lambda results: saved(needed(results, study, slow), needed(results, study, fast)),
        Sooner(),
    )


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]
