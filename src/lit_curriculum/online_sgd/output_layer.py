"""The compiled output of the blocked backend: logits to gradient in a step, to losses after the last."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from lit_curriculum.online_sgd.state import HINGE, Sizes, State


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def step_output(state: State, sizes: Sizes, t: int) -> bool:  # pragma: no cover - compiled
    """Add up the logits, update the output bias; leave minus rate times their gradient in ``factors``.

    Returns whether the logits are finite.
    """
    logits, factors, classes = state.logits, state.factors, sizes.classes
    row = t * classes
    finite = True
    top = logits.dtype.type(-np.inf)
    for k in range(classes):
        total = state.c[k]
        for chunk in range(sizes.chunks):
            total += state.partial[chunk * classes + k]
        logits[row + k] = total
        top = max(top, total)
        finite &= np.isfinite(total)
    rate = state.rates[t]
    if sizes.loss == HINGE:
        sign = state.targets[t]
        factors[0] = rate * sign if sign * logits[row] < 1 else rate * 0
    else:
        normaliser, mass = rate * 0, rate * 0
        for k in range(classes):
            factors[k] = np.exp(logits[row + k] - top)
            normaliser += factors[k]
            mass += state.targets[row + k]
        scale = mass / normaliser
        for k in range(classes):
            # d/dz_k of -sum_k target_k log softmax(z)_k, for targets of any total mass.
            factors[k] = rate * (state.targets[row + k] - scale * factors[k])
    for k in range(classes):
        state.c[k] += factors[k]
    return finite


@njit(cache=True, nogil=True, _nrt=False)
def losses_of(
    logits: Any, targets: Any, loss: int, classes: int, losses: Any
) -> None:  # pragma: no cover - compiled
    """Fill ``losses`` (n,) with KL(target || softmax(logits)), or with the hinge loss, row by row."""
    for t in range(len(losses)):
        row = t * classes
        if loss == HINGE:
            margin = 1 - targets[t] * logits[t]
            losses[t] = margin if not margin <= 0 else 0
            continue
        top = -np.inf
        for k in range(classes):
            top = max(top, np.float64(logits[row + k]))
        normaliser = 0.0
        for k in range(classes):
            normaliser += np.exp(logits[row + k] - top)
        log_normaliser = np.log(normaliser)
        total = 0.0
        for k in range(classes):
            target = np.float64(targets[row + k])
            log_p = logits[row + k] - top - log_normaliser
            total += target * ((np.log(target) if target > 0 else 0.0) - log_p)
        losses[t] = total
