"""The Elman network: equations 1 to 3 by hand, its initialisation, its decoding."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lit_curriculum.errors import UsageError
from lit_curriculum.models import ElmanRNN, build, count_parameters, describe


def made(width: int, seed: int = 0) -> ElmanRNN:
    model = build({"name": "elman", "init_args": {"width": width}}, seed=seed)
    assert isinstance(model, ElmanRNN)
    return model


def tokens(n: int, length: int) -> torch.Tensor:
    return torch.randint(2, (n, length), generator=torch.Generator().manual_seed(1))


def by_hand(model: ElmanRNN, z: list[int]) -> list[float]:
    """Return f_1 .. f_T in float64, sum by sum."""
    W, A, B, M_0 = (t.detach().double().numpy() for t in (model.W, model.A, model.B, model.M_0))
    m = len(B)
    h = [max(M_0[i], 0.0) for i in range(m)]
    f = []
    for token in z:
        h = [max(sum(W[i, j] * h[j] for j in range(m)) + A[i, token], 0.0) for i in range(m)]
        f.append(sum(B[i] * h[i] for i in range(m)))
    return f


def test_it_computes_equations_1_to_3() -> None:
    model, z = made(6), tokens(5, 7)
    logits = model(z)
    assert logits.shape == (5, 7, 2)
    assert not logits[..., 0].any()
    for i in range(5):
        np.testing.assert_allclose(logits[i, :, 1].detach(), by_hand(model, z[i].tolist()), atol=1e-5)
    assert torch.equal(model(z, first=4), logits[:, 4:])


def test_the_cross_entropy_of_its_logits_is_equation_4() -> None:
    model, z = made(6), tokens(5, 7)
    labels = tokens(5, 7).flip(0)
    f, y = model(z)[..., 1], 2 * labels - 1
    expected = torch.log1p(torch.exp(-y * f)).mean()
    found = torch.nn.functional.cross_entropy(model(z).flatten(0, 1), labels.flatten())
    torch.testing.assert_close(found, expected)


def test_only_W_is_trained_and_all_is_saved() -> None:
    model = made(6)
    assert [name for name, _ in model.named_parameters()] == ["W"]
    assert count_parameters(model) == 36
    assert set(model.state_dict()) == {"W", "A", "B", "M_0"}
    again = build(describe(model))
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(tokens(3, 5)), model(tokens(3, 5)))


def test_the_variances_are_those_of_algorithm_1() -> None:
    model = made(600)
    assert float(model.W.detach().var()) * 600 == pytest.approx(2, rel=0.02)
    for weights, variance in ((model.A, 2), (model.M_0, 2), (model.B, 1)):
        assert float(weights.var()) * 600 == pytest.approx(variance, rel=0.3)
        assert abs(float(weights.mean())) < 0.01


@pytest.mark.parametrize("n_tokens", [1, 2, 6])
def test_decoding_is_reading_everything_again_after_each_token(n_tokens: int) -> None:
    model, z = made(20, seed=4), tokens(50, 5)
    with torch.no_grad():
        logits = model.decode(z, n_tokens)
        assert logits.shape == (50, n_tokens, 2)
        for i in range(n_tokens):
            expected = model(z)[:, -1]
            torch.testing.assert_close(logits[:, i], expected, atol=1e-5, rtol=1e-5)
            z = torch.cat([z, expected.argmax(-1, keepdim=True)], dim=1)
    assert len(set(map(tuple, logits.argmax(-1).tolist()))) > 1


def test_a_width_of_zero_is_refused() -> None:
    with pytest.raises(UsageError, match="width: got 0; allowed: an integer of at least 1"):
        ElmanRNN(0)
