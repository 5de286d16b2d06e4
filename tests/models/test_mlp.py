"""The one-hidden-layer network against its formula."""

from __future__ import annotations

import math

import pytest
import torch

from lit_curriculum.errors import UsageError
from lit_curriculum.models.mlp import MLP


def test_logits_follow_the_formula():
    model = MLP(d=3, width=4, n_classes=2).double()
    W, b, U, c = (p.detach().tolist() for p in model.parameters())
    x = [[1.0, -1.0, 1.0], [-1.0, -1.0, 1.0]]
    expected = []
    for row in x:
        hidden = [max(0.0, sum(W[j][i] * row[i] for i in range(3)) + b[j]) for j in range(4)]
        expected.append([sum(U[k][j] * hidden[j] for j in range(4)) + c[k] for k in range(2)])
    found = model(torch.tensor(x, dtype=torch.float64))
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=0)


def test_parameters_have_the_documented_shapes():
    shapes = {name: tuple(p.shape) for name, p in MLP(5, 7, 3).named_parameters()}
    assert shapes == {
        "hidden.weight": (7, 5),
        "hidden.bias": (7,),
        "output.weight": (3, 7),
        "output.bias": (3,),
    }


def test_initial_weights_are_uniform_within_the_fan_in_bound():
    torch.manual_seed(0)
    model = MLP(d=100, width=2000)
    for layer, fan_in in ((model.hidden, 100), (model.output, 2000)):
        bound = 1 / math.sqrt(fan_in)
        largest = layer.weight.abs().max().item()
        assert 0.99 * bound < largest <= bound
        assert layer.bias.abs().max().item() <= bound


def test_two_classes_by_default():
    assert MLP(4, 5).init_args == {"d": 4, "width": 5, "n_classes": 2}


@pytest.mark.parametrize("key", ["d", "width", "n_classes"])
@pytest.mark.parametrize("value", [0, -3])
def test_a_size_below_one_is_named(key, value):
    sizes = {"d": 2, "width": 2, "n_classes": 2, key: value}
    with pytest.raises(UsageError) as caught:
        MLP(**sizes)
    assert str(caught.value) == f"{key}: got {value}; allowed: an integer of at least 1"
