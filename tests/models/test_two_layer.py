"""The theory's network against its formula, term by term."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from lit_curriculum.errors import UsageError
from lit_curriculum.models import registry
from lit_curriculum.models.two_layer import TwoLayerNet


def test_the_network_answers_with_averaged_weights_where_there_are_any() -> None:
    net = TwoLayerNet(3, [0.5, -0.25])
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in (net.W, net.u, net.v, net.u_sum, net.v_sum):
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    x = torch.randn(4, 3, generator=generator, dtype=torch.float64)

    def by_hand(u: list[float], v: list[float]) -> list[float]:
        answers = []
        for point in x.tolist():
            total = 0.0
            for j in range(2):
                wx = math.fsum(w * value for w, value in zip(net.W[j].tolist(), point, strict=True))
                total += u[j] * wx + v[j] * max(wx + net.b[j].item(), 0.0)
            answers.append(total)
        return answers

    assert net(x).tolist() == pytest.approx(by_hand(net.u.tolist(), net.v.tolist()), abs=1e-12)
    net.n_summed += 4
    assert net(x).tolist() == pytest.approx(
        by_hand((net.u_sum / 4).tolist(), (net.v_sum / 4).tolist()), abs=1e-12
    )


def test_it_is_initialised_as_in_appendix_a() -> None:
    net = TwoLayerNet(3, [0.5, -0.25])
    assert net.u.tolist() == [1, 1]
    assert not net.W.any()
    assert not net.v.any()
    assert net.b.tolist() == [0.5, -0.25]
    assert {tensor.dtype for tensor in net.parameters()} == {torch.float64}
    again = registry.build(registry.describe(net))
    assert again.state_dict().keys() == net.state_dict().keys()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, [1.0]), "d: got 0; allowed: an integer of at least 1"),
        ((3, []), "biases: got []; allowed: one number a hidden unit"),
    ],
)
def test_wrong_arguments_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        TwoLayerNet(*arguments)
    assert str(caught.value) == message
