"""What is computed from vectors, against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit

from lit_curriculum.simd import (
    divide,
    exp,
    fill,
    lane_count,
    lanes,
    load,
    magnitude,
    maximum,
    multiply,
    store,
    where_positive,
)

DTYPES = (np.float32, np.float64)


@njit
def _exps(x: Any, into: Any) -> None:
    for i in range(0, len(x), lanes(x)):
        store(into, i, exp(load(x, i)))


@njit
def _selected(x: Any, into: Any) -> None:
    v = load(x, 0)
    store(into, 0, where_positive(v, magnitude(v), fill(x, 2.5)))


@njit
def _pairwise(x: Any, y: Any, into: Any) -> None:
    w = lanes(x)
    a, b = load(x, 0), load(y, 0)
    store(into, 0, multiply(a, b))
    store(into, w, divide(a, b))
    store(into, 2 * w, maximum(a, b))


@pytest.mark.parametrize(("dtype", "within"), [(np.float32, 3e-7), (np.float64, 1e-15)])
def test_exponentials(dtype: type, within: float):
    x = np.linspace(-86, 80, 4096, dtype=dtype)
    found = np.empty_like(x)
    _exps(x, found)
    np.testing.assert_allclose(found, np.exp(x.astype(np.float64)), rtol=within)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_exponential_far_below_is_as_good_as_none_and_that_of_nan_is_nan(dtype: type):
    x = np.resize(np.array([-1e30, -np.inf, np.nan, 0], dtype), 16)
    found = np.empty_like(x)
    _exps(x, found)
    expected = np.resize(np.array([0, 0, np.nan, 1], dtype), 16)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_products_quotients_and_the_larger_of_two(dtype: type):
    count = lane_count(dtype)
    x, y = np.random.default_rng(0).normal(size=(2, count)).astype(dtype)
    found = np.empty(3 * count, dtype)
    _pairwise(x, y, found)
    np.testing.assert_array_equal(found, np.concatenate((x * y, x / y, np.maximum(x, y))))


@pytest.mark.parametrize("dtype", DTYPES)
def test_lanes_are_chosen_by_their_sign(dtype: type):
    x = np.resize(np.array([-3, 0, 2, np.nan], dtype), lane_count(dtype))
    found = np.empty_like(x)
    _selected(x, found)
    np.testing.assert_array_equal(found, np.where(x > 0, x, dtype(2.5)))
