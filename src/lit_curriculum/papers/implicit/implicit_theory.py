"""Why Sum helps Parity: constructions, Claim 1's bound and the 1/p^2 of Theorem 1 (implicit, section 2).

The paper has no figure of its theory. Left: Parity accuracy after two-phase training, against the size of
the first batch. Middle: the first batch that brings the loss below epsilon, against 1/p. Right: how far
the first step's weights are from their mean, in units of the tau that Claim 1 promises.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from typing import Any

import numpy as np

from lit_curriculum.papers.implicit._theory import (
    CORRECTED,
    PARITY_NOISE,
    PRINTED,
    SETTINGS,
    SUM_NOISE,
    Theory,
    construction_rows,
    deviations,
    gradient_rows,
    learned,
    learning_rows,
    needed,
    slopes,
)
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import legend, panels
from lit_curriculum.reproduce.predicates import AtLeast, AtMost, MeanAbove, MeanWithin
from lit_curriculum.reproduce.results import PerSeed, Results, Row, largest
from lit_curriculum.theory.sum_and_parity import bounds

CHANCE = AtMost(0.6)


def figure(scale: Scale) -> Figure:
    """Return the constructions, the first step repeated, and training in two phases."""
    setting = SETTINGS[scale]
    cost = {
        "smoke": "seconds",
        "laptop": "about a minute on one core",
        "paper": "about 20 minutes on one core (the paper has no such experiment; this is a larger n)",
    }
    return Figure(
        cost=cost[scale],
        seeds=setting.seeds,
        measure=lambda seeds: _measure(setting, seeds),
        draw=lambda results: _draw(results, setting),
        claims=lambda results: [*_exact_claims(setting), *_learning_claims(setting)],
    )


def _measure(setting: Theory, seeds: tuple[int, ...]) -> Iterator[Row]:
    for n in setting.sizes:
        yield from construction_rows(n)
    for p in setting.p:
        yield from gradient_rows(setting, p)
    for seed in seeds:
        yield from learning_rows(setting, seed)


# --- the picture ------------------------------------------------------------------------------------------


def _draw(results: Results, setting: Theory) -> Any:
    """Draw accuracy against the first batch, samples needed against 1/p, and Claim 1."""
    picture, axes = panels(3, width=4.3, height=3.6)
    _draw_accuracy(axes[0], results, setting)
    _draw_needed(axes[1], results, setting)
    _draw_deviation(axes[2], results, setting)
    for axis in axes:
        legend(axis)
    return picture


def _shade(setting: Theory, p: float) -> Any:
    import matplotlib

    if p == 0:
        return "#d55e00"
    return matplotlib.colormaps["viridis"](0.9 * setting.p.index(p) / max(1, len(setting.p) - 1))


def _draw_accuracy(axis: Any, results: Results, setting: Theory) -> None:
    for p in (*setting.p, 0.0):
        curves = list(learned(results, p, "accuracy").values())
        batches = [batch for batch, _ in curves[0]]
        mean = np.mean([[value for _, value in curve] for curve in curves], axis=0)
        axis.plot(batches, mean, "o-", ms=3, lw=1.5, color=_shade(setting, p), label=f"p = {p:g}")
    axis.set(
        xscale="log",
        xlabel="samples in the first step",
        ylabel="Parity accuracy, mean over seeds",
        title=f"n = {setting.n}, after {setting.T:,} steps of the second phase",
        ylim=(0.4, 1.03),
    )


def _draw_needed(axis: Any, results: Results, setting: Theory) -> None:
    inverse = [1 / p for p in setting.p]
    by_p = [
        [needed(curve, setting.epsilon) for curve in learned(results, p, "loss").values()] for p in setting.p
    ]
    for values in zip(*by_p, strict=True):
        axis.plot(inverse, values, ".", color="#0072b2", ms=4, alpha=0.6)
    means = [math.exp(statistics.fmean(map(math.log, values))) for values in by_p]
    axis.plot(inverse, means, "-", color="#0072b2", label=f"loss below {setting.epsilon:g} for good")
    shape = [bounds.first_step_variance(setting.n, p) / p**2 for p in setting.p]
    scale = means[-1] / shape[-1] if math.isfinite(means[-1]) else 1.0
    axis.plot(inverse, [scale * s for s in shape], "--", color="#333333", lw=1, label="fitted Var(y x) / p²")
    axis.plot(inverse, [scale / p**2 for p in setting.p], ":", color="#333333", lw=1, label="slope 2")
    few, many = (statistics.fmean(fitted(results).values()) for fitted in _fits(setting))
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="1 / p",
        ylabel="samples needed in the first step",
        title=f"slope {few:.2f} for p ≤ {PARITY_NOISE:g}, {many:.2f} for p ≥ {SUM_NOISE:g}",
    )


def _draw_deviation(axis: Any, results: Results, setting: Theory) -> None:
    for p in setting.p:
        for metric, style in ((CORRECTED, "-"), (PRINTED, ":")):
            values = sorted(deviations(results, p, metric))
            share = np.arange(1, len(values) + 1) / len(values)
            label = f"p = {p:g}" if metric == CORRECTED else None
            axis.step(values, share, style, where="post", lw=1.3, color=_shade(setting, p), label=label)
    axis.axvline(1.0, color="#d55e00", lw=1)
    axis.set(
        xlabel="largest deviation of an entry of W, over tau",
        ylabel=f"share of {setting.trials} trials",
        title="Claim 1 (dots: the batch as printed)",
    )


# --- claims -----------------------------------------------------------------------------------------------


def _fits(setting: Theory) -> tuple[Any, Any]:
    """Return the quantities "slope where Parity's noise limits" and "where Sum's own does"."""
    few = [p for p in setting.p if p <= PARITY_NOISE]
    many = [p for p in setting.p if p >= SUM_NOISE]
    return (lambda results: slopes(results, setting, few)), (lambda results: slopes(results, setting, many))


def _exact_claims(setting: Theory) -> list[Claim]:
    def built(results: Results, metric: str) -> PerSeed:
        counted = Results(results.frame[results.frame["arm"] == "construction"])
        return PerSeed(
            {n: next(iter(counted.where(n=n).final("construction", metric).values())) for n in setting.sizes}
        )

    def wrong(results: Results) -> PerSeed:
        outside, off, excepted = (
            built(results, name) for name in ("failures outside", "failures off by one", "exceptions")
        )
        return PerSeed(
            {n: outside[n] + abs(off[n] - 2 ** (n // 2)) + abs(excepted[n] - 2 ** (n // 2)) for n in outside}
        )

    def within(results: Results) -> PerSeed:
        shares = [statistics.fmean(d <= 1 for d in deviations(results, p, CORRECTED)) for p in setting.p]
        return PerSeed(dict(enumerate(shares)))

    return [
        Claim(
            "lemma-2",
            "The population gradient of the first step is -p w (largest difference, one value per n).",
            lambda results: built(results, "lemma 2"),
            AtMost(1e-12),
            paper=0,
        ),
        Claim(
            "lemma-5",
            "The construction is exact on every input but 2^(n/2), on each of which it is off by one (inputs "
            "for which that is not so, one value per n).",
            wrong,
            AtMost(0),
            paper="one exception",
        ),
        Claim(
            "claim-1",
            "The first step is within tau of its mean, with the batch of Claim 1, range corrected (share of "
            "trials, one value per p).",
            within,
            AtLeast(1 - setting.delta),
            paper=1 - setting.delta,
        ),
    ]


def _learning_claims(setting: Theory) -> list[Claim]:
    def worst_loss(results: Results) -> PerSeed:
        return largest(
            *(
                PerSeed({seed: curve[-1][1] for seed, curve in learned(results, p, "loss").items()})
                for p in setting.p
            )
        )

    def alone(results: Results) -> PerSeed:
        curves = learned(results, 0.0, "accuracy")
        return PerSeed({seed: max(value for _, value in curve[-3:]) for seed, curve in curves.items()})

    few, many = _fits(setting)
    return [
        Claim(
            "learns-with-sum",
            "With p > 0 and a first batch large against 1/p^2 the loss falls below epsilon (the worst p of "
            "each seed).",
            worst_loss,
            AtMost(setting.epsilon),
            paper=setting.epsilon,
        ),
        Claim(
            "parity-alone-fails",
            "With p = 0 Parity stays at chance (accuracy, the best of the three largest batches).",
            alone,
            CHANCE,
            paper=0.5,
        ),
        Claim(
            "cost-one-over-p-squared",
            f"Where Parity's noise limits (p <= {PARITY_NOISE:g}) the samples needed grow like 1/p^2 (slope "
            "on log axes, one value per seed).",
            few,
            MeanWithin(0.3, value=2.0),
            paper=2,
        ),
        Claim(
            "cost-slower-where-sum-limits",
            f"Where Sum's own variance limits (p >= {SUM_NOISE:g}) they grow more slowly (difference of the "
            "slopes, paired by seed).",
            lambda results: few(results) - many(results),
            MeanAbove(),
        ),
    ]
