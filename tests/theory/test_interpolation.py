"""Lemmas C.2 and C.4 of `progressive`: exact on points and near them, as wide and as large as they say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.theory import interpolation


@given(seed=st.integers(0, 10**6), n=st.integers(1, 6), outputs=st.integers(1, 3))
def test_lemma_c2_is_exact_within_a_quarter_of_the_least_distance(seed, n, outputs):
    rng = np.random.default_rng(seed)
    points = rng.permutation(20)[:n] / 7 - 1
    values = rng.normal(size=(n, outputs))
    layers = interpolation.lemma_c2(points, values)
    delta = min((abs(a - b) for a, b in itertools.combinations(points, 2)), default=1.0)
    for shift in (-0.2499, -0.1, 0, 0.2, 0.2499):
        found = interpolation.evaluate(layers, (points + shift * delta)[:, None])
        np.testing.assert_allclose(found, values, atol=1e-9)
    (w1, b1), (w2, b2) = layers
    assert w1.shape == (4 * n, 1)
    assert np.abs(w1).max() <= 4 / delta + 1e-9
    assert np.abs(b1).max() <= 4 * np.abs(points).max() / delta + 2 + 1e-9
    assert np.abs(w2).max() == np.abs(values).max()
    assert not b2.any()


@given(seed=st.integers(0, 10**6), n=st.integers(1, 6), inputs=st.integers(1, 3))
def test_lemma_c4_is_exact_within_a_quarter_of_the_least_distance(seed, n, inputs):
    rng = np.random.default_rng(seed)
    # Inputs that are closer than Delta as long as another one is not.
    grid = np.array(list(itertools.product((0.0, 0.3, 1.0), repeat=inputs)))
    points = rng.permutation(grid)[:n]
    n = len(points)
    values = rng.normal(size=(n, 2))
    layers = interpolation.lemma_c4(points, values)
    delta = interpolation.least_distance(points)
    for _ in range(5):
        moved = points + rng.uniform(-0.2499, 0.2499, size=points.shape) * delta
        np.testing.assert_allclose(interpolation.evaluate(layers, moved), values, atol=1e-9)
    (w1, b1), (w2, b2), (w3, b3) = layers
    assert w1.shape == (4 * sum(len(set(column)) for column in points.T), inputs)
    assert w2.shape[0] == n
    assert np.abs(w1).max() <= 4 / delta + 1e-9
    assert np.abs(b1).max() <= 4 * np.abs(points).max() / delta + 2 + 1e-9
    assert np.abs(w2).max() <= 1
    assert np.abs(b2).max() <= inputs
    assert np.abs(w3).max() == np.abs(values).max()
    assert not b3.any()


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_bits_need_a_quarter_of_lemma_c4s_first_layer(k):
    points = np.array(list(itertools.product((0.0, 1.0), repeat=k)))
    values = np.random.default_rng(k).normal(size=(2**k, 2))
    lean, wide = (build(points, values) for build in (interpolation.bits_network, interpolation.lemma_c4))
    assert len(wide[0][1]) == 4 * len(lean[0][1]) == 8 * k
    for shift in (-0.25, 0, 0.25):
        np.testing.assert_allclose(interpolation.evaluate(lean, points + shift), values, atol=1e-12)


def test_norms_are_those_of_the_layers():
    layers = [(np.array([[1.0, -5.0]]), np.array([2.0])), (np.array([[3.0]]), np.array([-7.0]))]
    assert interpolation.largest_entry(layers) == 7
    assert interpolation.largest_row_sum(layers) == 7
    assert interpolation.largest_row_sum(layers[:1]) == 6


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.empty((0, 2)), "points: got none; allowed: at least one"),
        (np.array([[0.0, 1.0], [0.0, 1.0]]), "points: got two that are equal; allowed: different ones"),
        (np.array([[0.5, 1.0]]), "points: got other numbers; allowed: 0 and 1"),
    ],
)
def test_wrong_points_are_named_in_one_line(points, message):
    with pytest.raises(UsageError) as caught:
        interpolation.bits_network(points, np.zeros((len(points), 1)))
    assert str(caught.value).replace("'", "") == message
