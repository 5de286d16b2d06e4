"""Low-temperature answers are the teacher's distribution, in few bytes."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from lit_curriculum.distillation import Supervision, Teacher, sharp_answers, teacher_probabilities
from lit_curriculum.distillation.targets import count_near_ties

DEVICE = torch.device("cpu")


@pytest.mark.parametrize("tau", [0.0, 1e-20, 1e-4, 5e-3])
def test_answers_are_the_probabilities(tau: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(500, 5, generator=generator)
    logits[::3] = logits[::3, :1] + 1e-4 * torch.randn(logits[::3].shape, generator=generator)  # close calls
    logits[7] = 0.25  # five equal ones
    answers = sharp_answers(logits, tau)
    targets = answers.targets(5, DEVICE)
    torch.testing.assert_close(targets, teacher_probabilities(logits, tau), rtol=0, atol=5e-9)
    if tau:
        assert answers.near_ties == count_near_ties(logits, tau) > 0
    else:
        assert answers.near_ties == 0
        assert torch.equal(targets, teacher_probabilities(logits, 0.0))


def in_float64(row: list[float], tau: float) -> list[float]:
    """Return softmax(row / tau), or the first largest, number by number in Python's own arithmetic."""
    top = max(row)
    if tau == 0:
        return [float(i == row.index(top)) for i in range(len(row))]
    weights = [math.exp((value - top) / tau) for value in row]
    return [weight / sum(weights) for weight in weights]


TAUS = [0.0, 5e-324, 1e-300, 1e-46, 1e-38, 1e-31, 1e-30, 1e-20, 1e-10, 1e-4, 9e-3]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("tau", TAUS)
@pytest.mark.parametrize("default", [torch.float32, torch.float64, torch.bfloat16])
def test_answers_are_float64s_in_every_precision(
    tau: float, dtype: torch.dtype, default: torch.dtype
) -> None:
    """Ties, near ties and clear cases; whatever type new tensors have, as in Lightning's low precisions."""
    steps = (0.0, 0.3 * tau, 3 * tau, 19 * tau, 21 * tau, 1e-3, 1.0)
    rows = [[2.0 * sign, sign * (2.0 - step), -3.0] for step in steps for sign in (1, -1)]
    rows += [[step, 0.0, -step] for step in steps] + [[1.0, 1.0, 1.0], [0.5, 0.25, 0.5], [0.0, 0.0, -0.0]]
    logits = torch.tensor(rows, dtype=torch.float64).to(dtype)
    before = torch.get_default_dtype()
    torch.set_default_dtype(default)
    try:
        answers = sharp_answers(logits, tau)
        targets = answers.targets(3, DEVICE)
        soft = teacher_probabilities(logits, tau)
    finally:
        torch.set_default_dtype(before)
    expected = [in_float64(row, tau) for row in logits.double().tolist()]
    assert (answers.probability.dtype, targets.dtype) == (torch.float32, torch.float32)
    for found, row, other in zip(targets.tolist(), expected, soft.tolist(), strict=True):
        assert found == pytest.approx(row, abs=1e-6 if dtype == torch.float64 else 2e-6)
        assert other == pytest.approx(row, abs=2e-6)
    assert (answers.near_ties > 0) == (tau > 0)


@pytest.mark.parametrize("tau", [0.0, 1e-38, 1e-4, 1.0])
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_logit_that_is_not_finite_makes_the_answer_nan(number: float, tau: float) -> None:
    """Also where an argmax would hide it, and in both ways of asking."""
    logits = torch.tensor([[0.0, 1.0], [1.0, number]])
    assert torch.isnan(teacher_probabilities(logits, tau)).any(-1).tolist() == [False, True]
    for inputs in (logits, {"logits": logits}):
        supervision = Supervision(Teacher(Echo(), tau))
        targets = supervision.targets(inputs, torch.tensor([0, 1]), 2)
        assert torch.isnan(targets).any()
        assert supervision.broken


class Echo(torch.nn.Module):
    """A teacher whose logits are its inputs."""

    def target_logits(self, inputs: Any) -> torch.Tensor:
        return inputs if isinstance(inputs, torch.Tensor) else inputs["logits"]


def test_no_targets_give_a_loss_of_zero() -> None:
    logits = torch.zeros(0, 5, requires_grad=True)
    loss = Supervision().loss(torch.zeros(0, 5), logits)
    loss.backward()
    assert float(loss.detach()) == 0
    assert sharp_answers(logits.detach(), 1e-4).targets(5, DEVICE).shape == (0, 5)
