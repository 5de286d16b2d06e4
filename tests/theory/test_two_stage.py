"""Algorithm 1 and Lemma B.2 of `progressive`, by enumeration and plain loops; what fails of B.5 and B.6."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.theory import two_stage


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def every_point(d: int) -> np.ndarray:
    return np.array(list(itertools.product((-1.0, 1.0), repeat=d)))


@pytest.mark.parametrize("d", [1, 3, 7, 9])
def test_majority_coefficients_are_those_of_enumeration(d):
    x = every_point(d)
    majority = np.sign(x.sum(1))
    for degree in range(1, d + 1):
        expected = (majority * x[:, :degree].prod(1)).mean()
        assert two_stage.majority_coefficient(d, degree) == pytest.approx(expected, abs=1e-12)


def test_majority_coefficients_are_far_above_the_stated_order():
    """Errata: their squares, not they, are of the order of 1 / C(d, i): d^(k-1) samples see zeta_(k-1)."""
    for i in (1, 3, 5):
        scaled = [two_stage.majority_coefficient(d, i) ** 2 * math.comb(d, i) for d in (101, 1001)]
        assert scaled[0] == pytest.approx(scaled[1], rel=0.2)
        stated = [abs(two_stage.majority_coefficient(d, i)) * math.comb(d, i) for d in (101, 1001)]
        assert stated[1] > 3 * stated[0]


@given(seed=st.integers(0, 10**6), d=st.sampled_from([5, 7]), k=st.sampled_from([2, 4]))
def test_lemma_b2_is_a_step_on_the_population_by_autograd(seed, d, k):
    """The hinge loss over all 2^d strings, decay 1 / (2 eta): the lemma's weights with tau_g = 0."""
    network = two_stage.initialise(d, k, 6, generator(seed))
    x = every_point(d)
    y = x[:, :k].prod(1)
    rate = two_stage.first_rate(d, k, 6)
    w = torch.tensor(network.w, requires_grad=True)
    f = torch.relu(torch.tensor(x) @ w.T + torch.tensor(network.b)) @ torch.tensor(network.a)
    loss = torch.relu(1 - torch.tensor(y) * f).mean() + (w**2).sum() / (2 * rate)
    loss.backward()
    after = network.w - rate * w.grad.numpy()
    np.testing.assert_allclose(two_stage.expected_weights(network, k), after, atol=1e-12)
    gradient = two_stage.batch_gradient(network, x, y)
    np.testing.assert_allclose(two_stage.first_stage(network, gradient, rate).w, after, atol=1e-12)
    np.testing.assert_allclose(np.abs(after[:, :k]), 1 / (2 * k))
    # Errata: (k - 1) / (2k (d - k)), about 1 / (2d), where 1 / (kd) is stated.
    np.testing.assert_allclose(np.abs(after[:, k:]), (k - 1) / (2 * k * (d - k)))


def test_with_decay_1_the_initial_weights_would_stay():
    """Errata: Lemma B.2 says lambda_1 = 1; w (1 - 2 eta) is left, and eta is far above 1."""
    assert abs(1 - 2 * two_stage.first_rate(21, 4, 64)) > 1000


def test_the_initialisation_is_symmetric_and_gives_zero():
    network = two_stage.initialise(7, 4, 12, generator())
    np.testing.assert_array_equal(network.w[:6], network.w[6:])
    np.testing.assert_array_equal(network.b[:6], network.b[6:])
    np.testing.assert_array_equal(network.a[:6], -network.a[6:])
    assert set(np.abs(network.w).ravel()) == {1.0}
    assert set(np.abs(network.a)) == {1 / 12}
    assert set(network.b) <= {i / 4 for i in range(-3, 4)}
    np.testing.assert_array_equal(two_stage.biases(4), [-0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75])
    np.testing.assert_allclose(network(every_point(7)), 0, atol=1e-15)


@pytest.mark.parametrize("aligned", [False, True])
def test_f_after_the_first_stage_is_odd_so_corollary_b6s_correlation_with_maj_is_zero(aligned):
    """Errata: f odd, Maj odd, x_i odd: the product has mean 0. c_i alone tells of the support."""
    d, k = 9, 4
    x = every_point(d)
    network = two_stage.initialise(d, k, 32, generator(3), aligned=aligned)
    noisy = two_stage.batch_gradient(network, x[:100], two_stage.labels(x[:100], k))
    f = two_stage.first_stage(network, noisy, 1.0)(x)
    np.testing.assert_allclose(f, -f[::-1], atol=1e-12)
    np.testing.assert_allclose((f * np.sign(x.sum(1))) @ x / len(x), 0, atol=1e-12)


