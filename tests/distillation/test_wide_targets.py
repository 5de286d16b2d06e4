"""Of a vocabulary, a target of one class is its index: the same loss as of its row of zeros and a one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lit_curriculum.distillation import Supervision, Teacher
from lit_curriculum.distillation.targets import WIDE, dense, divergence
from lit_curriculum.distillation.teacher import Team

M, C = 5, WIDE


def drawn(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn((M, C), generator=generator, dtype=torch.float64)
    labels = torch.randint(0, C, (M,), generator=generator)
    return torch.randn((M, 4), generator=generator), labels, logits.requires_grad_()


def teacher(tau: float, seed: int = 1) -> Teacher:
    torch.manual_seed(seed)
    return Teacher(nn.Linear(4, C), tau)


@pytest.mark.parametrize("tau", [None, 0.0, 1e-20])
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_indices_are_descended_as_rows_are(tau: float | None, temperature: float) -> None:
    x, labels, logits = drawn()
    supervision = Supervision(student_temperature=temperature)
    if tau is not None:
        supervision.follow(teacher(tau))
    targets = supervision.targets(x, labels, C, index=0)
    assert isinstance(targets, torch.Tensor)
    assert targets.dtype == torch.int64
    ours = supervision.loss(targets, logits)
    used = 1.0 if tau is None else temperature
    theirs = divergence(dense(targets, C).double(), logits, used).mean()
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    for a, b in zip(torch.autograd.grad(ours, logits), torch.autograd.grad(theirs, logits), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_near_ties_keep_their_rows() -> None:
    x, labels, _ = drawn()
    close = teacher(1e-4)
    with torch.no_grad():
        close.model.weight.zero_()  # type: ignore[operator,union-attr]
        close.model.bias.zero_()  # type: ignore[operator,union-attr]
    supervision = Supervision()
    supervision.follow(close)
    targets = supervision.targets(x, labels, C, index=0)
    assert isinstance(targets, torch.Tensor)
    assert targets.shape == (M, C)


def test_indices_are_averaged_and_mixed_as_rows() -> None:
    x, labels, _ = drawn()
    first, second = teacher(0.0), teacher(0.0, seed=2)
    team = Team([(0.25, first), (0.75, second)])
    expected = sum(w * dense(t.targets(x, C, 0), C) for w, t in team.members)  # type: ignore[arg-type]
    torch.testing.assert_close(team.targets(x, C, 0), expected)
    supervision = Supervision(label_weight=0.5)
    supervision.follow(first)
    mixed = supervision.targets(x, labels, C, index=0)
    assert isinstance(mixed, torch.Tensor)
    assert mixed.sum(1).tolist() == pytest.approx([1.0] * M)
    assert mixed[torch.arange(M), labels].tolist() == pytest.approx([0.5] * M, abs=0.5)


def test_the_last_teacher_takes_its_options_along() -> None:
    supervision = Supervision(label_weight=0.5, scale_by_tau_squared=True, student_temperature=3.0)
    supervision.follow(teacher(1.0), owner="a")
    supervision.leave("a")
    assert (supervision.teacher, supervision.label_weight, supervision.student_temperature) == (
        None,
        0.0,
        1.0,
    )
    assert supervision.loss_scale == 1.0
