"""Batch-1 SGD on the recurrent weights of an Elman network, compiled (subtask, algorithms 1 and 2).

One update reads a string, goes back through time by hand, and changes W alone. With
u_t = W h_{t-1} + A e_{z_t}, h_t = relu(u_t) and f_t = B.h_t, the loss (equation 4) is the mean over the
labels of log(1 + exp(-y_t f_t)), and

    delta_t = relu'(u_t) * (B dl/df_t + W^T delta_{t+1}),      dl/dW = sum_t delta_t h_{t-1}^T.

A row of the gradient needs no other row, so it is rounded and subtracted as soon as it is known.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit

from lit_curriculum.errors import bad_value
from lit_curriculum.models.elman import ElmanRNN
from lit_curriculum.online_sgd.backends import check_finite
from lit_curriculum.online_sgd.precision import Precision


def train_elman(
    model: ElmanRNN,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    lr: float,
    precision: Precision,
    first_step: int = 0,
) -> torch.Tensor:
    """Take one SGD step a string, in the order given, on ``model.W`` in place.

    Args:
        model: float32 on the CPU.
        inputs: tokens (n, T).
        labels: tokens (n, L) of the last L positions.
        lr: rate eta.
        precision: how exactly the gradient is known.
        first_step: step number of the first string, for messages.

    Returns:
        The loss (n,) of each string before its update.

    Raises:
        UsageError: if the model is not float32 on the CPU.
        NotFinite: if a loss or a weight is not finite, naming the step and the learning rate. The weights are
            then of no use.
    """
    weights = model.W.detach()
    if weights.device.type != "cpu" or weights.dtype != torch.float32:
        raise bad_value("trainer.accelerator", f"{weights.device.type}, {weights.dtype}", "cpu, float32")
    losses = np.empty(len(inputs), dtype=np.float32)
    _train(
        weights.numpy(),
        model.A.numpy().T.copy(),
        model.B.numpy(),
        model.M_0.numpy(),
        inputs.numpy(),
        labels.numpy(),
        np.float32(lr),
        np.float32(precision.sigma),
        precision.kind == "grid",
        losses,
    )
    result = torch.from_numpy(losses)
    check_finite(model, result, torch.full((len(inputs),), lr), first_step)
    return result


# Reassociation lets the compiler use SIMD sums; it changes rounding, never NaN or infinity handling.
@njit(cache=True, fastmath={"reassoc", "contract"}, nogil=True)
def _train(
    W: Any, A: Any, B: Any, M_0: Any, inputs: Any, labels: Any, lr: Any, sigma: Any, grid: Any, losses: Any
) -> None:  # pragma: no cover - compiled
    m = len(B)
    T, L = inputs.shape[1], labels.shape[1]
    h = np.empty((T + 1, m), dtype=np.float32)
    delta = np.empty((T, m), dtype=np.float32)
    for j in range(m):
        h[0, j] = max(M_0[j], np.float32(0))
    for n in range(len(inputs)):
        _read(W, A, h, inputs[n])
        losses[n] = _go_back(W, B, h, labels[n], T - L, delta)
        _descend(W, h, delta, lr, sigma, grid)


@njit(cache=True, fastmath={"reassoc", "contract"}, nogil=True)
def _read(W: Any, A: Any, h: Any, tokens: Any) -> None:  # pragma: no cover - compiled
    """Write h_1 .. h_T into rows 1 .. T of ``h``."""
    m = W.shape[0]
    for t in range(len(tokens)):
        for i in range(m):
            total = A[tokens[t], i]
            for j in range(m):
                total += W[i, j] * h[t, j]
            h[t + 1, i] = max(total, np.float32(0))


@njit(cache=True, fastmath={"reassoc", "contract"}, nogil=True)
def _go_back(W: Any, B: Any, h: Any, labels: Any, first: Any, delta: Any) -> Any:  # pragma: no cover
    """Write delta_t into row t - 1 of ``delta`` and return the loss."""
    m, L = len(B), len(labels)
    loss = 0.0
    from_later = np.zeros(m, dtype=np.float32)
    for t in range(len(delta) - 1, -1, -1):
        slope = np.float32(0)
        if t >= first:
            f = 0.0
            for j in range(m):
                f += B[j] * h[t + 1, j]
            y = 2.0 * labels[t - first] - 1.0
            loss += max(-y * f, 0.0) + np.log1p(np.exp(-abs(f)))
            slope = np.float32(-y / (1.0 + np.exp(y * f)) / L)
        for j in range(m):
            delta[t, j] = slope * B[j] + from_later[j] if h[t + 1, j] > 0 else np.float32(0)
        from_later[:] = 0
        for i in range(m):
            if delta[t, i] != 0:
                for j in range(m):
                    from_later[j] += W[i, j] * delta[t, i]
    return loss / L


@njit(cache=True, fastmath={"reassoc", "contract"}, nogil=True)
def _descend(W: Any, h: Any, delta: Any, lr: Any, sigma: Any, grid: Any) -> None:  # pragma: no cover
    """Subtract lr times the gradient, known to within ``sigma``, row by row."""
    m = W.shape[0]
    row = np.empty(m, dtype=np.float32)
    for i in range(m):
        row[:] = 0
        for t in range(len(delta)):
            if delta[t, i] != 0:
                for j in range(m):
                    row[j] += delta[t, i] * h[t, j]
        if sigma > 0 and grid:
            for j in range(m):
                row[j] = 2 * sigma * np.rint(row[j] / (2 * sigma))
        elif sigma > 0:
            for j in range(m):
                row[j] -= sigma * np.sign(row[j])
        for j in range(m):
            W[i, j] -= lr * row[j]
