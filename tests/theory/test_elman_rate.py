"""Theorem 2's rate, against a loop in float64 that knows no autograd."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from lit_curriculum.errors import UsageError
from lit_curriculum.theory.elman_rate import moved, network, outputs, squared_gradient

STRINGS = torch.randint(0, 2, (6, 7), generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([1.0, -1, -1, 1, 1, -1], dtype=torch.float64)


def by_hand(model, string, W):
    """Return f_T and its gradient by W."""
    A, B, M_0 = (getattr(model, name).numpy() for name in ("A", "B", "M_0"))
    states, signs = [np.maximum(M_0, 0)], []
    for token in string:
        before = W @ states[-1] + A[:, int(token)]
        signs.append(before > 0)
        states.append(np.maximum(before, 0))
    gradient, back = np.zeros_like(W), B.copy()
    for t in range(len(string) - 1, -1, -1):
        back = back * signs[t]
        gradient += np.outer(back, states[t])
        back = W.T @ back
    return float(B @ states[-1]), gradient


@pytest.mark.parametrize("unit", [False, True])
def test_outputs_and_gradients_are_those_of_a_loop(unit):
    model = network(9, seed=3, unit_output=unit)
    expected = [by_hand(model, string, model.W.detach().numpy()) for string in STRINGS]
    np.testing.assert_allclose(outputs(model, STRINGS).detach().numpy(), [f for f, _ in expected], rtol=1e-12)
    mean = np.mean([np.square(gradient).sum() for _, gradient in expected])
    assert squared_gradient(model, STRINGS) == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize("unit", [False, True])
def test_updates_at_theorem_2s_rate_are_those_of_a_loop(unit):
    m, n = 9, 20
    model = network(m, seed=3, unit_output=unit)
    W, begin = model.W.detach().numpy().copy(), outputs(model, STRINGS).detach().numpy()
    for i in range(n):
        y = float(LABELS[i % 6])
        f, gradient = by_hand(model, STRINGS[i % 6], W)
        W -= 1 / (m * math.sqrt(n)) * (-y / (1 + math.exp(y * f))) * gradient
    ends = [by_hand(model, string, W)[0] for string in STRINGS]
    assert moved(model, STRINGS, LABELS, n) == pytest.approx(np.abs(ends - begin).mean(), rel=1e-9)


def test_a_seed_is_the_same_network_and_leaves_the_global_one_alone():
    torch.manual_seed(7)
    state = torch.get_rng_state()
    one, other = network(8, 1), network(8, 1, unit_output=True)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(one.W, other.W)
    torch.testing.assert_close(other.B, one.B * math.sqrt(8))


def test_no_updates_are_refused():
    with pytest.raises(UsageError, match="n: got 0"):
        moved(network(4, 0), STRINGS, LABELS, 0)


@pytest.mark.parametrize(("unit", "slope"), [(False, -1.0), (True, 0.0)])
def test_updates_move_a_wider_network_less_unless_its_output_weights_are_of_variance_1(unit, slope):
    found = [
        np.mean([moved(network(m, s, unit), STRINGS, LABELS, 6) for s in range(12)]) for m in (128, 1024)
    ]
    assert math.log(found[1] / found[0], 8) == pytest.approx(slope, abs=0.4)


def test_more_updates_move_a_network_by_their_square_root():
    found = [np.mean([moved(network(256, s), STRINGS, LABELS, n) for s in range(4)]) for n in (16, 256)]
    assert math.log(found[1] / found[0], 16) == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize(("unit", "slope"), [(False, 0.0), (True, 1.0)])
def test_the_gradient_grows_with_the_width_only_where_the_output_weights_are_of_variance_1(unit, slope):
    """What `docs/errata.md` says of algorithm 1's B ~ N(0, 1 / m)."""
    found = [np.mean([squared_gradient(network(m, s, unit), STRINGS) for s in range(8)]) for m in (128, 1024)]
    assert math.log(found[1] / found[0], 8) == pytest.approx(slope, abs=0.2)
