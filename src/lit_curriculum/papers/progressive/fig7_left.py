"""Wider networks learn sparse parity in fewer samples (figure 7, left)."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from lit_curriculum.papers.progressive._teaching import search
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.joined import Part
from lit_curriculum.reproduce.panels import Line, draw_arms, in_millions, shades
from lit_curriculum.reproduce.predicates import AtMost, Sooner
from lit_curriculum.reproduce.results import PerSeed, Results, saved
from lit_curriculum.reproduce.study import Arm, Study, at_scale

SOLVED = 0.99


def _setting(scale: Scale) -> tuple[tuple[int, ...], Study]:
    """Return the widths, and networks of each at the best learning rate of the same grid."""
    widths, samples = {
        "smoke": ((10, 200), None),
        "laptop": ((25, 200, 3000), 200_000),
        "paper": ((100, 1000, 50_000), None),
    }[scale]
    study = at_scale(
        scale,
        "sparse_parity_mlp",
        set={"data.num_steps": samples} if samples else {},
        arms=tuple(
            Arm(name=f"width {w}", set={"model.width": w}, callbacks=(), seed_offset=1000, cost=w + 400)
            for w in widths
        ),
        seeds=tuple(range(10)) if scale == "laptop" else (0, 1, 2, 3, 4),
        fixed=("model.width",),
        **search(scale),
    )
    return widths, study


def part(scale: Scale) -> Part:
    """Return the panel."""
    _, study = _setting(scale)
    return Part((study,), lambda axis, results: _draw(axis, results, study))


def figure(scale: Scale) -> Figure:
    """Return accuracy against samples, a line per width."""
    widths, study = _setting(scale)
    panel = part(scale)
    cost = {
        "smoke": "seconds",
        "laptop": "about 6 minutes on two cores",
        "paper": "per seed one network of each width (100, 1,000, 50,000), 20M samples each, and the search",
    }
    return Figure(
        cost=cost[scale],
        studies=panel.studies,
        draw=lambda results: panel.alone(results, width=5.0, height=3.5),
        claims=lambda results: _claims(widths, study.value("data.num_steps", study.arms[-1])),
    )


def _draw(axis: Any, results: Results, study: Study) -> None:
    colours = shades([arm.name for arm in reversed(study.arms)])
    lines = {
        arm.name: Line(f"width {study.value('model.width', arm):,}", colours[arm.name]) for arm in study.arms
    }
    draw_arms(axis, results, lines)
    axis.set(
        xlabel="training samples",
        ylabel="test accuracy",
        title=f"({study.value('data.d')}, {study.value('data.k')})-sparse parity, labels only",
        ylim=(0.45, 1.03),
    )
    in_millions(axis, max(study.value("data.num_steps", arm) for arm in study.arms))


def _claims(widths: tuple[int, ...], samples: int) -> list[Claim]:
    """Judge the ordering of the widths by ranks: a network that never solves it has the largest."""

    def steps(results: Results, width: int) -> PerSeed:
        return results.steps_to(f"width {width}", "accuracy", SOLVED)

    sooner = [
        Claim(
            f"{wide}-before-{narrow}",
            f"Width {wide:,} reaches {SOLVED} in fewer samples than {narrow:,} (samples saved).",
            lambda results, n=narrow, w=wide: saved(steps(results, n), steps(results, w)),  # type: ignore[misc]
            Sooner(),
            note=lambda results, n=narrow: _unsolved(steps(results, n), n),  # type: ignore[misc]
        )
        for narrow, wide in pairwise(widths)
    ]
    return [
        *sooner,
        Claim(
            "widest-solves",
            f"The widest network solves the task (samples until {SOLVED}).",
            lambda results: steps(results, widths[-1]),
            AtMost(samples),
        ),
    ]


def _unsolved(steps: PerSeed, width: int) -> str:
    never = sum(map(math.isinf, steps.values()))
    return f"censored: width {width:,} does not arrive in {never} of {len(steps)} seeds" if never else ""
