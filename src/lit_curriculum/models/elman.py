"""The Elman network that subtask analyses (section 3, equations 1 to 3), of which only W is trained."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from lit_curriculum.errors import bad_value


class ElmanRNN(nn.Module):
    """h_t = relu(W h_{t-1} + A e_{z_t}), f_t = B.h_t, h_0 = relu(M_0); a positive f_t says token 1.

    W, A and M_0 are drawn from N(0, 2 / m), B from N(0, 1 / m) (algorithm 1). W is the only parameter; the
    rest stays as it was drawn.

    Args:
        width: hidden units m.

    Shapes: input_ids (n, L) -> logits (n, L - first, 2): 0 and f_t, whose cross-entropy is equation 4's
    log(1 + exp(-y_t f_t)). W (m, m), A (m, 2), B (m,), M_0 (m,).

    Raises:
        UsageError: for a width below 1.
    """

    A: torch.Tensor
    B: torch.Tensor
    M_0: torch.Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        if width < 1:
            raise bad_value("width", width, "an integer of at least 1")
        self.init_args: dict[str, Any] = {"width": width}
        scale = math.sqrt(2 / width)
        self.W = nn.Parameter(scale * torch.randn(width, width))
        self.register_buffer("A", scale * torch.randn(width, 2))
        self.register_buffer("M_0", scale * torch.randn(width))
        self.register_buffer("B", math.sqrt(1 / width) * torch.randn(width))

    def forward(self, input_ids: torch.Tensor, first: int = 0) -> torch.Tensor:
        """Return the logits (n, L - first, 2) of what follows each token from ``first`` on."""
        h = self._begin(len(input_ids))
        read = []
        for t in range(input_ids.shape[1]):
            h = self._step(h, input_ids[:, t])
            if t >= first:
                read.append(self._logits(h))
        return torch.stack(read, dim=1)

    def decode(self, input_ids: torch.Tensor, n_tokens: int) -> torch.Tensor:
        """Go on greedily from an input, each time reading the token that was just written.

        Args:
            input_ids: the given tokens (n, L).
            n_tokens: tokens to write, at least 1.

        Returns:
            The logits (n, n_tokens, 2) of the tokens written; the tokens are their argmax.
        """
        h = self._begin(len(input_ids))
        for t in range(input_ids.shape[1]):
            h = self._step(h, input_ids[:, t])
        written = [self._logits(h)]
        while len(written) < n_tokens:
            h = self._step(h, written[-1].argmax(-1))
            written.append(self._logits(h))
        return torch.stack(written, dim=1)

    def _begin(self, n: int) -> torch.Tensor:
        return torch.relu(self.M_0).expand(n, -1)

    def _step(self, h: torch.Tensor, token: torch.Tensor) -> torch.Tensor:
        return torch.relu(functional.linear(h, self.W) + self.A.T[token])

    def _logits(self, h: torch.Tensor) -> torch.Tensor:
        f = h @ self.B
        return torch.stack([torch.zeros_like(f), f], dim=-1)
