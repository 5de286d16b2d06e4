"""Gradients that are known to a finite precision only (subtask, algorithms 2 and 3)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

from lit_curriculum.errors import bad_value

Kind = Literal["grid", "sign"]


@dataclass(frozen=True)
class Precision:
    """One element G of the ball of radius sigma around a gradient g, in the largest absolute entry.

    The algorithms allow any. ``grid`` rounds every entry to the nearest multiple of 2 sigma, as arithmetic of
    a fixed step would. ``sign`` is the worst for one step: G = g - sigma sign(g) has the least inner product
    with g of the whole ball, |g|^2 - sigma |g|_1; entries below sigma change sign.

    Attributes:
        sigma: largest error of an entry; 0 for exact gradients (algorithm 1).
        kind: which element of the ball.

    Raises:
        UsageError: for a sigma that is negative or not finite, or an unknown kind.
    """

    sigma: float = 0.0
    kind: Kind = "grid"

    def __post_init__(self) -> None:
        if not 0 <= self.sigma < math.inf:
            raise bad_value("model.sigma", self.sigma, "a finite number >= 0")
        if self.kind not in ("grid", "sign"):
            raise bad_value("model.precision", self.kind, "grid, sign")

    def __call__(self, gradient: torch.Tensor) -> torch.Tensor:
        """Return the approximation of a gradient, of its shape."""
        if self.sigma == 0:
            return gradient
        if self.kind == "grid":
            return 2 * self.sigma * torch.round(gradient / (2 * self.sigma))
        return gradient - self.sigma * torch.sign(gradient)
