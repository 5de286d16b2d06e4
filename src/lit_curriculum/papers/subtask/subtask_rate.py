"""Theorem 2's learning rate moves a wide network only with output weights of variance 1 (subtask).

The paper has no figure of it. Left: the squared gradient of an output against the width, with the output
weights that algorithm 1 prints and with those of the proof it takes over. Right: how far updates at the rate
of theorems 2 and 3 move outputs.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import COLOURS, curve, legend, panels
from lit_curriculum.reproduce.predicates import MeanWithin
from lit_curriculum.reproduce.results import PerSeed, Results, Row
from lit_curriculum.theory import elman_rate

PRINTED, UNIT = "B of variance 1/m, as printed", "B of variance 1"
GRADIENT, MOVED = "squared gradient", "moved"
_COLOURS = {PRINTED: COLOURS["one-shot"], UNIT: COLOURS["two-shot"]}


@dataclass(frozen=True)
class Setting:
    """What a scale sets: widths m, ascending; updates n; networks a seed; strings, of T tokens."""

    widths: tuple[int, ...]
    n: int
    networks: int = 16
    T: int = 4
    strings: int = 8
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)


SETTINGS: dict[Scale, Setting] = {
    "smoke": Setting((16, 32), 4, networks=2, seeds=(0,)),
    "laptop": Setting((128, 256, 512, 1024), 16),
    "paper": Setting((256, 1024, 4096), 256),
}


def figure(scale: Scale) -> Figure:
    """Return how gradient and movement depend on the width."""
    setting = SETTINGS[scale]
    cost = {"smoke": "seconds", "laptop": "two minutes on one core", "paper": "hours on two cores, never run"}
    return Figure(
        cost=cost[scale],
        seeds=setting.seeds,
        measure=lambda seeds: _measure(setting, seeds),
        draw=lambda results: _draw(results, setting),
        claims=lambda results: _claims(setting),
    )


def _measure(setting: Setting, seeds: tuple[int, ...]) -> Iterator[Row]:
    for seed in seeds:
        chance = torch.Generator().manual_seed(seed)
        strings = torch.randint(0, 2, (setting.strings, setting.T), generator=chance)
        # Any labels: the bound on a movement does not ask what is learned.
        labels = 2.0 * torch.randint(0, 2, (setting.strings,), generator=chance).double() - 1
        for m in setting.widths:
            for arm in (PRINTED, UNIT):
                # A gradient is a product of random factors: of one network it says little.
                drawn = range(seed * setting.networks, (seed + 1) * setting.networks)
                models = [elman_rate.network(m, i, unit_output=arm == UNIT) for i in drawn]
                row = {"arm": arm, "seed": seed, "step": 0, "m": m}
                found = [elman_rate.squared_gradient(model, strings) for model in models]
                yield {**row, "metric": GRADIENT, "value": statistics.fmean(found)}
                found = [elman_rate.moved(model, strings, labels, setting.n) for model in models]
                yield {**row, "metric": MOVED, "value": statistics.fmean(found)}


def _of(results: Results, arm: str, metric: str, setting: Setting) -> dict[int, list[float]]:
    """Return each seed's values in the order of the widths."""
    columns = [results.where(m=m).final(arm, metric) for m in setting.widths]
    return {seed: [column[seed] for column in columns] for seed in columns[0]}


def slopes(results: Results, arm: str, metric: str, setting: Setting) -> PerSeed:
    """Return each seed's least-squares slope of the log of a metric against log m."""
    x = np.log(setting.widths)
    return PerSeed(
        {s: float(np.polyfit(x, np.log(y), 1)[0]) for s, y in _of(results, arm, metric, setting).items()}
    )


def _draw(results: Results, setting: Setting) -> Any:
    picture, axes = panels(2, width=4.4, height=3.5)
    titles = {
        GRADIENT: r"$|\partial f_T / \partial W|^2$",
        MOVED: f"{setting.n:,} updates at $1/(m\\sqrt{{n}})$: how far $f_T$ moves",
    }
    for axis, (metric, text) in zip(axes, titles.items(), strict=True):
        for arm, colour in _COLOURS.items():
            seeds = _of(results, arm, metric, setting).values()
            curve(axis, [list(zip(setting.widths, y, strict=True)) for y in seeds], colour, arm, marker="o")
        axis.set(xscale="log", yscale="log", xlabel="width m", title=text)
        axis.set_xticks(setting.widths, [str(m) for m in setting.widths])
        axis.minorticks_off()
        legend(axis)
    return picture


def _claims(setting: Setting) -> list[Claim]:
    """Judge slopes against log m: of a power of m, the power."""

    def power(id: str, statement: str, arm: str, metric: str, expected: int, paper: str) -> Claim:
        return Claim(
            id,
            f"{statement} (power of m).",
            lambda results: slopes(results, arm, metric, setting),
            MeanWithin(0.3, expected),
            paper=paper,
        )

    stays = "moves outputs for every m > m*"
    return [
        power(
            "gradient-printed", "As printed the gradient does not grow", PRINTED, GRADIENT, 0, "not stated"
        ),
        power("gradient-unit", "With B of variance 1 it grows like m", UNIT, GRADIENT, 1, "not stated"),
        power("moved-printed", "As printed updates move outputs by 1/m", PRINTED, MOVED, -1, stays),
        power("moved-unit", "With B of variance 1 they move as far at any width", UNIT, MOVED, 0, stays),
    ]
