"""The one-hidden-layer ReLU network of the parity experiments (progressive, section 3 and C.1)."""

from __future__ import annotations

import torch
from torch import nn

from lit_curriculum.errors import bad_value


class MLP(nn.Module):
    """logits = U relu(W x + b) + c, with PyTorch's default (fan-in uniform) initialisation.

    Args:
        d: input dimension.
        width: hidden units m.
        n_classes: output classes C.

    Shapes: x (n, d) -> logits (n, C); W (m, d), b (m,), U (C, m), c (C,).

    Raises:
        UsageError: for a size below 1.
    """

    def __init__(self, d: int, width: int, n_classes: int = 2) -> None:
        super().__init__()
        for key, value in (("d", d), ("width", width), ("n_classes", n_classes)):
            if value < 1:
                raise bad_value(key, value, "an integer of at least 1")
        self.hidden = nn.Linear(d, width)
        self.output = nn.Linear(width, n_classes)
        self.init_args = {"d": d, "width": width, "n_classes": n_classes}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (n, C) of inputs (n, d)."""
        # In place: a wide layer's activations are the largest thing here, and nobody needs them unclipped.
        logits: torch.Tensor = self.output(torch.relu_(self.hidden(x)))
        return logits
