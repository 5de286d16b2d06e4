"""What the figures of parity with Transformers share: teachers of many heads, students of few (C.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lit_curriculum.papers.progressive._candidates import correlations
from lit_curriculum.papers.progressive._teaching import (
    ONE_SHOT,
    ONE_SHOT_SOFT,
    callback,
    strategy,
)
from lit_curriculum.reproduce.figure import Scale
from lit_curriculum.reproduce.predicates import AtLeast, AtMost
from lit_curriculum.reproduce.results import PerSeed, Results
from lit_curriculum.reproduce.study import Arm, Measured, Settings, Study, at_scale

CONFIG = "sparse_parity_gpt2"
SOLVED, CHANCE = AtLeast(0.99), AtMost(0.60)
SEEDS = (0, 1, 2, 3, 4)

# The student's settings, how many updates it makes for each of its teacher's, and T of (2, T).
_STUDENT: dict[Scale, tuple[dict[str, Any], int, int]] = {
    "smoke": ({"model.heads": 1, "data.num_steps": 80}, 2, 40),
    "laptop": (
        {
            "model.heads": 1,
            "model.initializer_range": 0.1,
            "data.num_steps": 5000,
            "data.eval_every": 100,
        },
        5,
        1000,
    ),
    "paper": ({"model.heads": 4}, 1, 100_000),
}
RATES: dict[Scale, tuple[float, ...]] = {
    "smoke": (1e-3,),
    "laptop": (1e-3, 3e-3),
    "paper": (1e-4,),
}
"""Learning rates that every student searches; the released scripts have one."""


def teacher(
    scale: Scale, probes: Sequence[Settings] = (), name: str = "teacher", set: Settings | None = None
) -> Arm:
    """Return the configuration's own network, with further settings; its learning rate is not searched."""
    own = {"model.optimizer.lr": shipped_value(scale, "model.optimizer.lr")}
    return Arm(name=name, set={**own, **(set or {})}, probes=probes, cost=20.0)


def shipped_value(scale: Scale, key: str) -> Any:
    """Return a setting of the configuration at a scale."""
    return at_scale(scale, CONFIG, arms=()).value(key)


def student(scale: Scale, name: str, of: Arm, teach: Settings | None, tuned_as: str | None = None) -> Arm:
    """Return a student of few heads; without ``teach`` it learns from labels."""
    return Arm(
        name=name,
        set=_STUDENT[scale][0],
        callbacks=(),
        teacher=of if teach else None,
        teach=teach,
        tuned_as=tuned_as,
        seed_offset=1000,
        cost=10.0 if teach else 4.0,
    )


def progressive(scale: Scale) -> Settings:
    """Return distillation from all checkpoints."""
    return strategy("Kappa", kappa=float(_STUDENT[scale][1]))


def two_shot(scale: Scale, tau: float = 1e-4) -> Settings:
    """Return (2, T)-distillation from the middle of the teacher's transition."""
    return strategy("TwoShot", tau, T=_STUDENT[scale][2])


def methods(scale: Scale, of: Arm) -> tuple[Arm, ...]:
    """Return the students of figure 13, by how they are taught."""
    taught = {
        "plain": None,
        ONE_SHOT: strategy("OneShot"),
        ONE_SHOT_SOFT: strategy("OneShot", tau=1.0),
        "progressive": progressive(scale),
        "two-shot": two_shot(scale),
    }
    return tuple(student(scale, name, of, how) for name, how in taught.items())


def study(scale: Scale, arms: Sequence[Arm], **more: Any) -> Study:
    """Return a study of arms; students search the learning rate on one tuning seed."""
    given = {"seeds": SEEDS, "tuning_seeds": (100,), "grid": {"model.optimizer.lr": RATES[scale]}, **more}
    return at_scale(scale, CONFIG, arms=tuple(arms), **given)


def probed(scale: Scale) -> Study:
    """Return the teacher with its correlations and its attention, which figures 11 and 12 show."""
    every = {"smoke": 20, "laptop": 40, "paper": 10_000}[scale]
    probes = [callback("LogMonomials", every_n_steps=every), callback("LogAttention", every_n_steps=every)]
    tables = {"monomials.csv": correlations, "attention.csv": _attention}
    return study(scale, (teacher(scale, probes),), tables=tables)


def _attention(rows: Sequence[dict[str, str]]) -> Iterator[Measured]:
    """Yield what each coordinate gets of the last position's attention, as a share of all."""
    totals: dict[str, float] = {}
    for row in rows:
        totals[row["step"]] = totals.get(row["step"], 0.0) + float(row["attention"])
    for row in rows:
        group = "in" if int(row["in"]) else "off"
        share = float(row["attention"]) / totals[row["step"]]
        yield f"attention {group} x{row['coordinate']}", int(row["step"]), share


def transition(results: Results) -> PerSeed:
    """Return the measured step at which the teacher is nearest to half-way between chance and right."""
    measured = {step for step, _ in results.curves("teacher", "off_mean")[0]}
    return PerSeed(
        {
            seed: min((abs(value - 0.75), step) for step, value in curve if step in measured)[1]
            for seed, curve in results.history("teacher", "accuracy").items()
        }
    )
