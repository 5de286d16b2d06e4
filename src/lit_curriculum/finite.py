"""Telling numbers from what is none: one check for losses, weights, states and answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from lit_curriculum.errors import NotFinite


def all_finite(tensors: Iterable[torch.Tensor]) -> bool:
    """Tell whether every number of every tensor is finite; integers always are. On a GPU it waits once."""
    floating = [tensor.detach() for tensor in tensors if tensor.is_floating_point()]
    on_device = [torch.isfinite(tensor).all() for tensor in floating if tensor.device.type != "cpu"]
    if not all(_finite_on_cpu(tensor) for tensor in floating if tensor.device.type == "cpu"):
        return False
    # One answer for all: each that is fetched waits for the device.
    return not on_device or bool(torch.stack(on_device).all())


def first_broken(named: Iterable[tuple[str, torch.Tensor]]) -> str | None:
    """Return the name of the first tensor with a number that is not finite, and the number: ``W (nan)``."""
    known = list(named)
    if all_finite(tensor for _, tensor in known):
        return None
    for name, tensor in known:
        if not all_finite([tensor]):
            values = tensor.detach().flatten()
            return f"{name} ({float(values[~torch.isfinite(values)][0])})"
    raise AssertionError("unreachable: one of the tensors is not finite")


def named_tensors(value: Any, name: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the tensors inside nested mappings and sequences, each under its keys joined by dots."""
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from named_tensors(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from named_tensors(inner, f"{name}.{place}" if name else str(place))


def diverged(step: int, what: str, rate: float | None, prefix: str = "") -> NotFinite:
    """Build the error for a number that training made infinite or NaN.

    Args:
        step: updates made when it was found.
        what: which number, and its value.
        rate: learning rate of the update that made it, where it is known.
        prefix: begins the message.
    """
    likely = "initial weights that are too large"
    if step > 0:
        likely = "a learning rate that is too large" + ("" if rate is None else f" ({rate:g})")
    return NotFinite(f"{prefix}step {step:,}: {what} is not finite; the likely cause is {likely}")


def _finite_on_cpu(tensor: torch.Tensor) -> bool:
    if tensor.dtype in (torch.float32, torch.float64):
        # numpy, because torch would wake all its threads for this.
        return bool(np.isfinite(tensor.numpy()).all())
    return bool(torch.isfinite(tensor).all())
