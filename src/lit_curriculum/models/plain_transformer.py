"""The simplified transformer block of progressive, C.2.1: a head of attention, an MLP, nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from lit_curriculum.errors import bad_value


class PlainTransformer(nn.Module):
    """f_mlp(causal attention(x)), read at the last position; no residual connection, no layer norm, no scale.

    The last position sees all others, so its attention is softmax over i of (W_K x_i)' (W_Q x_L), without the
    division by sqrt(head_size). The MLP is affine maps with a ReLU between any two.

    Args:
        vocab_size: token ids V.
        max_length: tokens of an input, L.
        width: length D of an embedding.
        head_size: length of queries and keys.
        value_size: length of values.
        hidden: widths of the MLP's hidden layers; one for a 2-layer MLP.
        n_outputs: numbers that the MLP gives.
        by_position: False for embeddings v_token + p_position, as transformers have them; True for a table of
            its own at every position, which Proposition C.3 needs (`theory.attention_parity`).

    Shapes: input_ids (n, L) -> (n, n_outputs). Weights: tokens (V, D), or (L, V, D); positions (L, D).

    Raises:
        UsageError: for a size below 1; from `forward`, for inputs of another length.
    """

    def __init__(
        self,
        vocab_size: int,
        max_length: int,
        width: int,
        head_size: int,
        value_size: int,
        hidden: Sequence[int],
        n_outputs: int = 2,
        by_position: bool = False,
    ) -> None:
        super().__init__()
        sizes = {
            "vocab_size": vocab_size,
            "max_length": max_length,
            "width": width,
            "head_size": head_size,
            "value_size": value_size,
            "n_outputs": n_outputs,
        }
        for key, value in [*sizes.items(), *(("hidden", size) for size in hidden)]:
            if value < 1:
                raise bad_value(key, value, "an integer of at least 1")
        self.vocab_size, self.max_length = vocab_size, max_length
        self.init_args: dict[str, Any] = {**sizes, "hidden": list(hidden), "by_position": by_position}
        table = (max_length, vocab_size, width) if by_position else (vocab_size, width)
        self.tokens = nn.Parameter(torch.randn(table) / math.sqrt(width))
        self.positions = nn.Parameter(torch.randn(max_length, width) / math.sqrt(width))
        self.query = nn.Linear(width, head_size, bias=False)
        self.key = nn.Linear(width, head_size, bias=False)
        self.value = nn.Linear(width, value_size, bias=False)
        self.mlp = _mlp([value_size, *hidden, n_outputs])

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Return the MLP's answers (n, n_outputs) at the last position."""
        answers: torch.Tensor = self.mlp(self.attended(input_ids))
        return answers

    def attended(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Return what the attention of the last position gives to the MLP (n, value_size)."""
        # A mean of embeddings is a mean of the table's rows: no embedding of every token is ever made.
        share = self.attention(input_ids)[:, :, None] * functional.one_hot(input_ids, self.vocab_size)
        values: torch.Tensor = share.flatten(1) @ self.value(self._table()).flatten(0, 1)
        return values

    def attention(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Return the attention weights of the last position (n, L)."""
        if input_ids.ndim != 2 or input_ids.shape[1] != self.max_length:
            raise bad_value("inputs", f"of shape {tuple(input_ids.shape)}", f"(n, {self.max_length})")
        table, places = self._table(), torch.arange(self.max_length, device=input_ids.device)
        keys = self.key(table)[places, input_ids]
        query = self.query(table[-1, input_ids[:, -1]])
        return torch.softmax((keys @ query[:, :, None])[:, :, 0], dim=-1)

    def _table(self) -> torch.Tensor:
        """Return the embedding of every token at every position (L, V, D)."""
        return self.tokens + self.positions[:, None]


def _mlp(sizes: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i in range(len(sizes) - 1):
        layers += [nn.Linear(sizes[i], sizes[i + 1]), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
