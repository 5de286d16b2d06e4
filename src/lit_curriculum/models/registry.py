"""Models by name: what a checkpoint's manifest may ask for, and how to build it again.

A manifest names a model by its entry here, never by an import path, so reading one runs no foreign code.
Adding a model is adding a line to `MODELS`; its class keeps its constructor arguments in ``init_args``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from lit_curriculum.errors import UsageError, bad_value, suggest
from lit_curriculum.models.mlp import MLP

MODELS: dict[str, type[nn.Module]] = {
    "mlp": MLP,
}


def describe(model: nn.Module) -> dict[str, Any]:
    """Return ``{"name", "init_args"}`` from which `build` makes the same architecture.

    Raises:
        UsageError: if the model's class is not in `MODELS`.
    """
    for name, kind in MODELS.items():
        if type(model) is kind:
            return {"name": name, "init_args": dict(model.init_args)}  # type: ignore[arg-type]
    raise bad_value("model", type(model).__name__, f"a class listed in models/registry.py: {list(MODELS)}")


def build(description: dict[str, Any], seed: int | None = None) -> nn.Module:
    """Build a model from `describe`'s answer.

    Args:
        description: name and constructor arguments.
        seed: draw the initial weights from this seed, leaving torch's global generator as it was.

    Raises:
        UsageError: for an unknown name or arguments that the class does not take.
    """
    name = description.get("name")
    if name not in MODELS:
        raise bad_value("model.name", name, f"one of {list(MODELS)}{suggest(str(name), MODELS)}")
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        try:
            return MODELS[name](**description.get("init_args", {}))
        except TypeError as error:
            raise UsageError(f"model {name}: {error}") from error


def count_parameters(model: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
