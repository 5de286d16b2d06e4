"""Teachers, students and one-shot distillation: what the figures of distillation share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lit_curriculum.reproduce.results import PerSeed, Results, largest, smallest
from lit_curriculum.reproduce.study import Arm, Scale, Settings

ONE_SHOT, ONE_SHOT_SOFT = "one-shot tau=1e-4", "one-shot tau=1"

RATES = {"model.lr": (1e-2, 5e-3, 1e-3)}
"""What every student of batch-1 SGD searches."""


def search(scale: Scale) -> dict[str, Any]:
    """Return how a study of batch-1 students searches their learning rates.

    At the published size, where a teacher takes most of an hour, on one seed of students, whose teacher is
    the first that is reported.
    """
    paper = {"tuning_seeds": (100,), "one_teacher": True} if scale == "paper" else {}
    return {"grid": RATES, **paper}


def strategy(name: str, tau: float = 1e-4, **arguments: Any) -> Settings:
    """Return SwapTeacher's arguments for a strategy class and its own arguments."""
    return {"strategy": {"class_path": name, "init_args": arguments}, "tau": tau}


def callback(name: str, **arguments: Any) -> dict[str, Any]:
    """Return a callback as a configuration writes it."""
    return {"class_path": name, "init_args": arguments}


def teacher(set: Settings, callbacks: Sequence[Settings], probes: Sequence[Settings] = ()) -> Arm:
    """Return a teacher that keeps checkpoints, with the width and rate of ``set``."""
    return Arm(name="teacher", set=set, callbacks=callbacks, probes=probes, cost=_effort(set["model.width"]))


def student(name: str, teacher: Arm, teach: Settings | None, set: Settings) -> Arm:
    """Return a narrow student; without ``teach`` it learns from labels.

    Its seeds differ from its teacher's: it sees other samples from other initial weights.
    """
    return Arm(
        name=name,
        set=set,
        callbacks=(),
        teacher=teacher if teach else None,
        teach=teach,
        seed_offset=1000,
        cost=_effort(set["model.width"]),
    )


def _effort(width: int) -> float:
    """Return the relative cost of an update: the weights, and what does not depend on them."""
    return (50 * width + 20_000) * 1e-9


def better_one_shot(results: Results) -> str:
    """Return the temperature whose one-shot students are better, as the paper reports it (section 4)."""
    return max((ONE_SHOT, ONE_SHOT_SOFT), key=lambda arm: sum(results.final(arm, "accuracy").values()))


def one_shot(results: Results, metric: str = "accuracy") -> PerSeed:
    """Return what one-shot distillation ends at, for the better of its two temperatures, seed by seed.

    So no temperature is chosen on what is reported. Of a distance the smaller is the better.
    """
    ends = results.final(ONE_SHOT, metric), results.final(ONE_SHOT_SOFT, metric)
    return smallest(*ends) if metric.startswith(("robust", "close")) else largest(*ends)
