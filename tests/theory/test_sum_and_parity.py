"""Section 2 and appendix A of `implicit`: lemmas by exact enumeration, training against a plain loop."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.theory.sum_and_parity import (
    Population,
    TwoLayer,
    average_sgd,
    batch_gradient,
    biases,
    bounds,
    compact_features,
    constructions,
    draw_biases,
    initialise,
    parity_accuracy,
    population_loss,
)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@st.composite
def populations(draw):
    n = 2 * draw(st.integers(1, 4))
    p = draw(st.floats(0.0, 1.0))
    support = draw(st.permutations(range(1, n + 1)))[: n // 2]
    return Population(n, p, tuple(support))


# --- the population ----------------------------------------------------------------------------------


@given(population=populations())
def test_labels_and_probabilities_are_those_of_section_2(population):
    n = population.n
    expected = {}
    for point in itertools.product((-1, 1), repeat=n + 1):
        active = [point[i] for i in population.support]
        label = sum(active) - n / 2 if point[0] == 1 else math.prod(active)
        expected[point] = (label, (population.p if point[0] == 1 else 1 - population.p) / 2**n)
    assert len(population.x) == len(expected)
    for point, label, probability in zip(population.x, population.y, population.probability, strict=True):
        assert expected[tuple(point)] == (label, pytest.approx(probability, abs=1e-15))
    assert population.probability.sum() == pytest.approx(1)


def test_counts_are_those_of_independent_draws():
    population = Population(4, 0.3)
    counts = population.counts(10**9, generator())
    assert counts.sum() == 10**9
    spread = np.sqrt(population.probability / 10**9)
    assert (np.abs(counts / 10**9 - population.probability) < 5 * spread).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5, 0.5), "n: got 5; allowed: an even integer from 2 to 16"),
        ((18, 0.5), "n: got 18; allowed: an even integer from 2 to 16"),
        ((4, 1.5), "p: got 1.5; allowed: a probability from 0 to 1"),
        ((4, 0.5, (1, 5)), "support: got (1, 5); allowed: n / 2 = 2 distinct bits from 1 to 4"),
        ((4, 0.5, (1, 1)), "support: got (1, 1); allowed: n / 2 = 2 distinct bits from 1 to 4"),
        ((4, 0.5, (1,)), "support: got (1,); allowed: n / 2 = 2 distinct bits from 1 to 4"),
    ],
)
def test_wrong_arguments_are_named_in_one_line(arguments, message):
    with pytest.raises(UsageError) as caught:
        Population(*arguments)
    assert str(caught.value) == message


# --- the network -------------------------------------------------------------------------------------


@given(seed=st.integers(0, 10**6), n=st.sampled_from([2, 4]), k=st.integers(1, 6))
def test_gradients_are_those_of_autograd(seed, n, k):
    population, rng = Population(n, 0.4), generator(seed)
    network = TwoLayer(rng.normal(size=(k, n + 1)), *rng.normal(size=(3, k)))
    weight = population.counts(50, rng) / 50
    W, u, v, b = (torch.tensor(value, requires_grad=True) for value in vars(network).values())
    x, y = torch.tensor(population.x), torch.tensor(population.y)
    hidden = x @ W.T
    out = hidden @ u + torch.relu(hidden + b) @ v
    (torch.tensor(weight) * (out - y) ** 2 / 2).sum().backward()
    np.testing.assert_allclose(network(population.x), out.detach(), atol=1e-12)
    found = network.gradients(population.x, population.y, weight)
    for name, tensor in zip(("W", "u", "v", "b"), (W, u, v, b), strict=True):
        np.testing.assert_allclose(getattr(found, name), tensor.grad, atol=1e-12)


@given(population=populations().filter(lambda found: found.n > 2), seed=st.integers(0, 10**6))
def test_lemma_2_the_population_gradient_is_minus_p_w(population, seed):
    rng = generator(seed)
    b = rng.choice(biases(population.n, population.p), size=5)
    gradients = initialise(population.n, b).gradients(population.x, population.y, population.probability)
    np.testing.assert_allclose(gradients.W, np.tile(-population.p * population.w, (5, 1)), atol=1e-12)
    assert population.w[0] == -population.n / 2
    assert sorted(population.w[1:]) == [0] * (population.n // 2) + [1] * (population.n // 2)


def test_lemma_2_fails_for_two_bits():
    """Errata: the parity of a single bit is that bit, whose gradient is not zero."""
    population = Population(2, 0.25)
    gradient = -(population.probability * population.y) @ population.x
    np.testing.assert_allclose(gradient + 0.25 * population.w, [0, -0.75, 0])


def test_lemma_3_holds_for_u_and_b_but_not_for_v():
    """Errata: d g / d v = relu(b), which is p for the largest bias, so v's gradient is p^2 n / 2 there."""
    population = Population(6, 0.25)
    b = biases(6, 0.25)
    gradients = initialise(6, b).gradients(population.x, population.y, population.probability)
    assert not gradients.u.any()
    assert not gradients.b.any()
    np.testing.assert_allclose(gradients.v, [0, 0, 0, 0.25**2 * 6 / 2], atol=1e-12)
    assert b.max() == pytest.approx(0.25)


