"""Where the time of the blocked backend goes: its parts one by one, on one thread, beside two floors."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numba import njit

from lit_curriculum.models.mlp import MLP
from lit_curriculum.online_sgd import blocked, unit_passes
from lit_curriculum.online_sgd import blocked_kernel as kernel
from lit_curriculum.online_sgd.aligned import aligned_zeros
from lit_curriculum.online_sgd.output_layer import step_output
from lit_curriculum.online_sgd.signs import table_entries
from lit_curriculum.online_sgd.state import SUB_BLOCK


@njit(nogil=True, _nrt=False)
def _gram(state: Any, sizes: Any, sums: Any, table: Any, repeat: int) -> None:
    for _ in range(repeat):
        d1, row, gram_row = sizes.d1, sizes.x_row, sizes.gram_row
        kernel._load_block(state.x, state.rows, state.columns, 0, sizes.block, d1, row, gram_row)
        kernel._gram_matrix(state.gram, state.rows, state.columns, sizes.block, d1, row, gram_row)
        if sizes.signs:
            kernel._find_signs(state, sizes, state.rows, 0, sizes.block)


@njit(nogil=True, _nrt=False)
def _products(state: Any, sizes: Any, sums: Any, table: Any, repeat: int) -> None:
    for _ in range(repeat):
        vectors, row, block = sizes.vectors, sizes.x_row, sizes.block
        for v in range(0, vectors, 2):
            many = min(2, vectors - v)
            if sizes.signs:
                unit_passes._update_by_signs(state, sizes, table, v, many, 0, block)
                unit_passes._pre_activations_by_signs(state, sizes, table, v, many, block)
                continue
            unit_passes._update_weights(state.W, state.H, state.rows, v, many, vectors, row, 0, block)
            unit_passes._pre_activations(
                state.H, state.W, state.rows, v, many, vectors, row, sizes.d1, 0, block
            )


@njit(nogil=True, _nrt=False)
def _corrections(state: Any, sizes: Any, sums: Any, table: Any, repeat: int) -> None:
    for _ in range(repeat):
        for at in range(SUB_BLOCK, sizes.block, SUB_BLOCK):
            for v in range(0, sizes.vectors, 2):
                many = min(2, sizes.vectors - v)
                unit_passes._correct(state.H, state.gram, v, many, sizes.vectors, at, sizes.gram_row)


@njit(nogil=True, _nrt=False)
def _steps(state: Any, sizes: Any, sums: Any, table: Any, repeat: int) -> None:
    for _ in range(repeat):
        H, U, gram, factors = state.H, state.U, state.gram, state.factors
        for at in range(sizes.block):
            for v in range(sizes.vectors):
                unit_passes._begin_step(H, U, gram, sums, v, sizes.vectors, at, sizes.classes, sizes.gram_row)
                unit_passes._end_step(H, U, factors, v, sizes.vectors, at, sizes.classes)


@njit(nogil=True, _nrt=False)
def _outputs(state: Any, sizes: Any, sums: Any, table: Any, repeat: int) -> None:
    for _ in range(repeat):
        for t in range(sizes.block):
            step_output(state, sizes, t)


def profile(width: int, d: int, classes: int, signs: bool = True) -> dict[str, Any]:
    """Return microseconds a step of each part, of the whole, and of the floors.

    With ``signs`` inputs are 1 and -1, as a parity's are, without numbers between.
    """
    block = blocked.BLOCK
    model = MLP(d, width, classes)
    parameters = [p.detach().numpy() for p in model.parameters()]
    x = _inputs(block, d, signs)
    targets, rates = np.full((block, classes), 1 / classes), np.zeros(block)
    sizes = blocked._sizes(block, d, width, classes, block, 0, np.float32, signs)
    state = blocked._pack(parameters, x.numpy(), sizes, targets, rates)
    sums = np.zeros(64 * classes, dtype=np.float32)
    table = aligned_zeros(16 * table_entries(max(d + 1, block)), np.float32)
    times: dict[str, Any] = {"width": width, "block": block, "signs": signs}
    for part in (_gram, _products, _corrections, _steps, _outputs):
        # Repeated inside: a call from Python costs as much as several steps of a narrow network.
        repeat = max(1, 1_000_000 // (width * block))
        elapsed = _time(
            lambda part=part, r=repeat: part(state, sizes, sums, table, r), width * block * repeat
        )
        times[part.__name__[1:]] = elapsed / (block * repeat)
    n = block * max(8, 200_000 // width)
    x, soft = _inputs(n, d, signs), torch.full((n, classes), 1 / classes)
    rate = torch.full((n,), 1e-3)
    times["whole"] = _time(lambda: blocked.train(model, x, soft, rate, 1.0, threads=1), width * n) / n
    times |= _floors(sizes, block)
    return times


def _inputs(n: int, d: int, signs: bool) -> torch.Tensor:
    x = 2 * torch.rand(n, d) - 1
    return torch.where(x < 0, -1.0, 1.0) if signs else x


def _floors(sizes: Any, block: int) -> dict[str, float]:
    """Return the two floors on one thread, in microseconds a step, of a block of this shape."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    lanes = 16
    units = sizes.vectors * lanes
    # W read and written once a block; a step's pre-activation written, read, its gradient written, read; U.
    numbers = 2 * units * sizes.x_row / block + 4 * units + 2 * units * sizes.classes
    source = torch.randn(max(units * sizes.x_row, 1024))
    target = torch.empty_like(source)
    copy = _time(lambda: target.copy_(source), len(source)) / (2 * len(source))
    square = torch.randn(256, 256)
    multiply = _time(lambda: square @ square, 256**3) / 256**3
    torch.set_num_threads(threads)
    products = 2 * units * sizes.d1
    corrections = units * block / 2
    return {
        "floor_bytes": numbers * copy,
        "floor_operations": (products + corrections + 3 * units * sizes.classes) * multiply,
    }


def _time(call: Callable[[], object], work: int) -> float:
    """Return the median of five in microseconds a call."""
    repetitions = max(1, 5_000_000 // work)
    call()
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(repetitions):
            call()
        seconds.append((time.perf_counter() - start) / repetitions)
    return 1e6 * statistics.median(seconds)
