"""The gradient's variance over targets: against real losses, target by target; and Lemma 14's bound."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from lit_curriculum.models import build
from lit_curriculum.probes.gradient_variance import gradient_variance
from lit_curriculum.theory import uncorrelated

TINY: dict[str, dict[str, Any]] = {
    "mlp": {"d": 6, "width": 5},
    "elman": {"width": 5},
    "gpt2_decoder": {
        **{"vocab_size": 2, "max_length": 6, "layers": 1, "heads": 2, "width": 4, "initializer_range": 0.5}
    },
}


def made(name: str, seed: int = 0) -> torch.nn.Module:
    return build({"name": name, "init_args": TINY[name]}, seed=seed).double()


def given(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.from_numpy(uncorrelated.strings(6))
    return (1.0 - 2.0 * x.double() if name == "mlp" else x), torch.from_numpy(uncorrelated.parities(6))


def score(name: str) -> Any:
    def of(logits: torch.Tensor) -> torch.Tensor:
        last = logits if name == "mlp" else logits[:, -1]
        return last[:, 1] - last[:, 0]

    return of


def flat(loss: torch.Tensor, model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))])


@pytest.mark.parametrize("name", list(TINY))
def test_it_is_the_variance_of_the_losses_gradients(name: str) -> None:
    model, (x, targets) = made(name), given(name)
    found = gradient_variance(model, score(name), x, targets, chunk=24)

    def over_targets(loss: Any) -> float:
        g = torch.stack([flat(loss(score(name)(model(x)), h).mean(), model) for h in targets])
        return float(((g - g.mean(0)) ** 2).sum(1).mean())

    squared = over_targets(lambda f, h: (f - h) ** 2 / 2)
    logistic = over_targets(lambda f, h: functional.softplus(-h * f))
    assert found.variance == pytest.approx(squared, rel=1e-9)
    assert found.variance == pytest.approx(4 * logistic, rel=1e-9)
    each = [float((flat(score(name)(model(row[None]))[0], model) ** 2).sum()) for row in x]
    assert found.squared_norm == pytest.approx(sum(each) / 64, rel=1e-9)
    assert found.targets == 20
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("name", list(TINY))
@pytest.mark.parametrize("seed", range(3))
def test_lemma_14_bounds_it_also_far_from_the_initialisation(name: str, seed: int) -> None:
    model = made(name, seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)
    found = gradient_variance(model, score(name), *given(name))
    assert 0 < found.variance <= found.bound


def test_the_bound_is_reached_by_a_predictor_of_the_targets_alone() -> None:
    """f = sum of w_h h(x): the gradient is (h(x))_h, of squared norm |H|, and G_h is the h-th unit vector."""
    targets = torch.from_numpy(uncorrelated.parities(4))
    model = torch.nn.Linear(6, 1, bias=False).double()
    found = gradient_variance(model, lambda y: y[:, 0], targets.T, targets)
    assert found.squared_norm == pytest.approx(6)
    assert found.bound == pytest.approx(1)
    assert found.variance == pytest.approx(1 - 1 / 6)  # less the mean's share


def test_dropout_is_off_and_the_mode_restored() -> None:
    model = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(6, 1)).double().train()
    x, targets = given("mlp")
    first, second = (gradient_variance(model, lambda y: y[:, 0], x, targets) for _ in range(2))
    assert first == second
    assert model.training
