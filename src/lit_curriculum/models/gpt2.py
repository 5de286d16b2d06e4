"""GPT-2 read at the last position (implicit, section 3.1 and B.1): transformers' own, from plain numbers."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn

from lit_curriculum.errors import bad_value


class GPT2Reader(nn.Module):
    """GPT-2 with a linear head on the last position's embedding.

    Args:
        vocab_size: token ids V.
        max_length: tokens of an input, L; the number of position embeddings.
        n_outputs: numbers that the head gives.
        layers: transformer layers; the parity mixtures' 6.
        heads: attention heads; theirs 4.
        width: hidden size, a multiple of heads; theirs 128.
        initializer_range: standard deviation of the initial weights; transformers' 0.02 at any width unless
            set.
        dropout: rate after embeddings, attention and feed-forward; transformers' default would be 0.1.

    Shapes: input_ids (n, L) -> (n, n_outputs).

    Raises:
        UsageError: naming the argument that is out of range.
    """

    def __init__(
        self,
        vocab_size: int,
        max_length: int,
        n_outputs: int = 2,
        layers: int = 6,
        heads: int = 4,
        width: int = 128,
        initializer_range: float = 0.02,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.init_args: dict[str, Any] = {
            "vocab_size": vocab_size,
            "max_length": max_length,
            "n_outputs": n_outputs,
            "layers": layers,
            "heads": heads,
            "width": width,
            "initializer_range": initializer_range,
            "dropout": dropout,
        }
        self.gpt2 = build_gpt2(self.init_args)
        self.head = nn.Linear(width, n_outputs)
        nn.init.normal_(self.head.weight, std=initializer_range)
        nn.init.zeros_(self.head.bias)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Return the head's answers (n, n_outputs) at the last position."""
        hidden = self.gpt2(input_ids=input_ids).last_hidden_state
        return cast(torch.Tensor, self.head(hidden[:, -1]))


def build_gpt2(arguments: dict[str, Any]) -> Any:
    """Return transformers' GPT2Model of a model's ``init_args``.

    Raises:
        UsageError: naming the argument that is out of range.
    """
    _check(arguments)
    # Imported here because it takes seconds, which models without it need not wait for.
    from transformers import GPT2Config, GPT2Model

    dropout = arguments["dropout"]
    config = GPT2Config(
        vocab_size=arguments["vocab_size"],
        n_positions=arguments["max_length"],
        n_embd=arguments["width"],
        n_layer=arguments["layers"],
        n_head=arguments["heads"],
        initializer_range=arguments["initializer_range"],
        resid_pdrop=dropout,
        embd_pdrop=dropout,
        attn_pdrop=dropout,
        use_cache=False,
        bos_token_id=None,
        eos_token_id=None,
        attn_implementation="sdpa",
    )
    return GPT2Model(config)


def _check(arguments: dict[str, Any]) -> None:
    """Check what any GPT-2 here is built from.

    Raises:
        UsageError: naming the argument that is out of range.
    """
    for key in ("vocab_size", "max_length", "n_outputs", "layers", "heads", "width"):
        if arguments.get(key, 1) < 1:
            raise bad_value(key, arguments[key], "an integer of at least 1")
    if arguments["width"] % arguments["heads"]:
        raise bad_value("width", arguments["width"], f"a multiple of heads = {arguments['heads']}")
    if arguments["initializer_range"] <= 0:
        raise bad_value("initializer_range", arguments["initializer_range"], "a number above 0")
    if not 0 <= arguments["dropout"] < 1:
        raise bad_value("dropout", arguments["dropout"], "0 <= dropout < 1")
