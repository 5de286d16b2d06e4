"""What figures 7-right and 10 share: GPT-2 with more and more heads, trained with labels (C.2)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lit_curriculum.papers.progressive._gpt2 import study
from lit_curriculum.papers.progressive._pcfg_results import heads_of
from lit_curriculum.reproduce.figure import Scale
from lit_curriculum.reproduce.panels import Line, draw_arms, in_millions, shades
from lit_curriculum.reproduce.results import PerSeed, Results
from lit_curriculum.reproduce.study import Arm, Settings, Study

SOLVED = 0.99
HEADS: dict[Scale, tuple[int, ...]] = {"smoke": (1, 2), "laptop": (1, 2, 4, 8), "paper": (4, 8, 16, 32)}
HIDDEN: dict[Scale, int] = {"smoke": 8, "laptop": 64, "paper": 256}
_STEPS: dict[Scale, Settings] = {
    "smoke": {},
    "laptop": {"data.num_steps": 1500, "data.eval_every": 50},
    "paper": {},
}
_RATES: dict[Scale, Sequence[float]] = {
    "smoke": (1e-3,),
    "laptop": (3e-4, 1e-3),
    "paper": (1e-4, 3e-4, 1e-3),
}


def by_heads(scale: Scale, way: str, settings: Mapping[int, Settings]) -> Study:
    """Return a study of networks by their heads, each at its best learning rate."""
    arms = [
        Arm(name=f"{heads} heads", set={"model.heads": heads, **of}, callbacks=(), cost=heads + 4.0)
        for heads, of in settings.items()
    ]
    grid = {"model.optimizer.lr": _RATES[scale]}
    named = ("model.heads", "model.head_size", "model.average_heads")
    return study(scale, arms, set=_STEPS[scale], grid=grid, axes={"way": way}, fixed=named)


def concatenated(scale: Scale) -> Study:
    """Return heads of 8 dimensions, so that the width grows with them."""
    return by_heads(scale, "a", {heads: {"model.head_size": 8} for heads in HEADS[scale]})


def steps_to_solve(results: Results, heads: int, way: str) -> PerSeed:
    """Return the first evaluation at 0.99; infinite if there is none."""
    return results.where(way=way).steps_to(f"{heads} heads", "accuracy", SOLVED)


def unsolved(steps: PerSeed, heads: int) -> str:
    """Return what a note says of seeds that do not arrive."""
    never = sum(map(math.isinf, steps.values()))
    return f"censored: {heads_of(heads)} not solved in {never} of {len(steps)} seeds" if never else ""


def draw_panel(axis: Any, results: Results, ours: Study, title: str, way: str) -> None:
    """Draw accuracy over the run, a line for each number of heads."""
    labels = {arm.name: heads_of(ours.value("model.heads", arm)) for arm in ours.arms}
    colours = shades(list(labels)[::-1])
    draw_arms(
        axis, results.where(way=way), {name: Line(label, colours[name]) for name, label in labels.items()}
    )
    axis.set(title=title, xlabel="training steps", ylabel="test accuracy", ylim=(0.45, 1.03))
    in_millions(axis, ours.value("data.num_steps"))
