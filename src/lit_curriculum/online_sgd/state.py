"""What the compiled parts of the blocked backend work on, and where it lies.

Units lie in the lanes of vectors: unit j is lane j mod L of vector j // L. V = ceil(m / L) vectors,
d1 = d + 1 inputs with the bias, x_row = d1 rounded up to eight (a product works on four or eight rows at a
time).
What is added to fill up holds zeros, and zeros it stays: a unit without weights is never active. Only where
products are looked up (`signs`) do the rows of W beyond d1 get sums, which nobody reads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

SUB_BLOCK = 8  # samples whose corrections are applied one by one; a multiple of a product's four rows
SOFTMAX, HINGE = 0, 1
LINE = 8  # int64 numbers in a cache line: flags of different chunks must not share one


class Sizes(NamedTuple):
    """Numbers of samples, d1, classes, samples a block, vectors, and chunks that threads share out.

    Attributes:
        n: samples.
        d1: inputs and one for the bias.
        x_row: d1 rounded up to eight.
        classes: outputs.
        block: samples a block, a multiple of SUB_BLOCK.
        gram_row: block rounded up to whole vectors.
        vectors: V.
        chunks: groups of vectors that one thread works on at a time.
        loss: SOFTMAX or HINGE.
        share_steps: whether threads share every step, or only the products.
        signs: whether every input is 1 or -1, so that products look into tables (`signs`).
    """

    n: int
    d1: int
    x_row: int
    classes: int
    block: int
    gram_row: int
    vectors: int
    chunks: int
    loss: int
    share_steps: bool
    signs: bool


class State(NamedTuple):
    """Flat arrays that all threads see.

    Attributes:
        W: first layer; its bias is input d (V, x_row, L).
        U: second layer (V, C, L).
        c: its bias (C,).
        H: of every sample of the block, first the pre-activation, after its step minus rate times the hidden
            gradient (block / SUB_BLOCK, V, SUB_BLOCK, L).
        x: samples (n, d).
        rows: inputs of this block and the one before, 1 and zeros appended (2, block, x_row).
        targets: (n, C).
        rates: rate times loss scale (n,).
        logits: out, before each step (n, C).
        gram: inner products of the block's inputs (block, gram_row).
        columns: the block's inputs, transposed (d1, gram_row).
        by_sample: of inputs that are signs, the entries that W X' takes (d1 / 4, gram_row), rounded up.
        by_input: the entries that G' X takes, of this block and the one before (2, block / 4, x_row).
        factors: minus rate times the gradient of the logits (C,).
        partial: each chunk's share of the logits (chunks, C).
        bounds: first vector of each chunk, and V (chunks + 1,); a chunk begins with an even vector.
        turn: [0] number of the pass that is shared out, or -1 at the end; [LINE] its step.
        claimed: the last pass of which a thread took the chunk (chunks, LINE).
        done: the last pass of which the chunk is finished (chunks, LINE).
    """

    W: Any
    U: Any
    c: Any
    H: Any
    x: Any
    rows: Any
    targets: Any
    rates: Any
    logits: Any
    gram: Any
    columns: Any
    by_sample: Any
    by_input: Any
    factors: Any
    partial: Any
    bounds: Any
    turn: Any
    claimed: Any
    done: Any