def test_lemma_b5_holds_for_the_signs_that_its_proof_assumes_and_vanishes_with_width_for_drawn_ones():
    """Errata: w_ij = sign(a_i zeta_(k-1)) is assumed without loss of generality; one unit in 2^k is so."""
    d, k, x = 11, 4, every_point(11)

    def correlations(m: int, aligned: bool, seed: int) -> np.ndarray:
        network = two_stage.initialise(d, k, m, generator(seed), aligned=aligned)
        f = replace(network, w=two_stage.expected_weights(network, k))(x)
        return np.abs(f @ x / len(x))

    for seed in range(3):
        c = correlations(512, True, seed)
        assert c[:k].min() >= 1 / (8 * k)
        assert c[k:].max() < c[:k].min() / 4
    drawn = [np.mean([correlations(m, False, seed)[:k].mean() for seed in range(8)]) for m in (32, 512)]
    assert drawn[1] < 1 / (8 * k) / 3
    # m grows 16 times, so sqrt(m) 4 times.
    assert 2.5 < drawn[0] / drawn[1] < 6


@pytest.mark.parametrize("aligned", [False, True])
def test_correlations_are_those_of_enumeration(aligned):
    d, k, x = 9, 4, every_point(9)
    network = two_stage.initialise(d, k, 30, generator(5), aligned=aligned)
    f = replace(network, w=two_stage.expected_weights(network, k))(x)
    np.testing.assert_allclose(two_stage.correlations(network, k), f @ x / len(x), atol=1e-12)


def test_hinge_steps_are_those_of_a_plain_loop():
    d, k = 7, 2
    network = two_stage.initialise(d, k, 6, generator(1))
    network = replace(network, w=two_stage.expected_weights(network, k))
    x = two_stage.draw(d, 40, generator(2)).astype(float)
    t, a, rate = two_stage.labels(x, k), network.a.copy(), 0.3
    two_stage.hinge_steps(network.features(x), t, a, rate)
    plain = list(network.a)
    for point, target in zip(x.tolist(), t.tolist(), strict=True):
        hidden = [
            max(sum(w * v for w, v in zip(row, point, strict=True)) + b, 0)
            for row, b in zip(network.w.tolist(), network.b.tolist(), strict=True)
        ]
        if target * sum(u * h for u, h in zip(plain, hidden, strict=True)) < 1:
            plain = [u + rate * target * h for u, h in zip(plain, hidden, strict=True)]
    np.testing.assert_allclose(a, plain, atol=1e-12)
    assert not np.allclose(a, network.a)


def test_rates_are_those_of_the_lemmas():
    assert two_stage.first_rate(7, 4, 10) == pytest.approx(
        10 / (4 * abs(two_stage.majority_coefficient(7, 3)))
    )
    assert two_stage.first_rate(7, 4, 10, signal=-0.5) == pytest.approx(5)
    assert two_stage.second_rate(20, 4, 100, 10_001) == pytest.approx(4 * 8 / (20 * 1000))


def test_points_are_uniform_signs():
    x = two_stage.draw(5, 64_000, generator())
    assert set(np.unique(x)) == {-1, 1}
    _, counts = np.unique(x, axis=0, return_counts=True)
    assert len(counts) == 32
    assert np.abs(counts - 2000).max() < 5 * math.sqrt(2000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((8, 4, 6), "d: got 8; allowed: an odd integer"),
        ((7, 3, 6), "k: got 3; allowed: an even integer from 2 to d - 1 = 6"),
        ((7, 4, 5), "m: got 5; allowed: an even integer of at least 2"),
    ],
)
def test_wrong_arguments_are_named_in_one_line(arguments, message):
    with pytest.raises(UsageError) as caught:
        two_stage.initialise(*arguments, generator())
    assert str(caught.value) == message
    with pytest.raises(UsageError, match=r"^degree: got 0; allowed: an integer from 1 to d = 3$"):
        two_stage.majority_coefficient(3, 0)
