"""What the logits of a language model of transformers are made of, without making them.

Most of these models end in one linear layer, their output embedding, whatever stands before it. Its input is
caught on the way and the layer is not run; `chunked` does that a few rows at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from lit_curriculum.distillation.chunked import Head
from lit_curriculum.errors import UsageError, bad_value

# Settings by which some architectures change their logits after the last layer.
_AFTERWARDS = ("final_logit_softcapping", "logit_scale", "logits_scaling", "output_multiplier_scale")


class _Caught(Exception):
    """Ends a forward pass where the logits would be made."""

    def __init__(self, hidden: torch.Tensor) -> None:
        super().__init__()
        self.hidden = hidden


def head_of(model: nn.Module, inputs: Mapping[str, torch.Tensor], kept: torch.Tensor) -> Head:
    """Return the hidden states (M, H) of some places, and the layer that makes logits of them.

    Args:
        model: a causal or masked language model of transformers.
        inputs: its keyword arguments, without labels.
        kept: which of the n * L places are wanted, bool (n * L,).

    Raises:
        UsageError: if the model does not end in a linear layer over its vocabulary.
    """
    layer = _last_layer(model)
    handle = layer.register_forward_pre_hook(_catch)
    try:
        model(**inputs)
    except _Caught as caught:
        hidden = caught.hidden
    else:
        raise UsageError(f"model: {type(model).__name__} does not end in its output embedding; {_INSTEAD}")
    finally:
        handle.remove()
    rows = hidden.flatten(0, -2)
    if len(rows) != len(kept):
        raise bad_value("hidden states", len(rows), f"one for each of the {len(kept)} labels")
    return Head(rows[kept], layer.weight, layer.bias)


def _last_layer(model: nn.Module) -> nn.Linear:
    asked = getattr(model, "get_output_embeddings", None)
    layer = asked() if asked is not None else None
    if not isinstance(layer, nn.Linear):
        raise UsageError(f"model: {type(model).__name__} has no linear output embedding; {_INSTEAD}")
    config: Any = getattr(model, "config", None)
    for name in _AFTERWARDS:
        if getattr(config, name, None) not in (None, 1, 1.0):
            raise UsageError(f"model: {type(model).__name__} changes its logits by {name}; {_INSTEAD}")
    return layer


def _catch(layer: nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
    raise _Caught(arguments[0])


_INSTEAD = "allowed: distillation_loss(logits, batch)"
