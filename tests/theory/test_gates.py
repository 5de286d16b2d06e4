"""Lemmas 2 and 3 of `subtask`, exhaustively; and what is wrong with them as printed."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.theory import gates


def test_lemma_2_is_the_parity_of_two_bits():
    z = np.array(list(itertools.product((0, 1), repeat=2)))
    expected = np.where(z[:, 0] == z[:, 1], 1, -1)
    np.testing.assert_allclose(gates.evaluate(gates.LEMMA_2, gates.lemma2_weights(), z), expected, atol=1e-12)
    assert np.linalg.norm(gates.lemma2_weights()) == pytest.approx(1)
    assert all(abs(a) < 10 for a in gates.LEMMA_2)


def test_equation_18_multiplied_out_is_the_corrected_polynomial():
    a, b, c = 0.0, 1 / math.sqrt(2), math.sqrt(2)
    for x in (-1.3, 0.2, 0.9, 2.5):
        first = (x - b) * (x - c) / ((a - b) * (a - c))
        second = (x - a) * (x - c) / ((b - a) * (b - c))
        third = (x - a) * (x - b) / ((c - a) * (c - b))
        assert first - second + third == pytest.approx(np.polyval(gates.LEMMA_2[::-1], x))


def test_equation_21_as_printed_is_3_for_two_zeros():
    """Errata."""
    z = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    found = gates.evaluate(gates.LEMMA_2_PRINTED, gates.lemma2_weights(), z)
    assert found[0] == pytest.approx(3)
    assert found[3] == pytest.approx(1)
    assert found[1] == found[2] == pytest.approx(4.5 / 2 - 7 / 2 + 1)  # -1/4, not -1


@pytest.mark.parametrize("N", [1, 2, 3])
@pytest.mark.parametrize("low", [0, -1])
def test_lemma_3_for_every_gate(N: int, low: int):
    """All 4, 16 and 256 gates; the truth table is read by the gate's own bits, not by alpha."""
    z = np.array(list(itertools.product((0, 1), repeat=N)))
    weights = gates.lemma3_weights(N)
    assert np.linalg.norm(weights) == pytest.approx(1)
    every = gates.gates(N, low)
    assert len(set(every)) == 2 ** (2**N)
    for values in every:
        table = {tuple(row): value for row, value in zip(gates.bits(N).tolist(), values, strict=True)}
        coefficients = gates.lemma3_polynomial(values)
        assert len(coefficients) == 2**N  # degree 2^N - 1
        expected = [table[tuple(row)] for row in z.tolist()]
        np.testing.assert_allclose(gates.evaluate(coefficients, weights, z), expected, atol=1e-7)


def test_lemma_3_for_some_gates_of_four_inputs():
    """Degree 15, coefficients up to 7e9: exact to four digits."""
    z, generator = gates.bits(4), np.random.default_rng(0)
    for _ in range(50):
        values = generator.choice([-1, 1], 16)
        found = gates.evaluate(gates.lemma3_polynomial(values.tolist()), gates.lemma3_weights(4), z)
        np.testing.assert_allclose(found, values, atol=5e-3)


def test_the_gates_of_two_inputs_are_those_with_names():
    """AND, OR, XOR and their like, from Python's own operators."""
    z = gates.bits(2)
    for truth in (lambda a, b: a & b, lambda a, b: a | b, lambda a, b: a ^ b, lambda a, b: 1 - (a & b)):
        coefficients = gates.lemma3_polynomial([int(truth(*row)) for row in z.tolist()])
        found = gates.evaluate(coefficients, gates.lemma3_weights(2), z)
        np.testing.assert_allclose(found, [truth(*row) for row in z.tolist()], atol=1e-12)


def test_lemma_3_as_printed_misses_a_factor():
    """Errata: <w / |w|, e> is alpha times sqrt(3 / (4^N - 1)); a polynomial through alpha itself is wrong."""
    for N in (2, 3):
        z, weights = gates.bits(N), gates.lemma3_weights(N)
        projected = gates.evaluate((0.0, 1.0), weights, z)
        np.testing.assert_allclose(projected, math.sqrt(3 / (4**N - 1)) * np.arange(2**N), atol=1e-12)
        printed = [[float(a) for a in gates.alpha_polynomial(values)] for values in gates.gates(N, -1)]
        wrong = [
            np.abs(gates.evaluate(found, weights, z) - values).max() > 0.01
            for found, values in zip(printed, gates.gates(N, -1), strict=True)
        ]
        assert sum(wrong) == 2 ** (2**N) - 2  # only the two constant gates need no points
    assert gates.unit(1) == 1  # a single input is the one case without a factor


@given(values=st.lists(st.integers(-5, 5), min_size=1, max_size=9), x=st.integers(-3, 12))
def test_the_polynomial_through_the_integers_is_lagranges(values, x):
    n = len(values)
    expected = sum(
        value * math.prod((x - j) / (i - j) for j in range(n) if j != i) for i, value in enumerate(values)
    )
    found = gates.alpha_polynomial(values)
    assert float(sum(a * x**i for i, a in enumerate(found))) == pytest.approx(expected, abs=1e-6)
    assert all(sum(a * i**p for p, a in enumerate(found)) == value for i, value in enumerate(values))


@pytest.mark.parametrize("N", [1, 2, 3])
def test_the_largest_coefficient_is_that_of_some_gate(N):
    found = max(np.abs(gates.lemma3_polynomial(values)).max() for values in gates.gates(N, -1))
    assert gates.largest_coefficient(N) == pytest.approx(found)


def test_half_of_the_subsets_are_fewer_than_all():
    """Errata: C(d, d/2) is below 2^d, so it cannot be Omega(e^d); (n / k)^k gives sqrt(2)^d."""
    for d in range(4, 400, 4):
        assert math.sqrt(2) ** d <= math.comb(d, d // 2) < 2**d
    ratios = [math.log(math.comb(d, d // 2)) / d for d in (8, 64, 512)]
    assert ratios == sorted(ratios)
    assert ratios[-1] < math.log(2) < 1


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: gates.lemma3_weights(5), "N: got 5; allowed: an integer from 1 to 4"),
        (lambda: gates.unit(0), "N: got 0; allowed: an integer from 1 to 4"),
        (
            lambda: gates.lemma3_polynomial([0, 1, 1]),
            "values: got '3 of them'; allowed: 2^N with N from 1 to 4",
        ),
    ],
)
def test_wrong_arguments_are_named_in_one_line(action, message):
    with pytest.raises(UsageError) as caught:
        action()
    assert str(caught.value) == message
