"""Batch-1 SGD behind one function, and the table of backends that can run it."""

from __future__ import annotations

from collections.abc import Callable

import torch

from lit_curriculum.errors import UsageError, bad_value, suggest
from lit_curriculum.models.mlp import MLP
from lit_curriculum.online_sgd import numba_loop, reference

Backend = Callable[[MLP, torch.Tensor, torch.Tensor, torch.Tensor, float], torch.Tensor]

BACKENDS: dict[str, Backend] = {
    "reference": reference.train,
    "numba": numba_loop.train,
}


def choose_backend(name: str, device: torch.device | str = "cpu") -> str:
    """Resolve ``auto`` to a backend for the device; check any other name.

    Raises:
        UsageError: for an unknown backend, or one that cannot run on the device.
    """
    kind = torch.device(device).type
    if name == "auto":
        return "numba" if kind == "cpu" else "reference"
    if name not in BACKENDS:
        raise bad_value("backend", name, f"auto, {', '.join(BACKENDS)}{suggest(name, BACKENDS)}")
    if name == "numba" and kind != "cpu":
        raise bad_value("backend", name, f"a backend that runs on {kind}: reference")
    return name


def train_samples(
    model: MLP,
    x: torch.Tensor,
    targets: torch.Tensor,
    rates: torch.Tensor,
    *,
    backend: str,
    loss_scale: float = 1.0,
) -> torch.Tensor:
    """Train on rows one after the other: n SGD steps at batch size 1, the weights updated in place.

    The loss of a row is KL(target || softmax(logits)); its gradient is that of the cross-entropy. With a
    one-hot target this is the label loss (progressive, eq. 1), with a teacher's probabilities eq. 2.

    Args:
        model: the network; float32 or float64.
        x: inputs (n, d) of the model's dtype.
        targets: target probabilities (n, C).
        rates: learning rate of each step (n,).
        backend: a key of `BACKENDS`.
        loss_scale: factor on the loss that is descended (not on the one returned).

    Returns:
        The loss before each step (n,).

    Raises:
        UsageError: if a loss is not finite, naming the row and the rate.
    """
    if len(x) == 0:
        return torch.empty(0, dtype=x.dtype)
    losses = BACKENDS[backend](model, x, targets, rates, loss_scale)
    if not bool(torch.isfinite(losses).all()):
        row = int((~torch.isfinite(losses)).nonzero()[0])
        raise UsageError(
            f"lr: got {float(rates[row]):g}; allowed: a rate at which training stays finite "
            f"(loss became {float(losses[row])} at row {row} of this block)"
        )
    return losses
