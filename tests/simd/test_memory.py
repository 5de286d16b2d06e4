"""What vectors are read from and written to, against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from lit_curriculum.simd import broadcast_eight, fma, lane_count, lanes, load, load_eight, store


@njit
def _add_row(row: Any, factors: Any, into: Any) -> None:
    for i in range(len(factors)):
        at = 8 * i
        store(into, at, fma(load_eight(row, 0), broadcast_eight(factors, i), load_eight(into, at)))


@njit
def _copy(x: Any, into: Any) -> None:
    for i in range(0, len(x), lanes(x)):
        store(into, i, load(x, i))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_eight_lanes_whatever_a_register_holds(dtype: type):
    row, factors = np.arange(1, 9, dtype=dtype), np.array([2, -3, 5], dtype)
    found = np.ones(24, dtype)
    _add_row(row, factors, found)
    np.testing.assert_array_equal(found, 1 + np.outer(factors, row).ravel())


def test_arrays_that_do_not_lie_in_a_row_and_other_element_types_are_refused():
    x = np.ones(4 * lane_count(np.float32), np.float32)
    for source, target in ((x[::2], x), (x, x[::2]), (x, x.astype(np.float64))):
        with pytest.raises(TypingError):
            _copy(source, target)
    x.flags.writeable = False
    with pytest.raises(TypingError):
        _copy(x.copy(), x)
