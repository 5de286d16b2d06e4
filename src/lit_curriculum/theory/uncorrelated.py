"""The parities over half of the bits, which are uncorrelated: Lemmas 13 and 14 of `subtask`, exhaustively.

H holds (-1)^(x_{i_1} + ... + x_{i_{d/2}}) for every choice of d / 2 of d bits. Any two of them are orthogonal
over the uniform distribution (Lemma 13). So for any function g of x, by Bessel's inequality,

    sum over h in H of |E_x[h(x) g(x)]|^2  <=  E_x |g(x)|^2,

and with g the gradient of a predictor this bounds how much its gradients differ between targets (Lemma 14).
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt

from lit_curriculum.errors import bad_value

MOST_BITS = 16


def hypotheses(d: int) -> int:
    """Return |H|, the number of parities over half of d bits."""
    return math.comb(d, d // 2)


def strings(d: int) -> npt.NDArray[np.int64]:
    """Return all strings (2^d, d) of 0 and 1; string i has the binary digits of i, lowest first.

    Raises:
        UsageError: for a d that is odd or outside 2 to 16.
    """
    if d % 2 or not 2 <= d <= MOST_BITS:
        raise bad_value("d", d, f"an even integer from 2 to {MOST_BITS}")
    return (np.arange(2**d)[:, None] >> np.arange(d)) & 1


def parities(d: int) -> npt.NDArray[np.float64]:
    """Return the values (|H|, 2^d), 1 and -1, of every parity on every one of `strings`.

    Raises:
        UsageError: see `strings`.
    """
    x = strings(d)
    subsets = list(itertools.combinations(range(d), d // 2))
    return np.array([1.0 - 2.0 * (x[:, subset].sum(axis=1) % 2) for subset in subsets])
