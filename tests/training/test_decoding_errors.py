"""Decoded and forced errors: counted string by string, and Lemma 1 noticed where it does not hold."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from lit_curriculum.training.decoding_errors import DecodingErrors


def logits(tokens: list[list[int]], gap: float = 1.0) -> torch.Tensor:
    return gap * functional.one_hot(torch.tensor(tokens), 2).float()


def test_errors_are_counted_string_by_string() -> None:
    labels = torch.tensor([[1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]])
    errors = DecodingErrors(2)
    forced = [[1, 0, 1], [1, 0, 0], [1, 1, 0], [1, 1, 0]]
    decoded = [[1, 0, 1], [1, 1, 1], [1, 1, 0], [1, 1, 0]]
    for half in (slice(0, 1), slice(1, 4)):
        errors.update(logits(forced[half]), logits(decoded[half]), labels[half], 1e-4)
    found = errors.compute()
    assert found["accuracy"] == 3 / 4  # of the second string one answer is wrong
    assert found["forced_accuracy"] == 3 / 4
    assert found["forced_errors"] == 3 / 4
    losses = functional.cross_entropy(logits(forced).flatten(0, 1), labels.flatten())
    assert found["loss"] == pytest.approx(float(losses))


def test_decoding_that_reads_something_else_is_noticed() -> None:
    """Every forced label is right, so by Lemma 1 every decoded one must be."""
    labels = torch.tensor([[1, 0, 1], [0, 0, 1]])
    right, wrong = labels.tolist(), [[1, 0, 1], [0, 0, 0]]
    assert summarised(logits(right), logits(right), labels)["accuracy"] == 1
    with pytest.raises(RuntimeError, match=r"decoded error 0\.5 above the sum of forced errors 0"):
        summarised(logits(right), logits(wrong), labels)
    rounding_could_do_that = logits(right, gap=5e-5)
    assert summarised(rounding_could_do_that, logits(wrong), labels)["accuracy"] == 0.5


def summarised(forced: torch.Tensor, decoded: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    errors = DecodingErrors(1)
    errors.update(forced, decoded, labels, 1e-4)
    return errors.compute()
