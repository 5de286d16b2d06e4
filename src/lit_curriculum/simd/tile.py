"""A tile: eight vectors that lie one behind another, held in registers while a loop adds to them."""

from __future__ import annotations

from typing import Any

from numba import njit

from lit_curriculum.simd.arithmetic import lanes
from lit_curriculum.simd.memory import load, store

TILE = 8
"""Vectors of a tile."""


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def load_tile(array: Any, at: int) -> Any:  # pragma: no cover - compiled
    """Return the eight vectors from ``array[at]`` on."""
    w = lanes(array)
    low = load(array, at), load(array, at + w), load(array, at + 2 * w), load(array, at + 3 * w)
    at += 4 * w
    high = load(array, at), load(array, at + w), load(array, at + 2 * w), load(array, at + 3 * w)
    return low + high


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def store_tile(
    array: Any, at: int, x0: Any, x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any, x7: Any
) -> None:  # pragma: no cover - compiled
    """Write eight vectors to ``array`` from ``at`` on."""
    w = lanes(array)
    store(array, at, x0)
    store(array, at + w, x1)
    store(array, at + 2 * w, x2)
    store(array, at + 3 * w, x3)
    store(array, at + 4 * w, x4)
    store(array, at + 5 * w, x5)
    store(array, at + 6 * w, x6)
    store(array, at + 7 * w, x7)
