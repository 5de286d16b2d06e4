"""GELU in float32 on the processor, with its slope from the same exponential.

    gelu(x) = x Phi(x),    gelu'(x) = Phi(x) + x phi(x)

(Hendrycks and Gimpel, 2016). Both need e^(-x^2 / 2): the slope does, and Phi does through a polynomial in
t = 1 / (1 + p |x| / sqrt 2), Phi(-|x|) = e^(-x^2 / 2) (a_1 t + ... + a_7 t^7) / 2, the form of Hastings
(1955). So the forward pass keeps the slope, and the backward pass is one product. torch's own hands the work
to a library that compiles a function for every new shape, and packed batches have a new one at every step
(``docs/performance.md``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from torch.nn import functional

from lit_curriculum.simd import (
    divide,
    exp,
    fill,
    fma,
    lane_count,
    lanes,
    load,
    magnitude,
    multiply,
    store,
    subtract,
    where_positive,
)

# Found by least squares, reweighted until the largest error was even: 9e-9 of 2 Phi(-|x|).
_P = 0.35
_A = (0.1945903, 0.23381932, -0.00171785, 0.67259568, -0.6688913, 0.76628866, -0.19668481)
_ROOT_HALF, _DENSITY = 0.5**0.5, (2 * np.pi) ** -0.5


def gelu(x: torch.Tensor) -> torch.Tensor:
    """Return x Phi(x), of x's shape; float32 on the processor by this module, anything else by torch."""
    if x.dtype != torch.float32 or x.device.type != "cpu":
        return functional.gelu(x)
    answer: torch.Tensor = _Gelu.apply(x)  # type: ignore[no-untyped-call]
    return answer


class _Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        row = x.contiguous()
        slopes = ctx.needs_input_grad[0]
        answer, slope = torch.empty_like(row), row.new_empty(row.shape if slopes else 0)
        rest = np.zeros(lane_count(np.float32), np.float32)
        _write(*(tensor.detach().numpy().reshape(-1) for tensor in (row, answer, slope)), slopes, rest)
        ctx.save_for_backward(x, slope)
        return answer

    @staticmethod
    def backward(ctx: Any, outer: torch.Tensor) -> torch.Tensor:
        x, slope = ctx.saved_tensors
        found: torch.Tensor
        if torch.is_grad_enabled():  # the gradient itself is to be differentiated: the slope is no constant
            (found,) = torch.autograd.grad(functional.gelu(x), x, outer, create_graph=True)
        else:
            found = outer * slope
        return found


@njit(cache=True, nogil=True, _nrt=False)
def _write(x: Any, answer: Any, slope: Any, slopes: bool, rest: Any) -> None:  # pragma: no cover - compiled
    """Write gelu(x), and gelu'(x) if ``slopes``, flat; ``rest`` is scratch space of a vector."""
    w = lanes(x)
    whole = len(x) // w * w
    for i in range(0, whole, w):
        value, derivative = _of_vector(x, load(x, i))
        store(answer, i, value)
        if slopes:
            store(slope, i, derivative)
    for i in range(whole, len(x)):
        rest[i - whole] = x[i]
    value, derivative = _of_vector(x, load(rest, 0))
    store(rest, 0, value)
    for i in range(whole, len(x)):
        answer[i] = rest[i - whole]
    store(rest, 0, derivative)
    for i in range(whole, len(slope)):
        slope[i] = rest[i - whole]


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _of_vector(like: Any, x: Any) -> Any:  # pragma: no cover - compiled
    """Return gelu(x) and gelu'(x) of a vector; ``like`` is an array of its element type."""
    one = fill(like, 1.0)
    t = divide(one, fma(magnitude(x), fill(like, _P * _ROOT_HALF), one))
    series = fma(t, fill(like, _A[6]), fill(like, _A[5]))
    series = fma(t, series, fill(like, _A[4]))
    series = fma(t, series, fill(like, _A[3]))
    series = fma(t, series, fill(like, _A[2]))
    series = fma(t, series, fill(like, _A[1]))
    series = fma(t, series, fill(like, _A[0]))
    e = exp(multiply(multiply(x, x), fill(like, -0.5)))
    tail = multiply(multiply(fill(like, 0.5), e), multiply(t, series))
    below = where_positive(x, subtract(one, tail), tail)
    return multiply(x, below), fma(multiply(x, e), fill(like, _DENSITY), below)
