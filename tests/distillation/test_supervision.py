"""Labels that are wrong at a given rate: how many, to which classes, and always the same ones."""

from __future__ import annotations

import pytest
import torch

from lit_curriculum.distillation import LabelFlips, Supervision
from lit_curriculum.errors import UsageError

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


def test_at_batch_size_one_every_sample_is_a_batch_of_its_own() -> None:
    """However a stretch of samples is cut, the same ones are wrong."""
    labels, flips = LABELS[:60], LabelFlips(0.5, 3)
    whole = flips.of(labels, 4, 100, batches=60)
    halves = torch.cat([flips.of(labels[:25], 4, 100, batches=25), flips.of(labels[25:], 4, 125, batches=35)])
    single = torch.cat([flips.of(labels[i : i + 1], 4, 100 + i) for i in range(60)])
    assert torch.equal(whole, halves)
    assert torch.equal(whole, single)
    assert not torch.equal(whole, labels)
    supervised = Supervision(flips=flips).targets(torch.zeros(60, 3), labels, 4, first_sample=100)
    assert torch.equal(supervised.argmax(-1), whole)  # type: ignore[union-attr]


def test_a_wrong_label_is_a_class_that_can_be_one() -> None:
    tokens = 2 + torch.arange(3).repeat(2000)
    found = LabelFlips(1.0, 5, first=2).of(tokens, 5, 0)
    assert set(found.tolist()) == {2, 3, 4}
    assert not (found == tokens).any()
    moved = (found - tokens) % 3
    assert float((moved == 1).float().mean()) == pytest.approx(0.5, abs=0.03)


def test_noise_needs_a_numbered_batch() -> None:
    with pytest.raises(UsageError, match="noisy_labels: got True; allowed: false, batches have no numbers"):
        Supervision(flips=LabelFlips(0.5, 0)).targets(torch.zeros(2, 3), torch.tensor([0, 1]), 2)
