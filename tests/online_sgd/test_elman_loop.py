"""The compiled loop against autograd, string by string."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn import functional

from lit_curriculum.errors import NotFinite, UsageError
from lit_curriculum.models import ElmanRNN, build
from lit_curriculum.online_sgd import Precision, train_elman


def made(width: int = 7, seed: int = 0) -> ElmanRNN:
    model = build({"name": "elman", "init_args": {"width": width}}, seed=seed)
    assert isinstance(model, ElmanRNN)
    return model


def strings(n: int, T: int, L: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return torch.randint(2, (n, T), generator=generator), torch.randint(2, (n, L), generator=generator)


def by_autograd(
    model: ElmanRNN, inputs: torch.Tensor, labels: torch.Tensor, lr: float, precision: Precision
) -> list[float]:
    """Algorithm 2 as it is written, in whatever precision the model has."""
    losses = []
    for z, y in zip(inputs, labels, strict=True):
        logits = model(z[None], first=len(z) - len(y))[0]
        loss = functional.cross_entropy(logits, y)
        (gradient,) = torch.autograd.grad(loss, [model.W])
        with torch.no_grad():
            model.W -= lr * precision(gradient)
        losses.append(float(loss))
    return losses


@pytest.mark.parametrize(("T", "L"), [(1, 1), (5, 1), (8, 3), (4, 4)])
@pytest.mark.parametrize("precision", [Precision(), Precision(0.05, "sign")])
def test_it_takes_the_steps_of_autograd(T: int, L: int, precision: Precision) -> None:
    ours, theirs = made(), made().double()
    inputs, labels = strings(20, T, L)
    losses = train_elman(ours, inputs, labels, 0.05, precision)
    expected = by_autograd(theirs, inputs, labels, 0.05, precision)
    assert float((theirs.W - made().double().W).abs().max()) > 0.01  # it has moved
    torch.testing.assert_close(ours.W.double(), theirs.W, atol=2e-5, rtol=0)
    torch.testing.assert_close(losses.double(), torch.tensor(expected).double(), atol=1e-5, rtol=0)


def test_rounded_steps_lie_on_the_grid() -> None:
    """On the edge of a cell rounding decides, so steps are compared one by one, not their sum."""
    model, sigma, lr = made(), 0.02, 0.5
    inputs, labels = strings(30, 6, 2)
    for z, y in zip(inputs, labels, strict=True):
        before, exact = copy.deepcopy(model), copy.deepcopy(model).double()
        train_elman(model, z[None], y[None], lr, Precision(sigma, "grid"))
        by_autograd(exact, z[None], y[None], lr, Precision())
        step, true = ((before.W - after.W) / lr for after in (model, exact))
        cells = step / (2 * sigma)
        torch.testing.assert_close(cells, cells.round(), atol=1e-4, rtol=0)
        assert float((step - true).abs().max()) <= sigma + 1e-5
    assert not torch.equal(model.W, made().W)


def test_a_precision_coarser_than_the_gradient_moves_nothing() -> None:
    model = made()
    train_elman(model, *strings(30, 6, 2), 0.5, Precision(10.0, "grid"))
    assert torch.equal(model.W, made().W)


def test_cutting_the_strings_changes_no_bit() -> None:
    whole, cut = made(), made()
    inputs, labels = strings(20, 6, 2)
    train_elman(whole, inputs, labels, 0.3, Precision())
    for part in (slice(0, 3), slice(3, 4), slice(4, 20)):
        train_elman(cut, inputs[part], labels[part], 0.3, Precision())
    assert torch.equal(whole.W, cut.W)


def test_other_numbers_than_float32_are_refused() -> None:
    with pytest.raises(UsageError, match="allowed: cpu, float32"):
        train_elman(made().double(), *strings(1, 4, 1), 0.1, Precision())


def test_a_rate_that_diverges_is_told_with_its_step():
    inputs, labels = strings(400, 8, 6)
    with pytest.raises(NotFinite, match=r"^step 1,0\d\d: .*too large \(1e\+10\)$"):
        train_elman(made(), inputs, labels, 1e10, Precision(), first_step=1000)
