"""BERT executes programs sooner when intermediate values are supervised, all or some (figure 3).

Left: from [CLS], the last value alone against the mixture in which each earlier one has a label with
probability p: the paper's 1/320, or 0.3 in a laptop's small batches. Right: token by token, the last value
alone against all.
"""

from __future__ import annotations

from typing import Any

from lit_curriculum.papers.implicit.implicit_fig2 import PAPER_RATES
from lit_curriculum.reproduce.claim import Claim, final, listed
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import Line, draw_arms, in_millions, legend, panels
from lit_curriculum.reproduce.predicates import AtLeast, MeanAbove
from lit_curriculum.reproduce.results import PerSeed, Results
from lit_curriculum.reproduce.study import Arm, Study, at_scale

LEARNED = 0.9
# Panel by panel: the single task and what is compared with it, in the same style of classification.
PAIRS = {"cls": ("cls-last", "cls-mixture"), "token": ("token-last", "token-all")}
COLOURS = {"last": "#0072b2", "mixture": "#d55e00", "all": "#d55e00"}


def figure(scale: Scale) -> Figure:
    """Return the accuracy of the last value, a panel per style of classification."""
    # Each step of a program takes a layer. From [CLS] four statements are too few: some seeds find the last
    # value alone as soon as with the mixture. At p = 0.1 the values between come late in a batch this small,
    # and help little.
    statements, p, cls = {
        "smoke": ({"cls": 3, "token": 3}, 0.1, {}),
        "laptop": (
            {"cls": 5, "token": 4},
            0.3,
            {"model.layers": 5, "model.max_length": 11, "data.num_steps": 11_000},
        ),
        "paper": ({"cls": 10, "token": 10}, 1 / 320, {}),
    }[scale]
    more: dict[str, dict[str, Any]] = {"cls": cls, "token": {}}
    studies = {readout: _study(scale, readout, statements[readout], p, more[readout]) for readout in PAIRS}
    cost = {
        "smoke": "half a minute",
        "laptop": "12 runs; about 55 minutes on two cores",
        "paper": "per seed 4 runs of 2.5e17 operations, six learning rates each (GPU)",
    }
    return Figure(
        cost=cost[scale],
        studies=tuple(studies.values()),
        draw=lambda results: _draw(results, studies, p),
        claims=lambda results: [
            c for name, least in (("cls", 1.0), ("token", 2.0)) for c in _claims(name, least)
        ],
    )


def _study(scale: Scale, readout: str, n: int, p: float, more: dict[str, Any]) -> Study:
    shared = {
        "model.readout": readout,
        "data.readout": readout,
        "model.n_statements": n,
        "data.n_statements": n,
    }
    arms = tuple(
        Arm(name=name, set={"data.supervision": name.split("-")[1], "data.p_intermediate": p})
        for name in PAIRS[readout]
    )
    return at_scale(
        scale,
        "programs",
        set={**shared, **more},
        arms=arms,
        tuning_seeds=(100,),
        grid={"model.optimizer.lr": PAPER_RATES} if scale == "paper" else {},
        streams=("test",),
        metrics={name: f"test/{name}" for name in ("accuracy", *(f"position_{t}" for t in range(1, n + 1)))},
        fixed=("data.supervision", "data.p_intermediate"),
    )


def _draw(results: Results, studies: dict[str, Study], p: float) -> Any:
    picture, axes = panels(2, width=4.6, height=3.6)
    styles = {"cls": "from [CLS]", "token": "token by token"}
    labels = {"last": "last value alone", "all": "all values", "mixture": f"mixture, {p:.3g} each"}
    for axis, (readout, pair) in zip(axes, PAIRS.items(), strict=True):
        study = studies[readout]
        lines = {name: Line(labels[name.split("-")[1]], COLOURS[name.split("-")[1]]) for name in pair}
        draw_arms(axis, results, lines)
        axis.axhline(LEARNED, color="#999999", lw=0.8, ls=":")
        title = f"{styles[readout]}, {study.value('data.n_statements')} statements"
        axis.set(xlabel="training steps", ylabel="accuracy of the last value", title=title, ylim=(0, 1.03))
        legend(axis)
        in_millions(axis, study.value("data.num_steps"))
    return picture


def _claims(readout: str, least: float) -> list[Claim]:
    """Judge how much sooner the intermediate values bring the last one, each against its own baseline."""
    baseline, helped = PAIRS[readout]

    def ratio(results: Results) -> PerSeed:
        # A baseline that never gets there counts as one that does at the end: a lower bound of the gain.
        longest = results.curves(baseline, "accuracy")[0][-1][0]
        slow, fast = (
            results.steps_to(name, "accuracy", LEARNED).map(lambda step: min(step, longest))
            for name in (baseline, helped)
        )
        return slow / fast

    def note(results: Results) -> str:
        ends = listed(list(results.final(baseline, "accuracy").values()))
        return (
            f"ratios, seed by seed: {listed(list(ratio(results).values()))}; the single task ends at {ends}"
        )

    return [
        Claim(
            f"{helped}-learns",
            f"With intermediate labels ({helped}) the last value is learned (accuracy at the end).",
            final(helped),
            AtLeast(LEARNED),
        ),
        Claim(
            f"{helped}-sooner",
            f"It takes fewer samples than the single task in the same style (ratio to {LEARNED}; a baseline "
            "that never arrives counts as the whole run).",
            ratio,
            MeanAbove(least),
            paper="clearly sooner",
            note=note,
        ),
    ]
