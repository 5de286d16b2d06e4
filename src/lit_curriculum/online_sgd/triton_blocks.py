"""The blocked algorithm for a GPU: products by torch, the steps inside a block by one Triton program.

As in `blocked`, the first layer is not touched within a block of B samples. Before it torch takes W x of all
its samples and their Gram matrix; after it torch makes one update of W of rank B. In between one program goes
through the block: it corrects a sample's pre-activations by the steps before it, takes the loss's gradient
and updates the second layer. Steps follow each other within one program, so nothing waits across programs.

This has run under Triton's interpreter only, never on a GPU: its arithmetic is tested, its speed is not
known. A single program keeps one multiprocessor busy, whatever the width.

Import this module only where triton is installed; `backends` does so when it is asked for.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl

from lit_curriculum.errors import bad_value
from lit_curriculum.models.mlp import MLP

BLOCK = 32
_CHUNK = 128  # hidden units that the program works on at a time


@triton.jit
def _steps_of_a_block(  # type: ignore[no-untyped-def]
    H, gram, U, c, targets, rates, steps, losses, n, m, n_classes,
    BLOCK: tl.constexpr, CHUNK: tl.constexpr, CLASSES: tl.constexpr,
):  # fmt: skip  # pragma: no cover - compiled
    """Take n <= BLOCK steps; U, c and H are updated in place.

    H (n, m): W x + b as before the block, after it with the corrections. gram (n, n): inner products of the
    inputs, 1 added for the bias. U (C, m), c (C,), targets (n, C), rates (n,). Out: steps (n, m), each rate
    times the gradient with respect to the pre-activation; losses (n,).
    """
    row = tl.arange(0, BLOCK)
    k = tl.arange(0, CLASSES)
    is_class = k < n_classes
    bias = tl.load(c + k, mask=is_class, other=0.0)
    for t in range(n):
        weights = tl.load(gram + row * n + t, mask=row < t, other=0.0)
        logits = bias
        for start in range(0, m, CHUNK):
            j = start + tl.arange(0, CHUNK)
            is_unit = j < m
            before = (row < t)[:, None] & is_unit[None, :]
            earlier = tl.load(steps + row[:, None] * m + j[None, :], mask=before, other=0.0)
            pre = tl.load(H + t * m + j, mask=is_unit, other=0.0) - tl.sum(weights[:, None] * earlier, axis=0)
            tl.store(H + t * m + j, pre, mask=is_unit)
            # Not "pre > 0": a NaN must not pass for an inactive unit.
            active = tl.where(pre <= 0, 0.0, pre)
            both = is_class[:, None] & is_unit[None, :]
            u = tl.load(U + k[:, None] * m + j[None, :], mask=both, other=0.0)
            logits += tl.sum(u * active[None, :], axis=1)
        tl.debug_barrier()
        top = tl.max(tl.where(is_class, logits, float("-inf")), axis=0)
        p = tl.where(is_class, tl.exp(logits - top), 0.0)
        normaliser = tl.sum(p, axis=0)
        target = tl.load(targets + t * n_classes + k, mask=is_class, other=0.0)
        log_ratio = tl.log(tl.where(target > 0, target, 1.0)) - (logits - top - tl.log(normaliser))
        tl.store(losses + t, tl.sum(target * log_ratio, axis=0))
        # d/dz_k of -sum_k target_k log softmax(z)_k, for targets of any total mass.
        factor = tl.load(rates + t) * (tl.sum(target, axis=0) * p / normaliser - target)
        bias -= factor
        for start in range(0, m, CHUNK):
            j = start + tl.arange(0, CHUNK)
            is_unit = j < m
            pre = tl.load(H + t * m + j, mask=is_unit, other=0.0)
            both = is_class[:, None] & is_unit[None, :]
            place = U + k[:, None] * m + j[None, :]
            u = tl.load(place, mask=both, other=0.0)
            gradient = tl.sum(factor[:, None] * u, axis=0)
            tl.store(steps + t * m + j, tl.where(pre <= 0, 0.0, gradient), mask=is_unit)
            tl.store(place, u - factor[:, None] * tl.where(pre <= 0, 0.0, pre)[None, :], mask=both)
        tl.debug_barrier()
    tl.store(c + k, bias, mask=is_class)


def train(
    model: MLP,
    x: torch.Tensor,
    targets: torch.Tensor,
    rates: torch.Tensor,
    loss_scale: float,
    loss: str = "cross_entropy",
) -> torch.Tensor:
    """Take one SGD step a row, in place; see `backends.train_samples` for the contract.

    Raises:
        UsageError: for the hinge loss, which the program does not know.
    """
    if loss != "cross_entropy":
        raise bad_value("loss", loss, "cross_entropy with backend triton; reference and blocked know hinge")
    W, b, U, c = (parameter.detach() for parameter in model.parameters())
    losses = torch.empty(len(x), dtype=x.dtype, device=x.device)
    for start in range(0, len(x), BLOCK):
        rows = slice(start, start + BLOCK)
        scaled = (rates[rows] * loss_scale).contiguous()
        _train_block(W, b, U, c, x[rows], targets[rows].contiguous(), scaled, losses[rows])
    return losses


def _train_block(
    W: torch.Tensor,
    b: torch.Tensor,
    U: torch.Tensor,
    c: torch.Tensor,
    x: torch.Tensor,
    targets: torch.Tensor,
    rates: torch.Tensor,
    losses: torch.Tensor,
) -> None:
    """Take the steps of at most BLOCK rows; every tensor is contiguous."""
    H = torch.addmm(b, x, W.T)
    steps = torch.zeros_like(H)
    launch: Any = _steps_of_a_block[(1,)]
    launch(
        H, x @ x.T + 1, U, c, targets, rates, steps, losses, len(x), len(W), len(c),
        BLOCK=BLOCK, CHUNK=_CHUNK, CLASSES=max(2, triton.next_power_of_2(len(c))),
    )  # fmt: skip
    W.addmm_(steps.T, x, alpha=-1)
    b.sub_(steps.sum(dim=0))
