"""Batch-1 SGD behind one function, and the table of backends that can run it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable

import numpy as np
import torch

from lit_curriculum.errors import bad_value, suggest
from lit_curriculum.finite import all_finite, diverged, first_broken
from lit_curriculum.models.mlp import MLP
from lit_curriculum.online_sgd import blocked, numba_loop, reference

Backend = Callable[[MLP, torch.Tensor, torch.Tensor, torch.Tensor, float, str], torch.Tensor]


def _triton(
    model: MLP,
    x: torch.Tensor,
    targets: torch.Tensor,
    rates: torch.Tensor,
    loss_scale: float,
    loss: str = "cross_entropy",
) -> torch.Tensor:
    from lit_curriculum.online_sgd import triton_blocks

    return triton_blocks.train(model, x, targets, rates, loss_scale, loss)


BACKENDS: dict[str, Backend] = {
    "reference": reference.train,
    "numba": numba_loop.train,
    "blocked": blocked.train,
    "triton": _triton,
}
# Triton's interpreter, which is for tests, takes tensors of the CPU.
INTERPRETER = "TRITON_INTERPRET"
LOSSES = ("cross_entropy", "hinge")


def choose_backend(name: str, device: torch.device | str | None = "cpu") -> str:
    """Resolve ``auto`` to a backend for the device; check any other name.

    Without a device, which a module learns only when it is trained, the name alone is checked. On a GPU
    ``auto`` is ``triton`` where that is installed, else the reference; provenance.json says which ran.

    Raises:
        UsageError: for an unknown backend, one that cannot run on the device, or one whose package is not
            installed.
    """
    if name != "auto" and name not in BACKENDS:
        raise bad_value("backend", name, f"auto, {', '.join(BACKENDS)}{suggest(name, BACKENDS)}")
    if device is None:
        return name
    kind = torch.device(device).type
    if name == "auto":
        if kind == "cuda" and _has_triton():
            return "triton"
        return "blocked" if kind == "cpu" else "reference"
    fitting = _runs_on(kind)
    if name not in fitting:
        raise bad_value("backend", name, f"a backend that runs on {kind}: {', '.join(fitting)}")
    if name == "triton" and not _has_triton():
        fitting.remove(name)
        raise bad_value("backend", name, f"{', '.join(fitting)} (triton is not installed: extra 'triton')")
    return name


def _has_triton() -> bool:
    return importlib.util.find_spec("triton") is not None


def _runs_on(kind: str) -> list[str]:
    if kind == "cpu":
        interpreted = os.environ.get(INTERPRETER) == "1"
        return [name for name in BACKENDS if name != "triton" or interpreted]
    return ["reference", "triton"] if kind == "cuda" else ["reference"]


def train_samples(
    model: MLP,
    x: torch.Tensor,
    targets: torch.Tensor,
    rates: torch.Tensor,
    *,
    backend: str,
    loss_scale: float = 1.0,
    loss: str = "cross_entropy",
    first_step: int = 0,
) -> torch.Tensor:
    """Train on rows one after the other: n SGD steps at batch size 1, the weights updated in place.

    With ``cross_entropy`` the loss of a row is KL(target || softmax(logits)); its gradient is that of the
    cross-entropy. With a one-hot target this is the label loss (progressive, eq. 1), with a teacher's
    probabilities eq. 2. With ``hinge`` it is max(0, 1 - target * output) (progressive, Algorithm 1).

    Args:
        model: the network; float32 or float64.
        x: inputs (n, d) of the model's dtype.
        targets: target probabilities (n, C); for ``hinge`` +1 or -1, (n, 1).
        rates: learning rate of each step (n,).
        backend: a key of `BACKENDS`.
        loss_scale: factor on the loss that is descended (not on the one returned).
        loss: ``cross_entropy``, or ``hinge`` for a network with one output.
        first_step: step number of row 0, for messages.

    Returns:
        The loss before each step (n,).

    Raises:
        UsageError: for shapes, dtypes or a loss that do not fit.
        NotFinite: if a loss or a weight is not finite, naming the step and the learning rate. The weights are
            then of no use.
    """
    check_arguments(model, x, targets, rates, loss)
    if len(x) == 0:
        return torch.empty(0, dtype=x.dtype, device=x.device)
    losses = BACKENDS[backend](model, x, targets, rates, loss_scale, loss)
    check_finite(model, losses, rates, first_step)
    return losses


def check_arguments(
    model: MLP, x: torch.Tensor, targets: torch.Tensor, rates: torch.Tensor, loss: str
) -> None:
    """Refuse arguments that a compiled loop would read past.

    Raises:
        UsageError: naming the argument.
    """
    n, (classes, _), (_, d) = len(x), model.output.weight.shape, model.hidden.weight.shape
    for key, value, shape in (("x", x, (n, d)), ("targets", targets, (n, classes)), ("rates", rates, (n,))):
        if tuple(value.shape) != shape:
            raise bad_value(f"shape of {key}", tuple(value.shape), str(shape))
    if x.dtype != model.hidden.weight.dtype:
        raise bad_value("dtype of x", x.dtype, f"the network's, {model.hidden.weight.dtype}")
    if loss not in LOSSES:
        raise bad_value("loss", loss, ", ".join(LOSSES))
    if loss == "hinge" and classes != 1:
        raise bad_value("loss", loss, f"cross_entropy for a network with {classes} outputs")


def check_finite(
    model: torch.nn.Module, losses: torch.Tensor, rates: torch.Tensor, first_step: int = 0, prefix: str = ""
) -> None:
    """Stop at the first loss or weight that is not finite.

    Args:
        model: as it is after the updates.
        losses: before each update (n,).
        rates: of each update (n,).
        first_step: updates made before the first.
        prefix: begins the message.

    Raises:
        NotFinite: naming the number of updates after which it was not, what it was, and the learning rate.
    """
    if all_finite([losses, *model.parameters()]):
        return
    step, what = first_step + len(losses), first_broken(model.named_parameters())
    rate, what = float(rates[-1]), f"weight {what}"
    broken = np.flatnonzero(~np.isfinite(losses.cpu().numpy()))
    if len(broken):
        row = int(broken[0])
        # The update before is what broke it; the first loss of all is the initial weights'.
        step, rate, what = first_step + row, float(rates[max(row - 1, 0)]), f"the loss ({float(losses[row])})"
    raise diverged(step, what, rate, prefix)
