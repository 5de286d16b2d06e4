"""GPT-2 as a sequence-to-sequence model (subtask, section 5.2 and appendix G): transformers' own."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional

from lit_curriculum.models.gpt2 import build_gpt2
from lit_curriculum.models.predicting import in_float32


class GPT2Decoder(nn.Module):
    """GPT-2 that predicts the next token, its output weights tied to its embeddings as in GPT-2.

    Args:
        vocab_size: token ids V.
        max_length: tokens of the longest input; the number of position embeddings.
        layers: transformer layers; the paper's 12.
        heads: attention heads; the paper's 12.
        width: hidden size, a multiple of heads; the paper's 768. The feed-forward layer has 4 * width.
        initializer_range: standard deviation of the initial weights; transformers' 0.02 at any width unless
            set.
        dropout: rate after embeddings, attention and feed-forward; the paper's 0.

    Shapes: input_ids (n, L) -> logits (n, L - first, V).

    Raises:
        UsageError: naming the argument that is out of range.
    """

    def __init__(
        self,
        vocab_size: int,
        max_length: int,
        layers: int = 12,
        heads: int = 12,
        width: int = 768,
        initializer_range: float = 0.02,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.init_args: dict[str, Any] = {
            "vocab_size": vocab_size,
            "max_length": max_length,
            "layers": layers,
            "heads": heads,
            "width": width,
            "initializer_range": initializer_range,
            "dropout": dropout,
        }
        self.gpt2 = build_gpt2(self.init_args)

    def hidden_states(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the last layer's embeddings (n, L, width).

        Args:
            input_ids: token ids (n, L), padded on the right: no token sees what follows it.
            attention_mask: not needed, for that reason; what is to be hidden is left out of the input.
            position_ids: place of each token (n, L); default 0 .. L - 1.
        """
        # Without a mask transformers takes a gap between positions for the end of a packed sequence.
        visible = None if position_ids is None else torch.ones_like(input_ids)
        output = self.gpt2(input_ids=input_ids, position_ids=position_ids, attention_mask=visible)
        return cast(torch.Tensor, output.last_hidden_state)

    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return logits (..., V) of embeddings (..., width)."""
        return functional.linear(hidden, self.gpt2.wte.weight)

    def forward(self, input_ids: torch.Tensor, first: int = 0) -> torch.Tensor:
        """Return the logits (n, L - first, V) of what follows each token from ``first`` on, in float32."""
        hidden = self.gpt2(input_ids=input_ids).last_hidden_state
        return in_float32(self.head, hidden[:, first:])

    def decode(self, input_ids: torch.Tensor, n_tokens: int) -> torch.Tensor:
        """Go on greedily from an input, each time reading the token that was just written.

        Keys and values of what has been read are kept, so a token costs one pass over one position.

        Args:
            input_ids: the given tokens (n, L); L + n_tokens - 1 <= max_length.
            n_tokens: tokens to write, at least 1.

        Returns:
            The logits (n, n_tokens, V) of the tokens written; the tokens are their argmax.
        """
        found: list[torch.Tensor] = []
        cache, unread = None, input_ids
        while len(found) < n_tokens:
            output = self.gpt2(input_ids=unread, past_key_values=cache, use_cache=len(found) < n_tokens - 1)
            cache = output.past_key_values
            found.append(in_float32(self.head, output.last_hidden_state[:, -1]))
            unread = found[-1].argmax(-1, keepdim=True)
        return torch.stack(found, dim=1)
