"""One SGD step on a GPU, as one launch: the end of the step before, and the beginning of this one.

Import this module only where triton is installed.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _loss(logits, target, is_class, HINGE: tl.constexpr):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return the loss of logits (C,) and its gradient (C,); 0 for what is no class."""
    if HINGE:
        short = 1 - target * logits
        beyond = (short <= 0) | (is_class == 0)
        loss = tl.sum(tl.where(beyond, 0.0, short), axis=0)
        gradient = tl.where(beyond, 0.0, -target)
    else:
        top = tl.max(tl.where(is_class, logits, float("-inf")), axis=0)
        p = tl.where(is_class, tl.exp(logits - top), 0.0)
        normaliser = tl.sum(p, axis=0)
        log_ratio = tl.log(tl.where(target > 0, target, 1.0)) - (logits - top - tl.log(normaliser))
        loss = tl.sum(target * log_ratio, axis=0)
        # d/dz_k of -sum_k target_k log softmax(z)_k, for targets of any total mass.
        gradient = tl.sum(target, axis=0) * p / normaliser - target
    return loss, gradient


@triton.jit(do_not_specialize=["t", "first"])
def step(  # type: ignore[no-untyped-def]
    H, U, steps, partial, biases, gram, targets, rates, losses, t, first, m, n_classes, n_programs,
    BLOCK: tl.constexpr, SUB_BLOCK: tl.constexpr, CHUNK: tl.constexpr, CLASSES: tl.constexpr,
    PROGRAMS: tl.constexpr, END: tl.constexpr, BEGIN: tl.constexpr, HINGE: tl.constexpr,
):  # fmt: skip  # pragma: no cover - compiled
    """End step t - 1 where END, begin step t where BEGIN; program (p, s) does so for chunk p of student s.

    A step ends when its logits are known, and these are sums over all units: so it is the next launch that
    adds up what every program found, each program for itself, and nothing waits across programs.

    H (S, B, m): pre-activations, corrected up to row ``first`` of the sub-block; row t is corrected here by
    the rows since. U (S, C, m). Out: steps (S, B, m), rate times the gradient with respect to the
    pre-activation. partial (S, 2, C, P): every program's share of the logits, of even and of odd steps.
    biases (S, B + 1, C): the output's bias before each step. gram (B, B), 1 added for the bias; targets
    (S, B, C), rates (S, B), losses (S, B).
    """
    program, student = tl.program_id(0), tl.program_id(1)
    j = program * CHUNK + tl.arange(0, CHUNK)
    k = tl.arange(0, CLASSES)
    is_unit, is_class = j < m, k < n_classes
    both = is_class[:, None] & is_unit[None, :]
    place = U + (student * n_classes + k[:, None]) * m + j[None, :]
    u = tl.load(place, mask=both, other=0.0)
    H += student * BLOCK * m
    steps += student * BLOCK * m
    partial += student * 2 * n_classes * n_programs
    biases += student * (BLOCK + 1) * n_classes
    last = tl.zeros([CHUNK], dtype=u.dtype)
    if END:
        pre = tl.load(H + (t - 1) * m + j, mask=is_unit, other=0.0)
        # Not "pre > 0": a NaN must not pass for an inactive unit.
        active = tl.where(pre <= 0, 0.0, pre)
        q = tl.arange(0, PROGRAMS)
        shares = tl.load(
            partial + (((t - 1) % 2) * n_classes + k[:, None]) * n_programs + q[None, :],
            mask=is_class[:, None] & (q < n_programs)[None, :],
            other=0.0,
        )
        bias = tl.load(biases + (t - 1) * n_classes + k, mask=is_class, other=0.0)
        logits = bias + tl.sum(shares, axis=1)
        target = tl.load(targets + (student * BLOCK + t - 1) * n_classes + k, mask=is_class, other=0.0)
        rate = tl.load(rates + student * BLOCK + t - 1)
        loss, d_logits = _loss(logits, target, is_class, HINGE)
        factor = rate * d_logits
        if program == 0:
            tl.store(losses + student * BLOCK + t - 1, loss)
            tl.store(biases + t * n_classes + k, bias - factor, mask=is_class)
        last = tl.where(pre <= 0, 0.0, tl.sum(factor[:, None] * u, axis=0))
        tl.store(steps + (t - 1) * m + j, last, mask=is_unit)
        u -= factor[:, None] * active[None, :]
        tl.store(place, u, mask=both)
    if BEGIN:
        # Steps of this sub-block that earlier launches have ended; the one that this launch ended is `last`.
        row = first + tl.arange(0, SUB_BLOCK)
        ended = row < t - 1
        weights = tl.load(gram + row * BLOCK + t, mask=ended, other=0.0)
        earlier = tl.load(
            steps + row[:, None] * m + j[None, :], mask=ended[:, None] & is_unit[None, :], other=0.0
        )
        pre = tl.load(H + t * m + j, mask=is_unit, other=0.0)
        pre -= tl.sum(weights[:, None] * earlier, axis=0)
        if END:
            pre -= tl.load(gram + (t - 1) * BLOCK + t) * last
        tl.store(H + t * m + j, pre, mask=is_unit)
        active = tl.where(pre <= 0, 0.0, pre)
        share = partial + ((t % 2) * n_classes + k) * n_programs + program
        tl.store(share, tl.sum(u * active[None, :], axis=1), mask=is_class)
