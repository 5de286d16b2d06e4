"""The blocked CPU backend: B steps at a time, exactly the steps of batch-1 SGD.

Within a block of B samples the first layer is not touched. Let w_j be the weights of hidden unit j before the
block, its bias included as the weight of an input that is always 1, and g_s[j] the gradient of the loss of
sample s with respect to j's pre-activation. Batch-1 SGD gives sample t the pre-activation

    h_t[j] = (w_j - sum_{s < t} rate_s g_s[j] x_s) . x_t = w_j . x_t - sum_{s < t} rate_s g_s[j] (x_s . x_t)

So the block needs the products W X' and X X' (the Gram matrix), B corrected pre-activations, and at its end
one update W -= G' X of rank B. No update is changed, delayed or averaged. The corrections are nested: sample
by sample within sub-blocks of 8, as a product between sub-blocks. Per step the second layer, which is small,
is updated as always. W is read and written once a block instead of once a step.

Where the network is wide and every input is 1 or -1, as a parity's are, both products with X look their terms
up four at a time (`signs`).

Rounding. In float64 the weights were within 1e-14 of the reference after 10,000 steps at the papers' rates.
In float32 a pre-activation is rounded at about 1e-7 of its terms, in another order than the reference's; the
weights differ by about 1e-6 after 10,000 steps. Where a pre-activation is that close to 0, though, rounding
decides whether the unit is active in this step, and its weights then differ by a whole update (1e-3 at the
largest rate). That is float32, not the blocks: the reference run in float32 differs from itself in float64 as
much. For inputs of +-1 the Gram matrix is exact.

Results are the same bits on every run and for every number of threads. They may change in the last bits with
the block size, with cuts made by the caller elsewhere than between blocks, with the width of the processor's
vectors, and where inputs other than 1 and -1 occur in some calls and not in others. Helper threads pay only
where a core is free for them: beside other busy processes one thread (`torch.set_num_threads(1)`) was the
faster at width 1,000.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lit_curriculum.errors import bad_value
from lit_curriculum.models.mlp import MLP
from lit_curriculum.online_sgd.aligned import aligned_zeros, up
from lit_curriculum.online_sgd.blocked_kernel import help_out, lead
from lit_curriculum.online_sgd.output_layer import losses_of
from lit_curriculum.online_sgd.signs import GROUP, looks_up, table_entries
from lit_curriculum.online_sgd.state import HINGE, LINE, SOFTMAX, SUB_BLOCK, Sizes, State
from lit_curriculum.simd import TILE, lane_count

Array = npt.NDArray[Any]

_WIDE = 16_384  # units from which a step is long enough to be shared among threads
_MOST_CHUNKS = 32

BLOCK = 32
"""Samples a block. A longer one reads and writes W less often, but corrects more: on a machine with 2 MB of
second cache a step of width 50,000 took 7 % longer with 64."""


def train(
    model: MLP,
    x: torch.Tensor,
    targets: torch.Tensor,
    rates: torch.Tensor,
    loss_scale: float,
    loss: str = "cross_entropy",
    *,
    threads: int | None = None,
    block: int | None = None,
) -> torch.Tensor:
    """Take one SGD step a row, in place; see `backends.train_samples` for the contract.

    Args:
        model: network on the CPU, float32 or float64.
        x: inputs (n, d).
        targets: (n, C).
        rates: (n,).
        loss_scale: factor on the loss that is descended.
        loss: ``cross_entropy`` or ``hinge``.
        threads: how many threads may work, default torch's number; the result does not depend on it.
        block: samples a block, a multiple of 8, default `BLOCK`.

    Returns:
        The loss before each step (n,). After one that is not finite, nothing is computed: NaN. The weights
        are then those before the call.

    Raises:
        UsageError: for a block that is not a positive multiple of 8.
    """
    parameters = [p.detach().numpy() for p in model.parameters()]
    dtype = parameters[0].dtype
    width, d = parameters[0].shape
    block = BLOCK if block is None else block
    if block < 1 or block % SUB_BLOCK:
        raise bad_value("block", block, f"a positive multiple of {SUB_BLOCK}")
    kind = HINGE if loss == "hinge" else SOFTMAX
    sizes = _sizes(len(x), d, width, len(parameters[3]), block, kind, dtype, looks_up(width, d, x))
    state = _pack(parameters, x.numpy(), sizes, targets.numpy(), rates.numpy() * loss_scale)
    row = _run(state, sizes, torch.get_num_threads() if threads is None else threads)
    losses = np.full(sizes.n, np.nan, dtype=dtype)
    done = min(row + 1, sizes.n)
    losses_of(state.logits, state.targets, sizes.loss, sizes.classes, losses[:done])
    if row == sizes.n:
        _unpack(parameters, state, sizes)
    return torch.from_numpy(losses)


def _sizes(n: int, d: int, width: int, classes: int, block: int, loss: int, dtype: Any, signs: bool) -> Sizes:
    lanes = lane_count(dtype)
    vectors = up(width, lanes) // lanes
    # Results depend on the chunks, so these depend on the network alone, not on the threads.
    chunks = min(_MOST_CHUNKS, max(1, vectors // 8))
    return Sizes(
        n=n,
        d1=d + 1,
        x_row=up(d + 1, TILE),
        classes=classes,
        block=block,
        gram_row=up(block, lanes),
        vectors=vectors,
        chunks=chunks,
        loss=loss,
        share_steps=width >= _WIDE,
        signs=signs,
    )


def _pack(parameters: Sequence[Array], x: Array, sizes: Sizes, targets: Array, rates: Array) -> State:
    """Copy the network into vectors of units."""
    W, b, U, c = parameters
    m, d = W.shape
    lanes = lane_count(W.dtype)
    first = aligned_zeros(sizes.vectors * sizes.x_row * lanes, W.dtype)
    padded = np.zeros((sizes.vectors * lanes, sizes.x_row), dtype=W.dtype)
    padded[:m, :d], padded[:m, d] = W, b
    # torch transposes six times as fast as numpy.
    shaped = torch.from_numpy(first).view(sizes.vectors, -1, lanes)
    shaped.copy_(torch.from_numpy(padded).view(sizes.vectors, lanes, -1).transpose(1, 2))
    second = aligned_zeros(sizes.vectors * sizes.classes * lanes, W.dtype)
    padded = np.zeros((sizes.classes, sizes.vectors * lanes), dtype=W.dtype)
    padded[:, :m] = U
    by_vector = padded.reshape(sizes.classes, sizes.vectors, lanes).transpose(1, 0, 2)
    second.reshape(by_vector.shape)[...] = by_vector
    pairs = np.arange(sizes.chunks + 1) * ((sizes.vectors + 1) // 2) // sizes.chunks

    def flat(*shape: int) -> Array:
        return aligned_zeros(math.prod(shape), W.dtype)

    def entries(*shape: int) -> Array:
        return np.zeros(math.prod(shape), dtype=np.uint8)

    return State(
        W=first,
        U=second,
        c=c.copy(),
        H=flat(sizes.block, sizes.vectors, lanes),
        x=np.ascontiguousarray(x).reshape(-1),
        rows=flat(2, sizes.block, sizes.x_row),
        targets=np.ascontiguousarray(targets, dtype=W.dtype).reshape(-1),
        rates=np.ascontiguousarray(rates, dtype=W.dtype),
        logits=flat(sizes.n, sizes.classes),
        gram=flat(sizes.block, sizes.gram_row),
        columns=flat(sizes.d1, sizes.gram_row),
        by_sample=entries(-(-sizes.d1 // GROUP), sizes.gram_row),
        by_input=entries(2, -(-sizes.block // GROUP), sizes.x_row),
        factors=flat(sizes.classes),
        partial=flat(sizes.chunks, sizes.classes),
        bounds=np.minimum(2 * pairs, sizes.vectors),
        turn=np.zeros(2 * LINE, dtype=np.int64),
        claimed=np.zeros(sizes.chunks * LINE, dtype=np.int64),
        done=np.zeros(sizes.chunks * LINE, dtype=np.int64),
    )


def _unpack(parameters: Sequence[Array], state: State, sizes: Sizes) -> None:
    """Copy the trained weights back into the network."""
    W, b, U, c = parameters
    m, d = W.shape
    first = state.W.reshape(sizes.vectors, sizes.x_row, -1).transpose(0, 2, 1).reshape(-1, sizes.x_row)
    W[...], b[...] = first[:m, :d], first[:m, d]
    U[...] = state.U.reshape(sizes.vectors, sizes.classes, -1).transpose(1, 0, 2).reshape(len(U), -1)[:, :m]
    c[...] = state.c


def _run(state: State, sizes: Sizes, threads: int) -> int:
    """Start helpers, take the steps; return the first row whose logits are not finite, or n."""
    lanes = lane_count(state.W.dtype)
    parts = min(threads, sizes.chunks)

    def sums() -> Array:
        return aligned_zeros(sizes.classes * lanes, state.W.dtype)

    def table() -> Array:
        vectors = table_entries(max(sizes.d1, sizes.block)) if sizes.signs else 1
        return aligned_zeros(vectors * lanes, state.W.dtype)

    helpers = [
        threading.Thread(target=help_out, args=(state, sizes, part * sizes.chunks // parts, sums(), table()))
        for part in range(1, parts)
    ]
    for helper in helpers:
        helper.start()
    try:
        return int(lead(state, sizes, len(helpers), sums(), table()))
    finally:
        state.turn[0] = -1  # also when compiling failed: helpers must not wait for ever
        for helper in helpers:
            helper.join()
