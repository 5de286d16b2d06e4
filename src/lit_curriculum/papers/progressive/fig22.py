"""What a PCFG-BERT teacher's checkpoints know: longer contexts, and non-terminals (figure 22).

Left: M_close over training. Right: a probe for the non-terminals above each token, on the teacher's
checkpoints, the untrained network included, which shows what the probe learns by itself.
"""

from __future__ import annotations

from typing import Any

from lit_curriculum.papers.progressive._pcfg import DESIGNS, TEACHER, labelled
from lit_curriculum.papers.progressive._pcfg_results import depths
from lit_curriculum.papers.progressive.fig4 import choices, mark_choice
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Known, Scale
from lit_curriculum.reproduce.panels import NGRAM_COLOURS, curve, in_millions, legend, panels
from lit_curriculum.reproduce.predicates import AtLeast, MeanAbove
from lit_curriculum.reproduce.results import PerSeed, Results
from lit_curriculum.reproduce.study import ALL_SCALES

SCALES = ALL_SCALES

# Of the probe's final accuracy (the paper's words).
ALMOST = AtLeast(0.95)
_TWO_OF_FOUR = (
    "fails: .90 to .95 of the last accuracy, measured at 2,000 steps, the probe nearest to the inflection; "
    "it goes on rising slowly to 6,000."
)
_KNOWN: Known = {
    "laptop": {
        "close-falls": "fails: M_close(9) falls from .20 at step 400 to .05 at the inflection, and rises "
        "again to .22 when predictions come to depend on more than nine of 30 to 72 tokens. That is the "
        "larger peak.",
        "nonterminals-by-inflection-1": _TWO_OF_FOUR,
        "nonterminals-by-inflection-2": _TWO_OF_FOUR,
    },
}


def figure(scale: Scale) -> Figure:
    """Return M_close and the probe's accuracy over the teacher's training."""
    design = DESIGNS[scale]
    study = labelled(design, design.teacher_heads, design.T0)
    return Figure(
        cost="seconds" if scale == "smoke" else "nothing beyond the teachers of fig4",
        studies=(study,),
        draw=lambda results: _draw(results, design.T0),
        claims=lambda results: _claims(results, design.T0),
        known=_KNOWN.get(scale, {}),
    )


def _draw(results: Results, T0: int) -> Any:
    picture, (left, right) = panels(2, width=4.4, height=3.4)
    for n, colour in NGRAM_COLOURS.items():
        curve(left, results.curves(TEACHER, f"close_{n}"), colour, f"n = {n}")
    for i, depth in enumerate(depths(results)):
        found = results.curves(TEACHER, f"nonterminal_{depth}")
        curve(right, found, f"C{i}", f"depth {depth}", marker="o", ms=3)
        chance = next(iter(results.first(TEACHER, f"chance_{depth}").values()))
        right.axhline(chance, color=f"C{i}", ls=":", lw=1)
    chosen = choices(results)
    mark_choice((left, right), chosen, next(iter(chosen)), phases=False)
    left.set(title="teacher: full against n tokens alone", ylabel="median $M_{close}$")
    right.set(title="non-terminals (dotted: a constant answer)", ylabel="probe accuracy")
    for axis in (left, right):
        axis.set_xlabel("training steps")
        in_millions(axis, T0)
    left.set_ylim(top=1.35 * left.get_ylim()[1])  # room for the legend
    legend(left, columns=2)
    legend(right)
    return picture


def _claims(results: Results, T0: int) -> list[Claim]:
    """Judge the end of M_close's rise, its order in n, and when the probe is almost done."""

    def at_inflection(results: Results, depth: int) -> PerSeed:
        peaks = {seed: choice.by_peak or T0 for seed, choice in choices(results).items()}
        probed = results.history(TEACHER, f"nonterminal_{depth}")
        nearest = {
            seed: min((abs(step - peaks[seed]), step, value) for step, value in curve if step > 0)
            for seed, curve in probed.items()
        }
        return PerSeed({seed: value for seed, (_, _, value) in nearest.items()})

    return [
        Claim(
            "longer-is-closer",
            "At the end 9 tokens give a prediction nearer to the full one than 3 (difference of M_close).",
            lambda results: results.final(TEACHER, "close_3") - results.final(TEACHER, "close_9"),
            MeanAbove(),
        ),
        Claim(
            "close-falls",
            "M_close for n = 9 falls again after its peak.",
            lambda results: results.best(TEACHER, "close_9") - results.final(TEACHER, "close_9"),
            AtLeast(0.02),
            paper="drops rapidly after the inflection",
        ),
        *(
            Claim(
                f"nonterminals-by-inflection-{depth}",
                f"At the inflection the probe for depth {depth} is almost as good as at the end (ratio).",
                lambda results, depth=depth: (  # type: ignore[misc]
                    at_inflection(results, depth) / results.final(TEACHER, f"nonterminal_{depth}")
                ),
                ALMOST,
                paper="> 0.95",
            )
            for depth in depths(results)
        ),
        *(
            Claim(
                f"nonterminals-over-untrained-{depth}",
                f"There it is better than on the untrained network at depth {depth} (difference of "
                "accuracies).",
                lambda results, depth=depth: (  # type: ignore[misc]
                    at_inflection(results, depth) - results.first(TEACHER, f"nonterminal_{depth}")
                ),
                MeanAbove(),
            )
            for depth in depths(results)
        ),
    ]
