"""Wide teachers and narrow students, trained by batch-1 SGD: what the figures on parities share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lit_curriculum.reproduce.study import Arm, Settings

RATES = {"model.lr": (1e-2, 5e-3, 1e-3)}
"""What every student searches."""


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
