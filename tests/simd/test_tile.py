"""Eight vectors at once, against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit

from lit_curriculum.simd import TILE, lane_count, load_tile, store_tile


@njit
def _turned(array: Any, source: int, target: int) -> None:
    x0, x1, x2, x3, x4, x5, x6, x7 = load_tile(array, source)
    store_tile(array, target, x7, x6, x5, x4, x3, x2, x1, x0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_tile_is_eight_vectors_one_behind_another(dtype: type):
    count = lane_count(dtype)
    array = np.arange(2 * TILE * count + 4, dtype=dtype)
    expected = array.copy()
    tile = array[1 : 1 + TILE * count].reshape(TILE, count)
    expected[-TILE * count - 1 : -1] = tile[::-1].ravel()
    _turned(array, 1, len(array) - TILE * count - 1)
    np.testing.assert_array_equal(array, expected)
