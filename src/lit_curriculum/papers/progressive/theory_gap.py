"""What a teacher knows after the first stage of Algorithm 1 (progressive, Lemmas B.2 and B.5, Corollary B.6).

The paper proves it and has no figure of it. Left: weights in the support and outside, against d. Middle: the
teacher's correlation with single bits, where units have the signs that Lemma B.5's proof assumes without loss
of generality. Right: the same in the support against the width, beside a teacher as Algorithm 1 draws it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Known, Scale
from lit_curriculum.reproduce.panels import COLOURS, legend, panels
from lit_curriculum.reproduce.predicates import AtLeast, AtMost, MeanWithin
from lit_curriculum.reproduce.results import PerSeed, Results, Row, largest, smallest
from lit_curriculum.theory import two_stage

ALIGNED, DRAWN, BATCH = "signs as assumed", "signs as drawn", "one batch"
_COLOURS = {ALIGNED: COLOURS["two-shot"], DRAWN: COLOURS["one-shot"]}
_CHUNK = 4096


@dataclass(frozen=True)
class Sizes:
    """What a scale sets; symbols as in the paper.

    Attributes:
        k: size of the support.
        d: bits; batch_d: those in which the step is also made on a batch.
        m: widths; the middle one is used where d grows.
        delta: probability of failing of the batch.
        seeds: of the initial weights and the batch.
    """

    k: int
    d: tuple[int, ...]
    batch_d: tuple[int, ...]
    m: tuple[int, ...]
    delta: float
    seeds: tuple[int, ...]

    @property
    def width(self) -> int:
        """The width at which d grows."""
        return self.m[len(self.m) // 2]


SETTINGS: dict[Scale, Sizes] = {
    "smoke": Sizes(2, (7, 9, 11), (7,), (8, 16, 32), 0.1, (0,)),
    "laptop": Sizes(
        4, (11, 21, 41, 81, 161), (11, 13, 15), (64, 256, 1024, 4096, 16384), 0.1, tuple(range(10))
    ),
    "paper": Sizes(
        4, (11, 21, 41, 81, 161), (11, 15, 21), (64, 256, 1024, 4096, 16384), 0.1, tuple(range(10))
    ),
}


_OF_DRAWN = {
    "lemma-b5-as-drawn": "fails: a unit's weight of x_j has the sign of the other bits' initial weights, so "
    "units cancel; one in 2^k is as the proof assumes.",
    "corollary-b6-majority": "fails: f and Maj are odd functions, so the product with x_i has mean 0 "
    "whatever f is.",
}
_KNOWN: Known = {"laptop": _OF_DRAWN, "paper": _OF_DRAWN}


def figure(scale: Scale) -> Figure:
    """Return teachers after one step on the population, and on batches."""
    setting = SETTINGS[scale]
    cost = {"smoke": "seconds", "laptop": "a minute on one core", "paper": "minutes on one core"}
    return Figure(
        cost=cost[scale],
        seeds=setting.seeds,
        measure=lambda seeds: [row for seed in seeds for row in _measure(setting, seed)],
        draw=lambda results: _draw(results, setting),
        claims=lambda results: [*_claims(setting), *_claims_of_drawn(setting)],
        known=_KNOWN.get(scale, {}),
    )


# --- measuring --------------------------------------------------------------------------------------------


def _measure(setting: Sizes, seed: int) -> Iterator[Row]:
    cells = [(d, setting.width) for d in setting.d]
    cells += [(setting.d[1], m) for m in setting.m if (setting.d[1], m) not in cells]
    for d, m in cells:
        for arm in (ALIGNED, DRAWN):
            network = two_stage.initialise(d, setting.k, m, _generator(seed, d, m), aligned=arm == ALIGNED)
            w = np.abs(two_stage.expected_weights(network, setting.k))
            c = np.abs(two_stage.correlations(network, setting.k))
            found = {"weight": w[:, : setting.k].min(), "other weights": w[:, setting.k :].max()}
            found |= {"least": c[: setting.k].min(), "mean": c[: setting.k].mean()}
            found |= {"others": c[setting.k :].max(), "mean of others": c[setting.k :].mean()}
            yield from (_row(arm, seed, metric, float(value), d, m) for metric, value in found.items())
    for d in setting.batch_d:
        yield from _batch_rows(setting, seed, d)


def _batch_rows(setting: Sizes, seed: int, d: int) -> Iterator[Row]:
    """Yield how far a batch's weights are from Lemma B.2's, and Corollary B.6's mean of f(x) Maj(x) x_i."""
    k, m, zeta = setting.k, setting.m[0], abs(two_stage.majority_coefficient(d, setting.k - 1))
    generator = _generator(seed, d, m)
    network, tau = two_stage.initialise(d, k, m, generator, aligned=True), zeta / 2
    batch, seen = two_stage.hoeffding_batch(d, m, tau, setting.delta), 0
    gradient = np.zeros_like(network.w)
    while seen < batch:
        x = two_stage.draw(d, min(_CHUNK, batch - seen), generator)
        gradient += len(x) / batch * two_stage.batch_gradient(network, x, two_stage.labels(x, k))
        seen += len(x)
    after = two_stage.first_stage(network, gradient, two_stage.first_rate(d, k, m))
    deviation = np.abs(after.w - two_stage.expected_weights(network, k)).max() * k * zeta / tau
    points = (2.0 * (np.arange(2**d)[:, None] >> np.arange(d) & 1) - 1).astype(np.float32)
    f = after(points).astype(np.float64)
    with_majority = np.abs((f * np.sign(points.sum(1))) @ points / len(points))[:k].max()
    found = {"deviation": float(deviation), "with majority": float(with_majority), "batch": float(batch)}
    yield from (_row(BATCH, seed, metric, value, d, m) for metric, value in found.items())


