"""GPT-2 read at the last position (implicit, section 3.1 and B.1): transformers' own, from plain numbers."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional

from lit_curriculum.errors import bad_value
from lit_curriculum.models.averaged_heads import average_heads


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
        averaged_head_size: dimensions of a head whose output is averaged with the others'
            (`models.averaged_heads`); None for GPT-2's own heads of width / heads, side by side.

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
        averaged_head_size: int | None = None,
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
        if averaged_head_size is not None:
            self.init_args["averaged_head_size"] = averaged_head_size
        self.gpt2 = build_gpt2(self.init_args)
        self.head = nn.Linear(width, n_outputs)
        nn.init.normal_(self.head.weight, std=initializer_range)
        nn.init.zeros_(self.head.bias)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Return the head's answers (n, n_outputs) at the last position."""
        gpt2 = self.gpt2
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        hidden = gpt2.drop(gpt2.wte(input_ids) + gpt2.wpe(places))
        for block in gpt2.h[:-1]:
            hidden = block(hidden)
        return cast(torch.Tensor, self.head(gpt2.ln_f(self._last_block(hidden))))

    def attentions(self, input_ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return each layer's attention weights (n, heads, L, L), from transformers' eager attention.

        The fast attention, by which the model is trained, does not keep them; its answers are the same.
        """
        gpt2 = self.gpt2
        fast = gpt2.config._attn_implementation
        gpt2.set_attn_implementation("eager")
        try:
            found = gpt2(input_ids=input_ids, output_attentions=True).attentions
        finally:
            gpt2.set_attn_implementation(fast)
        return cast(tuple[torch.Tensor, ...], found)

    def _last_block(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the last block's embedding of the last position (n, width) alone.

        Nobody reads the other positions, which there only have keys and values: of the block's operations a
        sixth is left, with one layer of width 32 half of the step.
        """
        block = self.gpt2.h[-1]
        attention, normed = block.attn, block.ln_1(hidden)
        inner, heads, head_size = attention.split_size, attention.num_heads, attention.head_dim
        weight, bias = attention.c_attn.weight, attention.c_attn.bias
        query = torch.addmm(bias[:inner], normed[:, -1], weight[:, :inner]).view(-1, heads, 1, head_size)
        pair = functional.linear(normed, weight[:, inner:].T, bias[inner:])
        key, value = pair.view(*normed.shape[:2], 2, heads, head_size).permute(2, 0, 3, 1, 4)
        dropout = attention.attn_dropout.p if self.training else 0.0
        seen = functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout).flatten(1)
        last = hidden[:, -1] + attention.resid_dropout(attention.c_proj(seen))
        return cast(torch.Tensor, last + block.mlp(block.ln_2(last)))


def build_gpt2(arguments: dict[str, Any]) -> Any:
    """Return transformers' GPT2Model of a model's ``init_args``.

    Raises:
        UsageError: naming the argument that is out of range.
    """
    _check(arguments)
    # Imported here because it takes seconds, which models without it need not wait for.
    from transformers import GPT2Config, GPT2Model

    dropout, head_size = arguments["dropout"], arguments.get("averaged_head_size")
    config = GPT2Config(
        vocab_size=arguments["vocab_size"],
        n_positions=arguments["max_length"],
        n_embd=arguments["width"],
        n_layer=arguments["layers"],
        # transformers would have averaged heads divide the width.
        n_head=1 if head_size is not None else arguments["heads"],
        initializer_range=arguments["initializer_range"],
        resid_pdrop=dropout,
        embd_pdrop=dropout,
        attn_pdrop=dropout,
        use_cache=False,
        bos_token_id=None,
        eos_token_id=None,
        attn_implementation="sdpa",
    )
    model = GPT2Model(config)
    for block in model.h:
        block.mlp.act = _Gelu(block.mlp.act)
        if head_size is not None:
            size, std = (arguments["heads"], head_size), arguments["initializer_range"]
            average_heads(block.attn, *size, std, arguments["layers"])
    return model


class _Gelu(nn.Module):
    """GPT-2's GELU, on a GPU in one kernel where transformers' formula takes eight.

    On the processor the formula stays: the two differ by rounding, and results were recorded with it.
    """

    def __init__(self, formula: nn.Module) -> None:
        super().__init__()
        self._formula = formula

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))."""
        if hidden.is_cuda:
            return functional.gelu(hidden, approximate="tanh")
        return cast(torch.Tensor, self._formula(hidden))


def _check(arguments: dict[str, Any]) -> None:
    """Check what any GPT-2 here is built from.

    Raises:
        UsageError: naming the argument that is out of range.
    """
    for key in ("vocab_size", "max_length", "n_outputs", "layers", "heads", "width", "averaged_head_size"):
        if arguments.get(key, 1) < 1:
            raise bad_value(key, arguments[key], "an integer of at least 1")
    if "averaged_head_size" not in arguments and arguments["width"] % arguments["heads"]:
        raise bad_value("width", arguments["width"], f"a multiple of heads = {arguments['heads']}")
    if arguments["initializer_range"] <= 0:
        raise bad_value("initializer_range", arguments["initializer_range"], "a number above 0")
    if not 0 <= arguments["dropout"] < 1:
        raise bad_value("dropout", arguments["dropout"], "0 <= dropout < 1")
