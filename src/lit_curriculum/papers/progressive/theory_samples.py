"""Samples that a student needs, as d grows, with two checkpoints, one, or labels (progressive, Theorem B.1).

Left: samples of both stages of Algorithm 1 to an accuracy. Right: samples of the first stage alone, until it
has found the support. The theorem's exponents of d at k = 4 are at most 2 for two checkpoints and at least
min(2c, k - 1) = 3 for one, whose teacher has a loss of d^-c; of the first stage they are 0 and 3.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from lit_curriculum.papers.progressive._theory import (
    ARMS,
    LABELS,
    ONE,
    SETTINGS,
    TWO,
    Sizes,
    exponent,
    first_stage_rows,
    interval,
    learning_rows,
    needed,
    support_samples,
)
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import COLOURS, legend, panels
from lit_curriculum.reproduce.predicates import MeanAbove, MeanBelow, MeanWithin
from lit_curriculum.reproduce.results import PerSeed, Results, Row

_COLOURS = {TWO: COLOURS["two-shot"], ONE: COLOURS["one-shot"], LABELS: COLOURS["plain"]}


def figure(scale: Scale) -> Figure:
    """Return students of every arm and size, and first stages alone."""
    setting = SETTINGS[scale]
    cost = {
        "smoke": "seconds",
        "laptop": "200 s on one core",
        "paper": "hours on one core, not measured (the paper has no such experiment; these are larger d)",
    }
    return Figure(
        cost=cost[scale],
        seeds=setting.seeds,
        measure=lambda seeds: [row for seed in seeds for row in _measure(setting, seed)],
        draw=lambda results: _draw(results, setting),
        table=lambda results: _table(results, setting),
        claims=lambda results: _claims(setting),
    )


def _measure(setting: Sizes, seed: int) -> list[Row]:
    return [*learning_rows(setting, seed), *first_stage_rows(setting, seed)]


def _both(results: Results, setting: Sizes, arm: str) -> PerSeed:
    """Return each seed's exponent of d of the samples of both stages."""
    return exponent(setting.d, [needed(results, setting, arm, d) for d in setting.d])


def _first(results: Results, setting: Sizes, arm: str) -> PerSeed:
    """Return each seed's exponent of d of the samples of the first stage."""
    return exponent(setting.d, [support_samples(results, arm, d) for d in setting.d])


def _table(results: Results, setting: Sizes) -> list[Row]:
    """Return the exponents with two-sided 95 % intervals over seeds, beside the theorem's."""
    k = setting.k
    between = {
        f"both stages, {ONE} less {TWO}": (
            _both(results, setting, ONE) - _both(results, setting, TWO),
            k - 3,
        ),
        f"both stages, {LABELS} less {TWO}": (
            _both(results, setting, LABELS) - _both(results, setting, TWO),
            k - 3,
        ),
    }
    of_arms = {
        f"both stages, {arm}": (
            _both(results, setting, arm),
            "at most 2" if arm == TWO else f"at least {k - 1}",
        )
        for arm in ARMS
    }
    first = {
        f"first stage, {arm}": (_first(results, setting, arm), 0 if arm == TWO else k - 1)
        for arm in (TWO, LABELS)
    }
    return [
        {"exponent of d": name, "mean": _mean(values), "95 % interval": _shown(values), "theorem": theorem}
        for name, (values, theorem) in {**of_arms, **between, **first}.items()
    ]


def _mean(values: PerSeed) -> str:
    return f"{statistics.fmean(values.values()):.2f}"


def _shown(values: PerSeed) -> str:
    if not all(map(math.isfinite, values.values())):
        return "-"
    low, high = interval(list(values.values()))
    return f"{low:.2f} to {high:.2f}"


def _draw(results: Results, setting: Sizes) -> Any:
    picture, axes = panels(2, width=4.8, height=3.8)
    _draw_samples(axes[0], setting, ARMS, lambda arm, d: needed(results, setting, arm, d))
    _draw_samples(axes[1], setting, (TWO, LABELS), lambda arm, d: support_samples(results, arm, d))
    axes[0].set_ylabel("samples")
    axes[0].set_title(f"both stages, to accuracy {setting.level:g}, k = {setting.k}")
    axes[1].set_title("first stage, to the support")
    return picture


