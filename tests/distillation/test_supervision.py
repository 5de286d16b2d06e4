"""Labels that are wrong at a given rate: how many, to which classes, and always the same ones."""

from __future__ import annotations

import pytest
import torch

from lit_curriculum.distillation import LabelFlips, Supervision

LABELS = torch.arange(4).repeat(5000)


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 1.0])
def test_as_many_labels_are_wrong_as_asked_and_evenly(rate: float) -> None:
    found = LabelFlips(rate, 3).of(LABELS, 4, 0)
    wrong = found != LABELS
    assert float(wrong.float().mean()) == pytest.approx(rate, abs=0.015)
    if rate == 0.2:
        moved = ((found - LABELS) % 4)[wrong]
        for shift in (1, 2, 3):
            assert float((moved == shift).float().mean()) == pytest.approx(1 / 3, abs=0.03)


def test_the_errors_are_a_function_of_seed_and_batch() -> None:
    one, again, later, other = (
        LabelFlips(0.5, seed).of(LABELS, 4, index) for seed, index in ((1, 0), (1, 0), (1, 1), (2, 0))
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, later)
    assert not torch.equal(one, other)


def test_supervision_gives_the_wrong_labels_as_targets() -> None:
    supervision = Supervision(flips=LabelFlips(1.0, 0))
    targets = supervision.targets(torch.zeros(2, 3), torch.tensor([0, 1]), 2, index=5)
    assert targets.tolist() == [[0, 1], [1, 0]]