@given(population=populations(), seed=st.integers(0, 10**6), batch=st.integers(1, 40))
def test_the_first_step_of_the_full_network_is_the_compact_one(population, seed, batch):
    """Every row of W after one step with rate 1 is the batch's mean of y x."""
    counts = population.counts(batch, generator(seed))
    network = initialise(population.n, biases(population.n, population.p))
    after = network.step(network.gradients(population.x, population.y, counts / batch), 1.0)
    row = batch_gradient(population, batch, generator(seed))
    np.testing.assert_allclose(after.W, np.tile(row, (len(after.W), 1)), atol=1e-12)
    np.testing.assert_array_equal(after.b, network.b)
    np.testing.assert_array_equal(after.u, network.u)


# --- constructions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n_active", range(1, 11))
def test_lemma_4_holds_on_every_input(n_active):
    x = np.array(list(itertools.product((-1.0, 1.0), repeat=n_active)))
    right = x.prod(1) - x.sum(1) - n_active
    np.testing.assert_array_equal(constructions.lemma4(n_active, x), right)


@pytest.mark.parametrize("n_active", range(1, 20))
def test_lemma_4s_coefficients_exceed_the_stated_bound_for_even_n(n_active):
    """Errata: 4n' is stated; for even n' 4n' + 2 is reached, so Lemma 5's 2n/p is exceeded as well."""
    largest = np.abs(constructions.nu(n_active)).max()
    assert largest == constructions.largest_nu(n_active)
    assert (largest > 4 * n_active) == (n_active % 2 == 0)


