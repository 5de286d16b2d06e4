"""Two-stage training of sparse parity: Algorithm 1 and Lemma B.2 of `progressive`, appendix B.

f(x) = sum_i a_i relu(<w_i, x> + b_i) on x in {-1, +1}^d, the label is y = x_1 .. x_k, the loss the hinge. The
first stage is one step on w, the second is SGD on a. The initialisation is symmetric, so f is 0 at first and
the first step is that of the loss -y f(x), whatever it is a loss against: labels or a teacher's answers.

What has to be so for the formulas to hold, and the paper does not say (`docs/errata.md`): d is odd, so that
<w, x> is never 0; the decay of the first step is 1 / (2 eta), which wipes out the initial weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from lit_curriculum.errors import bad_value

Array = npt.NDArray[np.floating[Any]]


def majority_coefficient(d: int, degree: int) -> float:
    """Return zeta_i, the Fourier coefficient of the majority of d bits at any set of i (O'Donnell 2014, 5.3).

    Raises:
        UsageError: for an even d, or a degree outside 1 .. d.
    """
    if d % 2 == 0:
        raise bad_value("d", d, "an odd integer")
    if not 1 <= degree <= d:
        raise bad_value("degree", degree, f"an integer from 1 to d = {d}")
    if degree % 2 == 0:
        return 0.0
    half, i = (d - 1) // 2, (degree - 1) // 2
    share = math.comb(half, i) / math.comb(d - 1, degree - 1)
    return float((-1) ** i * share * math.comb(d - 1, half) / 2 ** (d - 1))


@dataclass(frozen=True)
class Network:
    """f(x) = sum_i a_i relu(<w_i, x> + b_i), m hidden units.

    Attributes:
        w: (m, d).
        b, a: (m,).
    """

    w: Array
    b: Array
    a: Array

    def features(self, x: Array) -> Array:
        """Return relu(<w_i, x> + b_i) (n, m) of x (n, d)."""
        hidden: Array = np.maximum(x @ self.w.T.astype(x.dtype) + self.b.astype(x.dtype), 0.0)
        return hidden

    def __call__(self, x: Array) -> Array:
        """Return f (n,) of x (n, d)."""
        out: Array = self.features(x) @ self.a.astype(x.dtype)
        return out


def biases(k: int) -> Array:
    """Return the values that biases are drawn from: -1 + 1/k, -1 + 2/k, .., 1 - 1/k (2k - 1,)."""
    return np.arange(1 - k, k) / k


def initialise(d: int, k: int, m: int, generator: np.random.Generator, aligned: bool = False) -> Network:
    """Return the symmetric initialisation: the second half of the units repeats w and b with -a.

    Args:
        d: bits, odd.
        k: size of the support, which is the first k bits; even.
        m: hidden units, even.
        generator: draws them.
        aligned: make sign(w_ij) = sign(a_i zeta_(k-1)) on the support, as the proof of Lemma B.5 assumes
            without loss of generality; of units that are drawn this is so for one in 2^k.

    Raises:
        UsageError: for an m that is odd or below 2, or d and k that the theory does not cover.
    """
    zeta = _zeta(d, k)
    if m < 2 or m % 2:
        raise bad_value("m", m, "an even integer of at least 2")
    half = m // 2
    w = 2.0 * generator.integers(2, size=(half, d)) - 1
    b = generator.choice(biases(k), size=half)
    a = (2.0 * generator.integers(2, size=half) - 1) / m
    if aligned:
        w[:, :k] = np.sign(zeta)
    return Network(np.concatenate([w, w]), np.concatenate([b, b]), np.concatenate([a, -a]))


def first_rate(d: int, k: int, m: int, signal: float | None = None) -> float:
    """Return eta_1 = m / (k |signal|), which makes weights in the support 1 / (2k).

    Args:
        d: bits.
        k: size of the support.
        m: hidden units.
        signal: for labels |zeta_(k-1)|, the default; for a teacher its correlation with a bit of the support.
    """
    return m / (k * abs(_zeta(d, k) if signal is None else signal))


def expected_weights(network: Network, k: int) -> Array:
    """Return w (m, d) after a first step on the population with labels: Lemma B.2 with tau_g = 0."""
    d = network.w.shape[1]
    chi = network.w[:, :k].prod(axis=1, keepdims=True)
    inside, outside = _zeta(d, k), majority_coefficient(d, k + 1)
    # chi over the support without j, and with j besides; w_ij is +1 or -1.
    zeta = np.where(np.arange(d) < k, inside, outside)
    scaled: Array = np.sign(network.a)[:, None] * chi * network.w * zeta / (2 * k * abs(inside))
    return scaled


def correlations(network: Network, k: int) -> Array:
    """Return c_j = E f(x) x_j (d,) after the first step on the population, exactly for any d and m.

    A unit's weights differ from those of any other by signs alone, so all that a unit with bias b gives is
    E (relu(u + b) - relu(-u + b)) x_j for one u, a sum of two binomials, times its signs.

    Args:
        network: as it was initialised.
        k: size of the support.
    """
    d, half = network.w.shape[1], len(network.a) // 2
    zeta, w = _zeta(d, k), network.w[:half]
    inside, outside = _of_one_unit(d, k)
    place = np.rint((network.b[:half] + 1) * k).astype(int) - 1
    signs = np.sign(zeta) * w[:, :k].prod(axis=1, keepdims=True) * w
    given = np.where(np.arange(d) < k, inside[place][:, None], outside[place][:, None])
    c: Array = (signs * given).sum(axis=0) / len(network.a)
    return c


def _of_one_unit(d: int, k: int) -> tuple[Array, Array]:
    """Return E (relu(u + b) - relu(-u + b)) x_j for j in the support and outside, each (2k - 1,) over biases.

    u = (sum over the support + zeta_(k+1) / zeta_(k-1) times the sum over the rest) / (2k).
    """
    ratio = majority_coefficient(d, k + 1) / majority_coefficient(d, k - 1)
    (s, p), (t, q) = _sums(k), _sums(d - k)
    u = ((s[:, None] + ratio * t) / (2 * k))[:, :, None]
    odd = np.maximum(u + biases(k), 0) - np.maximum(biases(k) - u, 0)
    # A bit's correlation is its group's sum's, shared equally.
    weighted = odd * (p[:, None] * q)[:, :, None]
    return (weighted * s[:, None, None]).sum((0, 1)) / k, (weighted * t[:, None]).sum((0, 1)) / (d - k)


def _sums(n: int) -> tuple[Array, Array]:
    """Return the values of a sum of n signs (n + 1,) and their probabilities."""
    return np.arange(-n, n + 1, 2.0), np.array([math.comb(n, i) / 2**n for i in range(n + 1)])


def first_stage(network: Network, gradient: Array, rate: float) -> Network:
    """Return the network after one step with decay 1 / (2 rate), so that nothing is left of the initial w.

    Args:
        network: as it was initialised.
        gradient: mean of t(x) 1[<w_i, x> + b_i >= 0] x over a batch (m, d), see `batch_gradient`.
        rate: eta_1.
    """
    return replace(network, w=rate * network.a[:, None] * gradient)


def batch_gradient(network: Network, x: Array, t: Array) -> Array:
    """Return the mean of t(x) 1[<w_i, x> + b_i >= 0] x over a batch (m, d); a_i times it is -dL/dw_i.

    Args:
        network: symmetric, so that half of the units tell all.
        x: (n, d).
        t: labels or a teacher's answers (n,).
    """
    half = len(network.a) // 2
    hidden = x @ network.w[:half].T.astype(x.dtype) + network.b[:half].astype(x.dtype)
    found = ((hidden >= 0).astype(x.dtype).T @ (x * t[:, None])).astype(np.float64) / len(x)
    return np.concatenate([found, found])


def hoeffding_batch(d: int, m: int, tau: float, delta: float) -> int:
    """Return B_1 for which every entry of `batch_gradient` is within tau of its mean, w.p. 1 - delta.

    Claim B.4 with its constants. An entry is the mean of numbers between -1 and 1; twins share theirs, so
    there are m d / 2 of them.
    """
    return math.ceil(2 / tau**2 * math.log(m * d / delta))


def second_rate(d: int, k: int, m: int, steps: int) -> float:
    """Return eta_2 of Lemma B.7: 4 k^1.5 / (d sqrt(m (T_2 - 1)))."""
    return float(4 * k**1.5 / (d * math.sqrt(m * max(steps - 1, 1))))


@njit(cache=True, fastmath=True)
def hinge_steps(features: Any, t: Any, a: Any, rate: Any) -> None:  # pragma: no cover - compiled
    """Make SGD steps with batch 1 on a, for the loss max(0, 1 - t f(x)).

    Args:
        features: relu(<w_i, x> + b_i) (n, m), one sample a step.
        t: labels or a teacher's answers (n,).
        a: (m,), changed in place.
        rate: eta_2.
    """
    for step in range(len(t)):
        f = features[step, 0] * a[0]
        for i in range(1, len(a)):
            f += a[i] * features[step, i]
        if t[step] * f < 1:
            moved = rate * t[step]
            for i in range(len(a)):
                a[i] += moved * features[step, i]


def draw(d: int, count: int, generator: np.random.Generator) -> Array:
    """Return uniform points (count, d) of -1 and 1 for d up to 62, in float32: sums of them are exact."""
    numbers = generator.integers(1 << d, size=count, dtype=np.int64)
    return (2 * (numbers[:, None] >> np.arange(d) & 1) - 1).astype(np.float32)


def labels(x: Array, k: int) -> Array:
    """Return the parity y (n,) of the first k bits of x (n, d)."""
    y: Array = x[:, :k].prod(axis=1)
    return y


def _zeta(d: int, k: int) -> float:
    """Return zeta_(k-1), which the theory needs not to be 0."""
    if d % 2 == 0:
        raise bad_value("d", d, "an odd integer")
    if k % 2 or not 2 <= k < d:
        raise bad_value("k", k, f"an even integer from 2 to d - 1 = {d - 1}")
    return majority_coefficient(d, k - 1)
