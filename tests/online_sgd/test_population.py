"""A student of a population is the student trained alone."""

from __future__ import annotations

import copy

import pytest
import torch

from lit_curriculum.errors import NotFinite, UsageError
from lit_curriculum.models.mlp import MLP
from lit_curriculum.online_sgd import train_population, train_samples


def draw(students: int, n: int) -> tuple[list[MLP], torch.Tensor, list[torch.Tensor], list[torch.Tensor]]:
    torch.manual_seed(1)
    models = [MLP(12, 70, 3) for _ in range(students)]
    x = (2 * torch.randint(0, 2, (n, 12)) - 1).float()
    targets = [torch.softmax(torch.randn(n, 3), dim=1) for _ in models]
    return models, x, targets, [torch.full((n,), 1e-3 * (i + 1)) for i in range(students)]


@pytest.mark.parametrize("threads", [None, 1, 3])
def test_same_bits_as_alone(threads: int | None) -> None:
    models, x, targets, rates = draw(5, 150)
    alone = copy.deepcopy(models)
    losses = train_population(models, x, targets, rates, loss_scale=0.5, threads=threads)
    assert losses.shape == (5, 150)
    for i, model in enumerate(alone):
        single = train_samples(model, x, targets[i], rates[i], backend="blocked", loss_scale=0.5)
        assert torch.equal(losses[i], single)
        for p, q in zip(model.parameters(), models[i].parameters(), strict=True):
            assert torch.equal(p, q)


def test_the_student_that_diverges_is_named() -> None:
    models, x, targets, rates = draw(3, 60)
    rates[1][30:] = 1e30
    with pytest.raises(NotFinite, match=r"^student 1: step 53\d: .*too large \(1e\+30\)$"):
        train_population(models, x, targets, rates, first_step=500)


def test_one_target_and_one_rate_each() -> None:
    models, x, targets, rates = draw(3, 10)
    with pytest.raises(UsageError, match="number of targets: got 2"):
        train_population(models, x, targets[:2], rates)
    with pytest.raises(UsageError, match="number of rates: got 2"):
        train_population(models, x, targets, rates[:2])


def test_nobody_and_nothing() -> None:
    models, x, targets, rates = draw(2, 0)
    assert train_population([], x, [], []).shape == (0, 0)
    assert train_population(models, x, targets, rates).shape == (2, 0)