@pytest.mark.parametrize("n", [2, 4, 6, 8, 10, 12])
@pytest.mark.parametrize("p", [0.1, 0.7])
def test_lemma_5_is_exact_but_for_two_to_the_half_n_inputs_each_off_by_one(n, p):
    """Errata: not on x = 1 alone, but wherever x_0 = 1 and the active bits are all 1."""
    population = Population(n, p, tuple(range(2, n + 1, 2)))
    errors = np.abs(constructions.lemma5(population) - population.y)
    failing = errors > 1e-9
    assert failing.sum() == 2 ** (n // 2)
    np.testing.assert_allclose(errors[failing], 1)
    for point in population.x[failing]:
        assert point[0] == 1
        assert all(point[i] == 1 for i in range(2, n + 1, 2))
    np.testing.assert_array_equal(constructions.exceptions(population), failing)


@pytest.mark.parametrize("n", [4, 6, 8])
@pytest.mark.parametrize(("p", "tau"), [(0.1, 1e-4), (0.5, 1e-3), (0.5, 0.0)])
def test_lemma_6_and_claim_2_hold_for_any_first_step_within_tau(n, p, tau):
    """Loss and norms, for rows that are as far from p w as tau allows, each on its own."""
    delta, population = 0.1, Population(n, p)
    k, rng = bounds.width(n, delta), generator(n)
    b = np.concatenate([biases(n, p), rng.choice(biases(n, p), size=k - n // 2 - 1)])
    W = p * population.w + tau * rng.choice([-1.0, 1.0], size=(k, n + 1))
    network = constructions.lemma6(population, W, b)
    loss = population_loss(population, network(population.x))
    assert loss <= constructions.lemma6_loss(n, p, tau)
    for part in (network.u, network.v):
        assert (part**2).sum() <= 4 * n**3 / p**2
    hidden = population.x @ W.T
    lengths = np.sqrt((hidden**2).sum(1) + (np.maximum(hidden + b, 0) ** 2).sum(1))
    assert lengths.max() <= (4 * p + 2 * tau) * n**2
    if tau == 0:
        # Lemma 5's exceptions, off by one on 2^(n/2) inputs of 2^n with x_0 = 1, are all that is left.
        assert loss == pytest.approx(p * 2 ** (-n / 2) / 2)


@pytest.mark.parametrize("delta", [0.05, 0.3])
def test_lemma_6s_width_draws_every_bias_with_its_probability(delta):
    n, rng = 6, generator(1)
    k = bounds.width(n, delta)
    missed = [draw_biases(n, k, rng).min() == 0 for _ in range(2000)]
    assert np.mean(missed) <= delta


def test_the_constructions_refuse_what_they_cannot_build():
    with pytest.raises(UsageError, match=r"^p: got 0; allowed: a probability above 0$"):
        constructions.lemma5(Population(4, 0))
    with pytest.raises(UsageError, match=r"^p: got 0; allowed: a probability above 0$"):
        constructions.lemma6(Population(4, 0), np.zeros((3, 5)), np.zeros(3))
    with pytest.raises(UsageError, match=r"^b: got 'biases that lack a value'; allowed: every p"):
        constructions.lemma6(Population(4, 0.5), np.zeros((2, 5)), np.zeros(2))
    with pytest.raises(UsageError, match=r"^n': got 0; allowed: an integer of at least 1$"):
        constructions.nu(0)


# --- bounds ------------------------------------------------------------------------------------------


def test_the_label_times_a_bit_spans_twice_the_range_that_claim_1_takes():
    """Errata: Hoeffding's R is 2n, for y x_j runs from -n to n."""
    population = Population(6, 0.5)
    products = population.y[:, None] * population.x
    assert (products.min(), products.max()) == (-6, 6)
    corrected, printed = (bounds.claim1_batch(6, 25, 0.1, 0.1, value) for value in (False, True))
    assert corrected / printed == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("printed", [False, True])
def test_claim_1s_batch_is_the_smallest_that_its_inequality_allows(printed):
    n, k, tau, delta = 8, 36, 0.2, 0.05
    span, entries = (n, n * k) if printed else (2 * n, (n + 1) * k)
    batch = bounds.claim1_batch(n, k, tau, delta, printed)

    def failing(b: int) -> float:
        return entries * 2 * math.exp(-2 * b * tau**2 / span**2)

    assert failing(batch) <= delta < failing(batch - 1)


def test_first_steps_are_within_claim_1():
    population, tau, delta = Population(6, 0.2), 0.3, 0.1
    k = bounds.width(6, delta)
    batch = bounds.claim1_batch(6, k, tau, delta)
    trials = [batch_gradient(population, batch, generator(trial)) for trial in range(100)]
    within = [np.abs(row - 0.2 * population.w).max() <= tau for row in trials]
    assert np.mean(within) >= 1 - delta


@given(population=populations().filter(lambda found: found.n > 2))
def test_the_first_steps_variance_is_that_of_an_inactive_bit(population):
    inactive = next(i for i in range(1, population.n + 1) if i not in population.support)
    product = population.y * population.x[:, inactive]
    mean = population.probability @ product
    assert mean == pytest.approx(0, abs=1e-12)
    expected = population.probability @ product**2
    assert bounds.first_step_variance(population.n, population.p) == pytest.approx(expected)


def test_theorem_1_asks_for_more_than_anyone_has():
    """n = 8, p = epsilon = 0.1: 1e11 steps of 7e10 samples."""
    steps = bounds.theorem1_samples(8, 0.1, 0.1) / (4 * 8**8 / (0.1**2 * 0.1))
    assert steps == pytest.approx(9.7e10, rel=0.01)
    assert bounds.theorem1_samples(8, 0.1, 0.1) / bounds.theorem1_samples(8, 0.2, 0.1) == pytest.approx(4)
    assert bounds.theorem1_tau(8, 0.1, 0.1) == pytest.approx(0.1 * math.sqrt(0.1 / (8 * 8**6)))


# --- the second phase --------------------------------------------------------------------------------


def test_compact_sgd_is_sgd_on_the_full_second_layer():
    """k hidden units, a plain loop over u and v, the same samples: the same function, averaged."""
    population, rng = Population(4, 0.3), generator(3)
    row = batch_gradient(population, 40, rng)
    b, units = biases(4, 0.3), draw_biases(4, 9, rng)
    compact = compact_features(population, row, b, units)
    assert units.sum() == 9
    learned = average_sgd(compact[None], population.y, [0.3], 50, 8, generator(5))

    network = initialise(4, np.repeat(b, units))
    hidden = population.x @ np.tile(row, (9, 1)).T
    full = np.concatenate([hidden, np.maximum(hidden + network.b, 0)], axis=1)
    rate = 0.9 / (full**2).sum(1).max()
    weights, total, draws = np.zeros(18), np.zeros(18), generator(5)
    bits, uniform = draws.integers(16, size=(50, 8)), draws.random((50, 8))
    for rows in 2 * bits + (uniform < 0.3):
        gradient = sum((full[r] @ weights - population.y[r]) * full[r] for r in rows) / 8
        weights = weights - rate * gradient
        total += weights
    np.testing.assert_allclose(compact @ learned[0], full @ (total / 50), atol=1e-12)


def test_runs_side_by_side_are_those_runs_alone():
    population = Population(2, 0.3)
    features = generator(1).normal(size=(3, 8, 3))
    together = average_sgd(features, population.y, [0.1, 0.5, 0.9], 1500, 4, generator(2))
    for i, p in enumerate((0.1, 0.5, 0.9)):
        alone = average_sgd(features[i : i + 1], population.y, [p], 1500, 4, generator(2))
        np.testing.assert_array_equal(together[i], alone[0])


def test_two_phases_learn_parity_with_sum_and_not_without():
    n, chosen = 4, []
    for p in (0.2, 0.0):
        rng = generator(1)
        row = batch_gradient(Population(n, p), 10**7, rng)
        chosen.append(compact_features(Population(n, p), row, biases(n, 0.2), np.array([5, 5, 5])))
    learned = average_sgd(np.stack(chosen), Population(n, 0.5).y, [0.2, 0.0], 40_000, 16, generator(2))
    outputs = [features @ weights for features, weights in zip(chosen, learned, strict=True)]
    assert parity_accuracy(Population(n, 0.2), outputs[0]) == 1
    assert population_loss(Population(n, 0.2), outputs[0]) < 0.25
    assert parity_accuracy(Population(n, 0), outputs[1]) < 0.7
    assert population_loss(Population(n, 0), outputs[1]) > 0.45


def test_loss_and_accuracy_by_hand():
    population = Population(2, 0.5)
    assert population_loss(population, population.y) == 0
    assert parity_accuracy(population, population.y) == 1
    assert parity_accuracy(population, -population.y) == 0
    assert parity_accuracy(population, np.zeros(8)) == 0.5
    # Sum labels are 0 and -2 with equal chance, parities are of size 1: E y^2 / 2 = (2 + 1) / 4.
    assert population_loss(population, np.zeros(8)) == pytest.approx(0.75)