def _draw_samples(
    axis: Any, setting: Sizes, arms: Sequence[str], samples: Callable[[str, int], PerSeed]
) -> None:
    for arm in arms:
        found = [samples(arm, d) for d in setting.d]
        for seed in found[0]:
            axis.plot(setting.d, [of[seed] for of in found], ".", ms=4, color=_COLOURS[arm], alpha=0.5)
        means = [math.exp(statistics.fmean(map(math.log, of.values()))) for of in found]
        label = f"{arm}: exponent {_mean(exponent(setting.d, found))}, {_shown(exponent(setting.d, found))}"
        axis.plot(setting.d, means, "-", color=_COLOURS[arm], label=label)
    axis.set(xscale="log", yscale="log", xlabel="bits d")
    axis.set_xticks(setting.d, [str(d) for d in setting.d])
    axis.minorticks_off()
    low, high = axis.get_ylim()
    axis.set_ylim(low, high * (high / low) ** 0.3)
    legend(axis, columns=1)


_SLOPE = "slope on log axes, one value per seed"


def _claims(setting: Sizes) -> list[Claim]:
    """Judge how the samples of both stages grow with d, and those of the first alone."""
    return [*_of_both_stages(setting), *_of_the_first(setting)]


def _of_both_stages(setting: Sizes) -> list[Claim]:
    k = setting.k

    def difference(arm: str) -> Callable[[Results], PerSeed]:
        return lambda results: _both(results, setting, arm) - _both(results, setting, TWO)

    def times_more(results: Results) -> PerSeed:
        d = setting.d[-1]
        return (needed(results, setting, ONE, d) / needed(results, setting, TWO, d)).map(math.log10)

    return [
        Claim(
            "one-shot-grows-faster",
            "One-shot distillation's exponent of d is above that of two checkpoints (difference, paired by "
            "seed).",
            difference(ONE),
            MeanAbove(),
            paper=k - 3,
            note=lambda results: f"two-sided 95 % interval: {_shown(difference(ONE)(results))}",
        ),
        Claim(
            "labels-grow-faster",
            "So is that of labels (difference, paired by seed).",
            difference(LABELS),
            MeanAbove(),
            paper=k - 3,
            note=lambda results: f"two-sided 95 % interval: {_shown(difference(LABELS)(results))}",
        ),
        Claim(
            "one-shot-needs-more",
            f"At d = {setting.d[-1]} one-shot distillation needs more samples (log10 of the ratio, paired by "
            "seed).",
            times_more,
            MeanAbove(),
        ),
        Claim(
            "two-checkpoints-at-most-d-squared",
            f"With two checkpoints the samples of both stages grow no faster than d^2 ({_SLOPE}).",
            lambda results: _both(results, setting, TWO),
            MeanBelow(2.0),
            paper=2,
        ),
        Claim(
            "one-shot-like-d-to-the-k-minus-1",
            f"With one they grow like d^(k - 1) ({_SLOPE}).",
            lambda results: _both(results, setting, ONE),
            MeanWithin(1.0, value=k - 1),
            paper=k - 1,
        ),
    ]


def _of_the_first(setting: Sizes) -> list[Claim]:
    k = setting.k
    return [
        Claim(
            "first-stage-of-labels",
            f"From labels the first stage needs samples like d^(k - 1) to find the support ({_SLOPE}).",
            lambda results: _first(results, setting, LABELS),
            MeanWithin(0.75, value=k - 1),
            paper=k - 1,
        ),
        Claim(
            "first-stage-of-a-checkpoint",
            f"From the first checkpoint it needs hardly more for a larger d ({_SLOPE}).",
            lambda results: _first(results, setting, TWO),
            MeanWithin(0.75),
            paper=0,
        ),
    ]
