"""The classifiers are transformers' BERT: published sizes, read where they are told, float32 heads."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from lit_curriculum.errors import UsageError
from lit_curriculum.models import (
    BertStepClassifier,
    BertTokenClassifier,
    build,
    count_parameters,
    describe,
    target_logits,
)

SMALL: dict[str, Any] = {"layers": 1, "heads": 2, "head_size": 4, "initializer_range": 0.2}


def inputs(n: int, length: int, targets: list[int]) -> dict[str, torch.Tensor]:
    """Random tokens below 9, read at ``targets``."""
    generator = torch.Generator().manual_seed(3)
    return {
        "input_ids": torch.randint(9, (n, length), generator=generator),
        "attention_mask": torch.ones(n, length, dtype=torch.bool),
        "targets": torch.tensor(targets),
    }


@pytest.mark.parametrize("n_classes", [2, 5])
def test_tokens_are_read_where_the_targets_say(n_classes: int) -> None:
    model = BertTokenClassifier(9, 6, n_classes, **SMALL)
    given = inputs(3, 6, [0, 7, 17])
    every = model(given["input_ids"])
    assert every.shape == (3, 6, n_classes)
    read = target_logits(model, given)
    torch.testing.assert_close(read, torch.stack([every[0, 0], every[1, 1], every[2, 5]]))


def test_the_logits_are_those_of_transformers_own_forward() -> None:
    token = BertTokenClassifier(9, 6, 3, **SMALL).eval()
    step = BertStepClassifier(4, 9, 6, 3, **SMALL).eval()
    given = inputs(2, 6, [0])
    ids, mask = given["input_ids"], given["attention_mask"]
    torch.testing.assert_close(token(ids), token.classifier(ids, attention_mask=mask).logits)
    torch.testing.assert_close(step(ids), step.classifier(ids, attention_mask=mask).logits.reshape(2, 4, 3))


def test_steps_are_read_from_the_first_token_where_the_targets_say() -> None:
    model = BertStepClassifier(4, 9, 6, 3, **SMALL)
    given = inputs(2, 6, [3, 4, 6])
    every = model(given["input_ids"])
    torch.testing.assert_close(
        target_logits(model, given), torch.stack([every[0, 3], every[1, 0], every[1, 2]])
    )


@pytest.mark.parametrize("kind", [BertTokenClassifier, BertStepClassifier])
def test_the_head_is_float32_under_autocast(kind: type[Any]) -> None:
    sizes = {"n_steps": 4} if kind is BertStepClassifier else {}
    model = kind(vocab_size=9, max_length=6, n_classes=3, **sizes, **SMALL)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert target_logits(model, inputs(2, 6, [0, 5])).dtype == torch.float32


def test_no_token_is_special() -> None:
    """Token 0 has an embedding that is trained like any other's."""
    model = BertTokenClassifier(9, 6, **SMALL)
    assert model.classifier.bert.embeddings.word_embeddings.padding_idx is None


def test_the_published_sizes() -> None:
    """108M with the standard vocabulary (B.2), 85M with 16 tokens (B.3): counted, not allocated."""
    with torch.device("meta"):
        lego = BertTokenClassifier(30_522, 512, 2)
        programs = BertTokenClassifier(16, 512, 10)
        from_cls = BertStepClassifier(10, 16, 512, 10)
    assert count_parameters(lego) == pytest.approx(108e6, rel=0.01)
    assert count_parameters(programs) == pytest.approx(85e6, rel=0.01)
    # [CLS] is read through a pooling layer of 0.6M parameters, as transformers has it.
    assert count_parameters(from_cls) == pytest.approx(85e6, rel=0.015)


def test_a_described_model_is_built_again() -> None:
    for model in (BertTokenClassifier(9, 6, 3, **SMALL), BertStepClassifier(4, 9, 6, 3, **SMALL)):
        again = build(describe(model))
        again.load_state_dict(model.state_dict())
        given = inputs(2, 6, [1, 3])
        torch.testing.assert_close(target_logits(again, given), target_logits(model, given))


def test_the_initial_weights_have_the_stated_spread() -> None:
    model = build(
        {
            "name": "bert_token_classifier",
            "init_args": {"vocab_size": 9, "max_length": 6, "layers": 1, "initializer_range": 0.12},
        },
        seed=0,
    )
    weights = model.classifier.bert.encoder.layer[0].intermediate.dense.weight.detach()
    assert float(weights.std()) == pytest.approx(0.12, rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": 0}, "layers: got 0; allowed: an integer of at least 1"),
        ({"n_classes": 0}, "n_classes: got 0; allowed: an integer of at least 1"),
        ({"initializer_range": 0.0}, "initializer_range: got 0.0; allowed: a number above 0"),
        ({"dropout": 1.0}, "dropout: got 1.0; allowed: 0 <= dropout < 1"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        BertTokenClassifier(**{"vocab_size": 9, "max_length": 6, **arguments})
    assert str(caught.value) == message
