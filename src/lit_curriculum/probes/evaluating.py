"""Measuring a model without leaving a trace in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import nn


class MaskedModel(Protocol):
    """What a probe needs of a masked language model; `models.bert.BertMaskedLM` has it."""

    def hidden_states(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return embeddings (n, L, width) of token ids (n, L)."""
        ...

    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return logits (..., V) of embeddings (..., width)."""
        ...


@contextmanager
def evaluating(model: object) -> Iterator[None]:
    """Run the body in eval mode and without gradients; every submodule's mode is restored after it."""
    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    modes = [module.training for module in modules]
    try:
        for module in modules:
            module.training = False
        with torch.no_grad():
            yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode


def device_of(model: object) -> torch.device:
    """Return where a module's parameters are; the CPU if it has none."""
    if isinstance(model, nn.Module):
        for parameter in model.parameters():
            return parameter.device
    return torch.device("cpu")
