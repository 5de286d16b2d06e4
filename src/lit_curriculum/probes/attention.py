"""Attention of a two-layer transformer along paths of length two (progressive, C.2 and figure 11).

What the last position reads through both layers: with a1 (L, L) and a2 (L, L) the attention of the first and
second layer, summed over heads, coordinate j receives ``sum_i a2[last, i] a1[i, j]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch


class Attending(Protocol):
    """A model that tells its attention; `models.GPT2Reader` does."""

    def attentions(self, input_ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return each layer's attention weights (n, heads, L, L)."""
        ...


@dataclass(frozen=True)
class PathAttention:
    """What the last position reads of each coordinate.

    Attributes:
        coordinates: median over inputs, float64 (L,).
        support: median over inputs of the sum over the support.
        total: the sum over all coordinates, the same for every input: the product of the layers' heads.
    """

    coordinates: torch.Tensor
    support: float
    total: float


def path_attention(model: Attending, input_ids: torch.Tensor, support: Sequence[int]) -> PathAttention:
    """Measure a model's attention along paths of two layers, in evaluation mode.

    Args:
        model: two layers.
        input_ids: (n, L).
        support: coordinates, from 0.
    """
    with torch.no_grad():
        first, second = model.attentions(input_ids)
    # (n, L) @ (n, L, L): from the last position through the second layer, then through the first.
    last = second[:, :, -1].double().sum(1, keepdim=True)
    paths = (last @ first.double().sum(1)).squeeze(1)
    inside = paths[:, list(support)].sum(1)
    return PathAttention(
        paths.median(0).values.cpu(), float(inside.median()), float(first.shape[1] * second.shape[1])
    )
