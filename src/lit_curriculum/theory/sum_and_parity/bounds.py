"""The numbers that Claim 1 and Theorem 1 ask for, as printed and with Claim 1's range corrected."""

from __future__ import annotations

import math


def width(n: int, delta: float) -> int:
    """Return k >= n log(n / delta) hidden units (Lemma 6)."""
    return math.ceil(n * math.log(n / delta))


def claim1_batch(n: int, k: int, tau: float, delta: float, printed: bool = False) -> int:
    """Return a batch size with which every entry of the first step is within tau of its mean, w.p. 1 - delta.

    Hoeffding's inequality for B means of numbers in an interval of length R, over all k(n + 1) entries, gives
    B >= R^2 / (2 tau^2) log(2 k (n + 1) / delta). |y x_j| <= n, so R = 2n. The paper takes R = n.

    Args:
        n: bits.
        k: hidden units.
        tau: largest deviation.
        delta: probability of failing.
        printed: the paper's n^2 / (2 tau^2) log(2nk / delta) instead.
    """
    if printed:
        return math.ceil(n**2 / (2 * tau**2) * math.log(2 * n * k / delta))
    return math.ceil((2 * n) ** 2 / (2 * tau**2) * math.log(2 * k * (n + 1) / delta))


def theorem1_tau(n: int, p: float, epsilon: float) -> float:
    """Return the tau of Theorem 1's proof: tau^2 = p^2 epsilon / (8 n^6)."""
    return p * math.sqrt(epsilon / (8 * n**6))


def theorem1_samples(n: int, p: float, epsilon: float) -> float:
    """Return B T of Theorem 1's proof: B = 4n^8 / (p^2 epsilon), T = 12.8 * 36 n^7 / epsilon^2."""
    return 4 * n**8 / (p**2 * epsilon) * 12.8 * 36 * n**7 / epsilon**2


def first_step_variance(n: int, p: float) -> float:
    """Return Var(y x_j) of an inactive bit j: what the first step's noise really is, per sample.

    Sum contributes p (n^2/4 + n/2), Parity 1 - p. Where Parity's part is the larger, the noise does not
    depend on p while the signal is p: the cost is 1/p^2. Where Sum's is, the cost is nearer to 1/p.
    """
    return p * (n**2 / 4 + n / 2) + (1 - p)
