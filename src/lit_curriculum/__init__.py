"""lit_curriculum: what happens when something supervises the intermediate steps of a hard function.

What a program of one's own needs, ``import lit_curriculum as lc``:

- `HarvestCheckpoints` and `SwapTeacher`, callbacks for any LightningModule, and `Distilled`, its mixin;
- its strategies: `OneShot`, `NT`, `TwoShot`, `PeakOfEach`, `Explicit`, `EqualSplit`, `Kappa`, and as a
  control `Reordered`;
- `bank`, banks of checkpoints from elsewhere, and `CheckpointBank`, which reads one.

Nothing is imported before it is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lit_curriculum import numba_cache

if TYPE_CHECKING:
    from lit_curriculum import bank
    from lit_curriculum.callbacks import HarvestCheckpoints, SwapTeacher
    from lit_curriculum.distillation import (
        NT,
        CheckpointBank,
        Distilled,
        EqualSplit,
        Explicit,
        Kappa,
        OneShot,
        PeakOfEach,
        Reordered,
        Strategy,
        TwoShot,
    )
    from lit_curriculum.errors import UsageError

__version__ = "0.2.0"

_PUBLIC = {
    "CheckpointBank": "lit_curriculum.distillation",
    "Distilled": "lit_curriculum.distillation",
    "EqualSplit": "lit_curriculum.distillation",
    "Explicit": "lit_curriculum.distillation",
    "HarvestCheckpoints": "lit_curriculum.callbacks",
    "Kappa": "lit_curriculum.distillation",
    "NT": "lit_curriculum.distillation",
    "OneShot": "lit_curriculum.distillation",
    "PeakOfEach": "lit_curriculum.distillation",
    "Reordered": "lit_curriculum.distillation",
    "Strategy": "lit_curriculum.distillation",
    "SwapTeacher": "lit_curriculum.callbacks",
    "TwoShot": "lit_curriculum.distillation",
    "UsageError": "lit_curriculum.errors",
}

__all__ = [
    "NT",
    "CheckpointBank",
    "Distilled",
    "EqualSplit",
    "Explicit",
    "HarvestCheckpoints",
    "Kappa",
    "OneShot",
    "PeakOfEach",
    "Reordered",
    "Strategy",
    "SwapTeacher",
    "TwoShot",
    "UsageError",
    "bank",
]

# Before any module with compiled functions is imported.
numba_cache.choose()


def __getattr__(name: str) -> Any:
    if name == "bank":
        return importlib.import_module("lit_curriculum.bank")
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
