"""The compiled sequential loop: one pass over the weights a sample, as one would write it.

A step needs W x before it can update W, which would read W twice. Reading it once is enough: while row j
is in the cache, the update of step t is applied to it and its pre-activation for step t + 1 is taken.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit

from lit_curriculum.errors import bad_value
from lit_curriculum.models.mlp import MLP


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
        UsageError: for the hinge loss, which this loop does not know.
    """
    if loss != "cross_entropy":
        raise bad_value("loss", loss, "cross_entropy with backend numba; reference and blocked know hinge")
    losses = torch.empty(len(x), dtype=x.dtype)
    with torch.no_grad():
        _train(
            model.hidden.weight.numpy(),
            model.hidden.bias.numpy(),
            model.output.weight.numpy(),
            model.output.bias.numpy(),
            x.numpy(),
            targets.numpy(),
            rates.numpy(),
            loss_scale,
            losses.numpy(),
        )
    return losses


# Reassociation lets the compiler use SIMD sums; it changes rounding, never NaN or infinity handling.
@njit(cache=True, fastmath={"reassoc", "contract"}, nogil=True)
def _train(
    W: Any, b: Any, U: Any, c: Any, x: Any, targets: Any, rates: Any, loss_scale: float, losses: Any
) -> None:  # pragma: no cover - compiled
    n, d = x.shape
    m = W.shape[0]
    n_classes = U.shape[0]
    pre = np.empty(m, dtype=W.dtype)
    step = np.zeros(m, dtype=W.dtype)  # rate * dL/d(pre-activation) of the step before
    p = np.empty(n_classes, dtype=W.dtype)
    for t in range(n):
        for j in range(m):
            row = W[j]
            if t > 0 and step[j] != 0:
                update = step[j]
                total = W.dtype.type(0)
                for i in range(d):
                    weight = row[i] - update * x[t - 1, i]
                    row[i] = weight
                    total += weight * x[t, i]
            else:
                total = W.dtype.type(0)
                for i in range(d):
                    total += row[i] * x[t, i]
            pre[j] = total + b[j]
        losses[t] = _output_step(U, c, pre, targets[t], rates[t], loss_scale, p, step, b)
    for j in range(m):
        for i in range(d):
            W[j, i] -= step[j] * x[n - 1, i]


@njit(cache=True, fastmath={"reassoc", "contract"}, nogil=True)
def _output_step(
    U: Any, c: Any, pre: Any, target: Any, rate: Any, loss_scale: float, p: Any, step: Any, b: Any
) -> Any:  # pragma: no cover - compiled
    """Update U, c and b for one sample; leave rate * dL/d(pre) in ``step``; return KL(target || p)."""
    n_classes, m = U.shape
    top = -np.inf
    for k in range(n_classes):
        total = c[k]
        for j in range(m):
            if pre[j] > 0:
                total += U[k, j] * pre[j]
        p[k] = total
        top = max(top, total)
    normaliser = 0.0
    for k in range(n_classes):
        normaliser += np.exp(p[k] - top)
    log_normaliser = np.log(normaliser) + top
    loss = 0.0
    mass = 0.0
    for k in range(n_classes):
        mass += target[k]
        if target[k] > 0:
            loss += target[k] * (np.log(target[k]) - (p[k] - log_normaliser))
    for k in range(n_classes):
        # d/dz_k of -sum_k target_k log softmax(z)_k, for targets of any total mass.
        p[k] = rate * loss_scale * (mass * np.exp(p[k] - log_normaliser) - target[k])
        c[k] -= p[k]
    for j in range(m):
        total = W_zero = p[0] * 0
        if pre[j] > 0:
            for k in range(n_classes):
                total += p[k] * U[k, j]
                U[k, j] -= p[k] * pre[j]
            b[j] -= total
            step[j] = total
        else:
            step[j] = W_zero
    return loss