def _generator(seed: int, d: int, m: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, d, m, 5]))


def _row(arm: str, seed: int, metric: str, value: float, d: int, m: int) -> Row:
    return {"arm": arm, "seed": seed, "step": 1, "metric": metric, "value": value, "d": d, "m": m}


# --- the picture and the claims ---------------------------------------------------------------------------


def _of(results: Results, arm: str, metric: str, d: int, m: int) -> PerSeed:
    return results.where(d=d, m=m).final(arm, metric)


def _draw(results: Results, setting: Sizes) -> Any:
    picture, axes = panels(3, width=4.2, height=3.5)
    k, m = setting.k, setting.width

    def mean(arm: str, metric: str, d: int, width: int) -> float:
        return statistics.fmean(_of(results, arm, metric, d, width).values())

    for axis, metrics in ((axes[0], ("weight", "other weights")), (axes[1], ("least", "others"))):
        for metric, name in zip(metrics, ("in the support", "outside"), strict=True):
            style = "o-" if name == "in the support" else "s--"
            values = [mean(ALIGNED, metric, d, m) for d in setting.d]
            axis.plot(setting.d, values, style, ms=4, color=_COLOURS[ALIGNED], label=name)
        axis.set(xscale="log", yscale="log", xlabel="bits d")
    axes[0].plot(setting.d, [1 / (k * d) for d in setting.d], ":", color="#333333", label="1 / (kd)")
    axes[1].axhline(1 / (8 * k), color="#333333", lw=1, ls=":", label="1 / (8k)")
    axes[0].set_title(f"size of weights, k = {k}")
    axes[1].set_title(f"|E f(x) x_j|, signs as assumed, m = {m:,}")
    for arm in (ALIGNED, DRAWN):
        values = [mean(arm, "mean", setting.d[1], width) for width in setting.m]
        axes[2].plot(setting.m, values, "o-", ms=4, color=_COLOURS[arm], label=arm)
    axes[2].axhline(1 / (8 * k), color="#333333", lw=1, ls=":", label="1 / (8k)")
    axes[2].set(xscale="log", yscale="log", xlabel="width m", title=f"in the support, d = {setting.d[1]}")
    for axis in axes:
        legend(axis)
    return picture


