"""Decoded and forced errors: counted string by string, and Lemma 1 noticed where it does not hold."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from lit_curriculum.experiments.decoding_errors import DecodingErrors


def logits(tokens: list[list[int]], gap: float = 1.0) -> torch.Tensor:
    return gap * functional.one_hot(torch.tensor(tokens), 2).float()


def test_errors_are_counted_string_by_string() -> None:
    labels = torch.tensor([[1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]])
    metric = DecodingErrors(n_answers=2)
    forced = [[1, 0, 1], [1, 0, 0], [1, 1, 0], [1, 1, 0]]
    decoded = [[1, 0, 1], [1, 1, 1], [1, 1, 0], [1, 1, 0]]
    for half in (slice(0, 1), slice(1, 4)):
        metric.update(logits(forced[half]), logits(decoded[half]), labels[half], 1e-4)
    found = metric.compute()
    assert found["accuracy"] == 3 / 4  # of the second string one answer is wrong
    assert found["forced_accuracy"] == 3 / 4
    assert found["forced_errors"] == 3 / 4
    losses = functional.cross_entropy(logits(forced).flatten(0, 1), labels.flatten())
    assert found["loss"] == pytest.approx(float(losses))


def test_decoding_that_reads_something_else_is_noticed() -> None:
    """Every forced label is right, so by Lemma 1 every decoded one must be."""
    labels = torch.tensor([[1, 0, 1], [0, 0, 1]])
    right, wrong = labels.tolist(), [[1, 0, 1], [0, 0, 0]]
    metric = DecodingErrors(n_answers=1)
    metric.update(logits(right), logits(wrong), labels, 1e-4)
    with pytest.raises(RuntimeError, match=r"decoded error 0\.5 above the sum of forced errors 0"):
        metric.compute()
    metric.reset()
    metric.update(logits(right, gap=5e-5), logits(wrong), labels, 1e-4)  # rounding could do that
    assert metric.compute()["accuracy"] == 0.5
