"""Low-temperature answers are the teacher's distribution, in few bytes."""

from __future__ import annotations

import pytest
import torch

from lit_curriculum.distillation import Supervision, sharp_answers, teacher_probabilities
from lit_curriculum.distillation.targets import count_close_calls

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
        assert answers.close_calls == count_close_calls(logits, tau) > 0
    else:
        assert answers.close_calls == 0
        assert torch.equal(targets, teacher_probabilities(logits, 0.0))


def test_no_targets_give_a_loss_of_zero() -> None:
    logits = torch.zeros(0, 5, requires_grad=True)
    loss = Supervision().loss(torch.zeros(0, 5), logits)
    loss.backward()
    assert float(loss.detach()) == 0
    assert sharp_answers(logits.detach(), 1e-4).targets(5, DEVICE).shape == (0, 5)
