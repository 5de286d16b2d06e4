"""The network of the theory of Sum and Parity (implicit, section 2.2), with averaged weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from lit_curriculum.errors import bad_value


class TwoLayerNet(nn.Module):
    """g(x) = u'Wx + v'relu(Wx + b) in float64, initialised as in appendix A: u = 1, W = 0, v = 0.

    The paper analyses the averaged parameters, so what it answers is g with the means of u and v over the
    steps in which they were summed; with u and v themselves as long as there are none.

    Args:
        d: numbers of an input, n + 1.
        biases: the initial b, one a hidden unit; k of them.

    Shapes: x (m, d) float64 -> g (m,) float64.

    Raises:
        UsageError: for d below 1, or no biases.
    """

    u_sum: torch.Tensor
    v_sum: torch.Tensor
    n_summed: torch.Tensor

    def __init__(self, d: int, biases: Sequence[float]) -> None:
        super().__init__()
        if d < 1:
            raise bad_value("d", d, "an integer of at least 1")
        if not biases:
            raise bad_value("biases", list(biases), "one number a hidden unit")
        self.init_args: dict[str, Any] = {"d": d, "biases": list(biases)}
        k = len(biases)
        self.W = nn.Parameter(torch.zeros(k, d, dtype=torch.float64))
        self.u = nn.Parameter(torch.ones(k, dtype=torch.float64))
        self.v = nn.Parameter(torch.zeros(k, dtype=torch.float64))
        self.b = nn.Parameter(torch.tensor(list(biases), dtype=torch.float64))
        # Sums, not means: a mean that is updated would round differently wherever a run pauses.
        self.register_buffer("u_sum", torch.zeros(k, dtype=torch.float64))
        self.register_buffer("v_sum", torch.zeros(k, dtype=torch.float64))
        self.register_buffer("n_summed", torch.zeros((), dtype=torch.int64))

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the second layer sees of x (m, d): Wx, then relu(Wx + b), (m, 2k)."""
        hidden = x @ self.W.T
        return torch.cat([hidden, torch.relu(hidden + self.b)], dim=-1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return g (m,) of x (m, d), with averaged u and v where there is an average."""
        if self.n_summed:
            second = torch.cat([self.u_sum, self.v_sum]) / self.n_summed
        else:
            second = torch.cat([self.u, self.v])
        return self.features(x) @ second
