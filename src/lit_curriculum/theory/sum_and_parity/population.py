"""The p-mixture of Sum and Parity as a table: every input, its label, its probability (section 2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lit_curriculum.errors import bad_value

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """D_w* over {-1, +1}^(n+1): x_0 = +1 asks for the sum minus n/2, x_0 = -1 for the parity.

    Attributes:
        n: bits, even, from 2 to 16: all 2^(n+1) inputs are held.
        p: probability of a Sum sample.
        support: the n/2 bits where w* is 1, counted from 1 as the paper's x_1 .. x_n; default the first.

    Raises:
        UsageError: naming the argument that is wrong.
    """

    n: int
    p: float
    support: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.n % 2 or not 2 <= self.n <= 16:
            raise bad_value("n", self.n, "an even integer from 2 to 16")
        if not 0 <= self.p <= 1:
            raise bad_value("p", self.p, "a probability from 0 to 1")
        if not self.support:
            object.__setattr__(self, "support", tuple(range(1, self.n // 2 + 1)))
        inside = set(self.support) <= set(range(1, self.n + 1))
        if not inside or len(set(self.support)) != len(self.support) or len(self.support) != self.n // 2:
            raise bad_value(
                "support", self.support, f"n / 2 = {self.n // 2} distinct bits from 1 to {self.n}"
            )

    @cached_property
    def x(self) -> Array:
        """All inputs, (2^(n+1), n + 1); row r has x_i = +1 where bit i of r is set, so x_0 alternates."""
        rows = np.arange(2 ** (self.n + 1))[:, None]
        return np.where(rows >> np.arange(self.n + 1) & 1, 1.0, -1.0).astype(np.float64)

    @cached_property
    def y(self) -> Array:
        """f_w*(x) of every input (2^(n+1),)."""
        active = self.x[:, list(self.support)]
        y: Array = np.where(self.x[:, 0] > 0, active.sum(1) - self.n / 2, active.prod(1))
        return y

    @cached_property
    def probability(self) -> Array:
        """Probability of every input (2^(n+1),)."""
        probability: Array = np.where(self.x[:, 0] > 0, self.p, 1 - self.p) / 2**self.n
        return probability

    @cached_property
    def w(self) -> Array:
        """The w of Lemma 2, (n + 1,): w_0 = -n/2, then w*."""
        w = np.zeros(self.n + 1)
        w[list(self.support)] = 1.0
        w[0] = -self.n / 2
        return w

    def counts(self, batch: int, generator: np.random.Generator) -> npt.NDArray[np.int64]:
        """Return how often each input occurs in ``batch`` independent draws (2^(n+1),).

        The counts are drawn themselves, so that a batch of 10^9 costs no more than one of ten.
        """
        return generator.multinomial(batch, self.probability / self.probability.sum())