def _claims(setting: Sizes) -> list[Claim]:
    """Judge what holds for units with the signs that the proof assumes."""
    k, m = setting.k, setting.width

    def worst_deviation(results: Results) -> PerSeed:
        return largest(*(_of(results, BATCH, "deviation", d, setting.m[0]) for d in setting.batch_d))

    def least(results: Results) -> PerSeed:
        return smallest(*(_of(results, ALIGNED, "least", d, m) for d in setting.d)).map(lambda c: 8 * k * c)

    return [
        Claim(
            "lemma-b2",
            "After a step on a batch of the size that Hoeffding's inequality asks for, every weight is "
            "within tau_g / (k |zeta_(k-1)|) of Lemma B.2's (largest deviation over it, the worst d).",
            worst_deviation,
            AtMost(1),
            paper=1,
        ),
        Claim(
            "lemma-b5-in-support",
            "With the signs that its proof assumes the teacher's correlation with a bit of the support is at "
            "least 1 / (8k) (times 8k, the least over bits and d).",
            least,
            AtLeast(1),
            paper=1,
        ),
        Claim(
            "lemma-b5-outside",
            "With a bit outside it falls like 1 / d (slope on log axes).",
            _slope(lambda results, d: _of(results, ALIGNED, "others", d, m), setting.d),
            MeanWithin(0.25, value=-1.0),
            paper=-1,
        ),
    ]


def _claims_of_drawn(setting: Sizes) -> list[Claim]:
    """Judge what the paper says of units as they are drawn."""
    k, d = setting.k, setting.d[1]

    def majority(results: Results) -> PerSeed:
        found = [_of(results, BATCH, "with majority", d, setting.m[0]) for d in setting.batch_d]
        return largest(*found).map(lambda c: 16 * k * c)

    def gap(results: Results) -> PerSeed:
        return smallest(
            *(
                _of(results, DRAWN, "mean", d, setting.width)
                / _of(results, DRAWN, "mean of others", d, setting.width)
                for d in setting.d
            )
        )

    return [
        Claim(
            "lemma-b5-as-drawn",
            "So it is for units as they are drawn (times 8k, mean over the support, the widest teacher).",
            lambda results: _of(results, DRAWN, "mean", d, setting.m[-1]).map(lambda c: 8 * k * c),
            AtLeast(1),
            paper=1,
        ),
        Claim(
            "drawn-falls-with-width",
            "For units as they are drawn it falls like 1 / sqrt(m) (slope on log axes).",
            _slope(lambda results, m: _of(results, DRAWN, "mean", d, m), setting.m),
            MeanWithin(0.1, value=-0.5),
        ),
        Claim(
            "drawn-gap",
            "Even so it is larger in the support than outside (ratio of means, the least over d).",
            gap,
            AtLeast(1),
        ),
        Claim(
            "corollary-b6-majority",
            "The mean of f(x) Maj(x) x_i is at least 1 / (16k) in the support (times 16k, the largest d).",
            majority,
            AtLeast(1),
            paper=1,
        ),
    ]


def _slope(
    quantity: Callable[[Results, int], PerSeed], sizes: tuple[int, ...]
) -> Callable[[Results], PerSeed]:
    """Return the quantity "least-squares slope against sizes on log axes", one value per seed."""

    def of(results: Results) -> PerSeed:
        found = [quantity(results, size) for size in sizes]
        logs = {seed: [math.log(of_size[seed]) for of_size in found] for seed in found[0]}
        return PerSeed({seed: float(np.polyfit(np.log(sizes), y, 1)[0]) for seed, y in logs.items()})

    return of
