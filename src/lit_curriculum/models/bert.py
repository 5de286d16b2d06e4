"""The masked language model of the PCFG experiments: transformers' BERT (progressive, section 4 and D.5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from lit_curriculum.errors import bad_value


class BertMaskedLM(nn.Module):
    """BERT with a masked-prediction head, built from plain numbers.

    The width is ``heads * head_size`` and the feed-forward layers are ``feed_forward * width`` wide. Output
    and input embeddings are one tensor, as transformers has it, unless ``tie_embeddings`` is off: save a tied
    model with `models.registry.state_for_saving`, never its bare ``state_dict``.

    Args:
        vocab_size: token ids V, padding (id 0) and [mask] included.
        max_length: most tokens of an input; the number of position embeddings.
        layers: transformer layers (the paper: 4).
        heads: attention heads (the paper: 8, 16 or 32).
        head_size: dimensions a head (the paper: 8).
        feed_forward: feed-forward width as a multiple of the width.
        initializer_range: standard deviation of the initial weights; 0.02 is transformers' own, whatever the
            width. At width 64 it is far below 1 / sqrt(width) and costs many steps.
        dropout: rate after embeddings, attention and feed-forward. The paper is silent; transformers'
            default would be 0.1.
        tie_embeddings: whether the output layer's matrix is the input embedding.
        attention: "sdpa" (fast) or "eager" (the only one that can return attention weights).

    Shapes: input_ids (n, L) -> logits (n, L, V).

    Attributes:
        packs: compute predictions without padding where that is possible (`packed_bert`); the answers are
            the same up to rounding.

    Raises:
        UsageError: naming the argument that is out of range.
    """

    packs = True

    def __init__(
        self,
        vocab_size: int,
        max_length: int,
        layers: int = 4,
        heads: int = 8,
        head_size: int = 8,
        feed_forward: int = 4,
        initializer_range: float = 0.02,
        dropout: float = 0.0,
        tie_embeddings: bool = True,
        attention: str = "sdpa",
    ) -> None:
        super().__init__()
        self.init_args: dict[str, Any] = {
            "vocab_size": vocab_size,
            "max_length": max_length,
            "layers": layers,
            "heads": heads,
            "head_size": head_size,
            "feed_forward": feed_forward,
            "initializer_range": initializer_range,
            "dropout": dropout,
            "tie_embeddings": tie_embeddings,
            "attention": attention,
        }
        _check(self.init_args)
        # Imported here because it takes seconds, which models without it need not wait for.
        from transformers import BertConfig, BertForMaskedLM

        self.max_length = max_length
        self.width = heads * head_size
        config = BertConfig(
            vocab_size=vocab_size,
            hidden_size=self.width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=feed_forward * self.width,
            max_position_embeddings=max_length,
            # One segment: the second row would never be trained.
            type_vocab_size=1,
            initializer_range=initializer_range,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
            pad_token_id=0,
            tie_word_embeddings=tie_embeddings,
            attn_implementation=attention,
        )
        self.bert_for_masked_lm = BertForMaskedLM(config)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return logits (n, L, V).

        Args:
            input_ids: token ids (n, L).
            attention_mask: positions that may be attended to, bool or 0/1, (n, L); default all. A hidden
                position still has a logit of its own.
            position_ids: position of each token (n, L); default 0 .. L - 1.

        Raises:
            UsageError: if L is above ``max_length``.
        """
        return self.head(self.hidden_states(input_ids, attention_mask, position_ids))

    def hidden_states(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the last layer's embeddings (n, L, width); arguments as in `forward`."""
        self.check_length(input_ids)
        output = self.bert_for_masked_lm.bert(
            input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids
        )
        hidden: torch.Tensor = output.last_hidden_state
        return hidden

    def check_length(self, input_ids: torch.Tensor) -> None:
        """Check that there is a position for each token of (n, L).

        Raises:
            UsageError: if L is above ``max_length``.
        """
        if input_ids.shape[1] > self.max_length:
            given = f"{input_ids.shape[1]} tokens"
            raise bad_value("input_ids", given, f"at most max_length = {self.max_length}")

    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return logits (..., V) of embeddings (..., width): the prediction head alone."""
        logits: torch.Tensor = self.bert_for_masked_lm.cls(hidden)
        return logits

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the model as a folder that ``BertForMaskedLM.from_pretrained`` reads."""
        self.bert_for_masked_lm.save_pretrained(folder)


def _check(arguments: dict[str, Any]) -> None:
    for key in ("vocab_size", "max_length", "layers", "heads", "head_size", "feed_forward"):
        if arguments[key] < 1:
            raise bad_value(key, arguments[key], "an integer of at least 1")
    if arguments["initializer_range"] <= 0:
        raise bad_value("initializer_range", arguments["initializer_range"], "a number above 0")
    if not 0 <= arguments["dropout"] < 1:
        raise bad_value("dropout", arguments["dropout"], "0 <= dropout < 1")
    if arguments["attention"] not in ("sdpa", "eager"):
        raise bad_value("attention", arguments["attention"], "sdpa, eager")
