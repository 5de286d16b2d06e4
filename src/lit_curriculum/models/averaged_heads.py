"""Attention whose heads' outputs are averaged, not put side by side (progressive, figure 10 c)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn


class AverageThenProject(nn.Module):
    """The mean over heads, then a linear map; in the place of GPT-2's projection of all heads' outputs.

    Args:
        heads: H.
        projection: the map of one head's output.

    Shapes: (..., H * head_size) -> (..., width).
    """

    def __init__(self, heads: int, projection: nn.Module) -> None:
        super().__init__()
        self.heads = heads
        self.projection = projection

    def forward(self, outputs: torch.Tensor) -> torch.Tensor:
        """Return the projection of the mean."""
        mean = outputs.reshape(*outputs.shape[:-1], self.heads, -1).mean(-2)
        projected: torch.Tensor = self.projection(mean)
        return projected


def average_heads(attention: Any, heads: int, head_size: int, std: float, layers: int) -> None:
    """Give a GPT2Attention of transformers heads of any size, whose outputs are averaged; in place.

    Everything but the two maps stays transformers' own, its fast and its eager attention among them. Weights
    are drawn as transformers draws GPT-2's.

    Args:
        attention: the module.
        heads: H.
        head_size: dimensions of a head.
        std: standard deviation of the initial weights.
        layers: of the model; they divide the variance of what is added to the residual stream.
    """
    from transformers.pytorch_utils import Conv1D

    width = attention.embed_dim
    attention.num_heads = heads
    attention.head_dim = head_size
    attention.split_size = heads * head_size
    attention.scaling = head_size**-0.5
    attention.c_attn = Conv1D(3 * heads * head_size, width)
    projection = Conv1D(width, head_size)
    nn.init.normal_(attention.c_attn.weight, std=std)
    nn.init.normal_(projection.weight, std=std / math.sqrt(2 * layers))
    attention.c_proj = AverageThenProject(heads, projection)
