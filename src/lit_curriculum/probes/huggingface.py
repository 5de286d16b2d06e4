"""The probes of contexts on any masked language model of transformers, on any text.

    from transformers import AutoModelForMaskedLM, AutoTokenizer
    model, tokenizer = (kind.from_pretrained(name) for kind in (AutoModelForMaskedLM, AutoTokenizer))
    text_ngrams(model, tokenizer, ["Paris is the capital of France.", ...]).median_robust()

What [mask], padding and the tokens around a text are is asked of the tokenizer, and held against the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.probes.ngram import DEFAULT_NS, NgramDistances, ngram_distances
from lit_curriculum.tasks.positions import draw_positions
from lit_curriculum.tasks.vocabulary import SpecialTokens


class MaskedLanguageModel(nn.Module):
    """A masked language model of transformers as the probes ask it (`probes.evaluating.MaskedModel`).

    It is asked for all logits of a string, whatever its head is called; and what is not visible is hidden by
    the attention mask alone, since not every model takes position ids.

    Args:
        model: returns ``logits`` (n, L, V) for ``input_ids`` and ``attention_mask``.
    """

    takes_places = False

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def hidden_states(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the logits (n, L, V) themselves."""
        mask = None if attention_mask is None else attention_mask.long()
        logits: torch.Tensor = self.model(input_ids=input_ids, attention_mask=mask).logits
        return logits

    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return what `hidden_states` returned."""
        return hidden


def text_ngrams(
    model: Any,
    tokenizer: Any,
    texts: Sequence[str],
    ns: Sequence[int] = DEFAULT_NS,
    positions: int = 8,
    seed: int = 0,
    max_length: int = 512,
    rows_per_batch: int = 64,
) -> NgramDistances:
    """Measure M_robust and M_close of a masked language model on texts (progressive, section 4.1.1).

    Windows are of tokens; those that the tokenizer puts around a text are in none.

    Args:
        model: of transformers, for masked language modelling.
        tokenizer: the model's.
        texts: of at least one token each; longer ones are cut to ``max_length`` tokens.
        ns: window sizes.
        positions: positions measured in each text, drawn from ``seed`` with replacement.
        seed: of the positions.
        max_length: tokens, special ones included.
        rows_per_batch: inputs in one forward pass.

    Raises:
        UsageError: if tokenizer and model do not belong together, or a text has no tokens.
    """
    special = special_tokens(model, tokenizer)
    most = getattr(model.config, "max_position_embeddings", None)
    most = max_length if most is None else min(max_length, most - _first_place(model))
    if positions < 1 or not texts:
        raise bad_value(
            "positions" if texts else "texts", positions if texts else list(texts), "at least one"
        )
    rows = [tokenizer(text, truncation=True, max_length=most)["input_ids"] for text in texts]
    lengths = torch.tensor([len(row) for row in rows])
    own = lengths - special.before - special.after
    if int(own.min()) < 1:
        raise bad_value("texts", texts[int(own.argmin())], "texts of at least one token")
    tokens = torch.full((len(rows), int(lengths.max())), special.pad_id)
    for i, row in enumerate(rows):
        tokens[i, : len(row)] = torch.tensor(row)
    places = draw_positions(own, positions, seed) + special.before
    asked = MaskedLanguageModel(model)
    return ngram_distances(asked, tokens, lengths, places, ns, rows_per_batch, special)


def special_tokens(model: Any, tokenizer: Any) -> SpecialTokens:
    """Return the ids of [mask] and padding, and how many tokens stand before and after a text.

    Raises:
        UsageError: if the tokenizer has none of them, or its ids are not the model's.
    """
    vocabulary = getattr(getattr(model, "config", None), "vocab_size", None)
    if vocabulary is None:
        raise bad_value("model", type(model).__name__, "a masked language model of transformers")
    for name in ("mask_token_id", "pad_token_id"):
        token = getattr(tokenizer, name, None)
        if token is None:
            raise UsageError(f"tokenizer: it has no {name}; allowed: one of a masked language model")
        if not 0 <= token < vocabulary:
            raise bad_value(f"tokenizer.{name}", token, f"below the model's vocab_size = {vocabulary}")
    if len(tokenizer) > vocabulary:
        raise bad_value("tokenizer", f"{len(tokenizer)} tokens", f"at most the model's {vocabulary}")
    theirs = getattr(model.config, "pad_token_id", None)
    if theirs is not None and theirs != tokenizer.pad_token_id:
        raise bad_value("tokenizer.pad_token_id", tokenizer.pad_token_id, f"the model's {theirs}")
    mask, around = int(tokenizer.mask_token_id), list(tokenizer(tokenizer.mask_token)["input_ids"])
    if around.count(mask) != 1:
        raise bad_value(
            "tokenizer", f"{tokenizer.mask_token} read as {around}", "one that knows its own [mask]"
        )
    before = around.index(mask)
    return SpecialTokens(mask, int(tokenizer.pad_token_id), before, len(around) - before - 1)


def _first_place(model: Any) -> int:
    """Return the first position id: RoBERTa's begin after its padding's."""
    embeddings = getattr(getattr(model, "base_model", None), "embeddings", None)
    padding = getattr(getattr(embeddings, "position_embeddings", None), "padding_idx", None)
    return 0 if padding is None else int(padding) + 1
