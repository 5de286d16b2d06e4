"""Contexts of any masked language model of transformers, against a model asked by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import nn
from transformers import (
    BertConfig,
    BertForMaskedLM,
    DistilBertConfig,
    DistilBertForMaskedLM,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
)

from lit_curriculum.errors import UsageError
from lit_curriculum.models import BertMaskedLM
from lit_curriculum.probes.huggingface import special_tokens, text_ngrams
from lit_curriculum.probes.ngram import ngram_distances
from lit_curriculum.tasks.positions import draw_positions
from lit_curriculum.tasks.vocabulary import SpecialTokens

WORDS = ["[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "on", "a", "mat", "dog"]
IDS = {word: i for i, word in enumerate(WORDS)}
TEXTS = ["the cat sat on a mat", "a dog", "the dog sat on the cat on the mat", "mat"]


def tokenizer(**changes: Any) -> PreTrainedTokenizerFast:
    inner = Tokenizer(models.WordLevel(IDS, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()  # type: ignore[assignment]
    inner.post_processor = processors.TemplateProcessing(  # type: ignore[assignment]
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", IDS["[CLS]"]), ("[SEP]", IDS["[SEP]"])]
    )
    given = {"mask_token": "[MASK]", "pad_token": "[PAD]", "unk_token": "[UNK]", **changes}
    return PreTrainedTokenizerFast(tokenizer_object=inner, **{k: v for k, v in given.items() if v})


def model(kind: str) -> Any:
    torch.manual_seed(0)
    common: dict[str, Any] = {
        "vocab_size": len(WORDS),
        "pad_token_id": IDS["[PAD]"],
        "initializer_range": 0.5,
    }
    sizes: dict[str, Any] = {
        "hidden_size": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 8,
        "max_position_embeddings": 20,
    }
    if kind == "bert":
        return BertForMaskedLM(BertConfig(**common, **sizes)).double().eval()
    if kind == "roberta":
        return RobertaForMaskedLM(RobertaConfig(**common, **sizes)).double().eval()
    small: dict[str, Any] = {
        "dim": 8,
        "n_layers": 2,
        "n_heads": 2,
        "hidden_dim": 8,
        "max_position_embeddings": 20,
    }
    return DistilBertForMaskedLM(DistilBertConfig(**common, **small)).double().eval()


def by_hand(asked: Any, words: PreTrainedTokenizerFast, text: str, at: int, n: int) -> tuple[float, float]:
    """Return M_robust and M_close of one position, one string at a time."""
    ids = words(text)["input_ids"]
    own = range(1, len(ids) - 1)
    near = [j for j in own if at - n // 2 <= j <= at + (n - 1) // 2]

    def p(hidden: list[int], visible: list[int]) -> torch.Tensor:
        shown = torch.tensor([[IDS["[MASK]"] if j in hidden else token for j, token in enumerate(ids)]])
        mask = torch.tensor([[int(j in visible) for j in range(len(ids))]])
        with torch.no_grad():
            return asked(input_ids=shown, attention_mask=mask).logits[0, at].softmax(-1)  # type: ignore[no-any-return]

    everything = list(range(len(ids)))
    full = p([at], everything)
    robust, close = p(near, everything), p([at], near)
    return float((full - robust).abs().sum() / 2), float((full - close).abs().sum() / 2)


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
def test_distances_are_those_of_one_string_at_a_time(kind: str) -> None:
    asked, words, ns = model(kind), tokenizer(), (1, 3, 4)
    found = text_ngrams(asked, words, TEXTS, ns, positions=3, seed=5)
    for i, text in enumerate(TEXTS):
        for j, at in enumerate(found.positions[i].tolist()):
            for k, n in enumerate(ns):
                robust, close = by_hand(asked, words, text, at, n)
                assert found.robust[k, i, j] == pytest.approx(robust, abs=1e-6)
                assert found.close[k, i, j] == pytest.approx(close, abs=1e-6)
    assert float(found.robust[1].max()) > 0.01


def test_a_model_of_this_suite_is_measured_the_same_as_one_of_transformers() -> None:
    ours = BertMaskedLM(
        vocab_size=len(WORDS), max_length=20, layers=2, heads=2, head_size=4, initializer_range=0.5
    )
    ours = ours.double().eval()
    words = tokenizer()
    found = text_ngrams(ours.bert_for_masked_lm, _with_pad(words, 0), TEXTS, positions=4)
    rows = [words(text)["input_ids"] for text in TEXTS]
    lengths = torch.tensor([len(row) for row in rows])
    tokens = nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    special = SpecialTokens(IDS["[MASK]"], 0, 1, 1)
    places = draw_positions(lengths - 2, 4, 0) + 1
    theirs = ngram_distances(ours, tokens, lengths, places, special=special)
    torch.testing.assert_close(found.robust, theirs.robust, rtol=0, atol=1e-6)
    torch.testing.assert_close(found.close, theirs.close, rtol=0, atol=1e-6)


def _with_pad(words: PreTrainedTokenizerFast, token: int) -> PreTrainedTokenizerFast:
    words.pad_token = WORDS[token]
    return words


def test_tokenizer_and_model_must_belong_together() -> None:
    asked = model("bert")
    assert special_tokens(asked, tokenizer()) == SpecialTokens(IDS["[MASK]"], IDS["[PAD]"], 1, 1)
    with pytest.raises(UsageError, match="tokenizer: it has no mask_token_id"):
        special_tokens(asked, tokenizer(mask_token=None))
    with pytest.raises(UsageError, match=r"pad_token_id: got 0; allowed: the model's 1"):
        special_tokens(asked, tokenizer(pad_token="[UNK]"))
    with pytest.raises(UsageError, match="a masked language model of transformers"):
        special_tokens(nn.Linear(2, 2), tokenizer())
    smaller = BertForMaskedLM(BertConfig(vocab_size=9, hidden_size=8, num_attention_heads=2, pad_token_id=1))
    with pytest.raises(UsageError, match="tokenizer: got '12 tokens'; allowed: at most the model's 9"):
        special_tokens(smaller, tokenizer())


def test_texts_must_have_tokens() -> None:
    with pytest.raises(UsageError, match="texts of at least one token"):
        text_ngrams(model("bert"), tokenizer(), ["the cat", ""])
    with pytest.raises(UsageError, match="texts"):
        text_ngrams(model("bert"), tokenizer(), [])
    long = text_ngrams(model("bert"), tokenizer(), ["the cat " * 100], positions=50)
    assert int(long.positions.max()) <= 18
    long = text_ngrams(model("roberta"), tokenizer(), ["the cat " * 100], positions=50)
    assert int(long.positions.max()) <= 16
