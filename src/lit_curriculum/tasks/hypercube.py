"""Uniform points of {-1, +1}^d, drawn by counter: the inputs of every parity task.

Bit i of a sample is bit i mod 32 of its random word i // 32; a set bit is +1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit

from lit_curriculum.tasks.counter import Stream, philox
from lit_curriculum.tasks.counter_torch import random_words_torch

_LOW = 0xFFFFFFFF


@njit(cache=True, inline="always")
def fill_point(seed: Any, word_3: Any, index: Any, row: Any, x: Any) -> None:  # pragma: no cover - compiled
    """Write sample ``index`` into x[row], x of shape (n, d), inside compiled loops.

    Args:
        seed: key, uint64.
        word_3: stream and purpose, from `counter.stream_word`, uint64.
        index: number of the sample, uint64.
        row: row of x.
        x: float32, written in place.
    """
    mask, half = np.uint64(_LOW), np.uint64(32)
    d = x.shape[1]
    for block in range((d + 127) // 128):
        words = philox(index & mask, index >> half, np.uint64(block), word_3, seed & mask, seed >> half)
        for w in range(4):
            word = words[w]
            first = 128 * block + 32 * w
            for bit in range(min(32, d - first)):
                x[row, first + bit] = np.float32(2.0) * np.float32(
                    (word >> np.uint64(bit)) & np.uint64(1)
                ) - np.float32(1.0)


def points_torch(
    seed: int, stream: Stream, start: int, count: int, d: int, device: torch.device | str = "cpu"
) -> torch.Tensor:
    """Return samples ``start .. start + count - 1`` (count, d), the same as `fill_point`, on ``device``."""
    words = random_words_torch(seed, stream, start, count, -(-d // 32), device=device)
    shifts = torch.arange(32, device=device)
    bits = (words[:, :, None] >> shifts & 1).flatten(1)[:, :d]
    return (2 * bits - 1).to(torch.float32)


def every_point(d: int, start: int, count: int) -> torch.Tensor:
    """Return points ``start .. start + count - 1`` of all 2^d, float32 (count, d): x_i is bit i."""
    numbers = torch.arange(start, start + count)
    bits = numbers[:, None] >> torch.arange(d) & 1
    return (2 * bits - 1).to(torch.float32)
