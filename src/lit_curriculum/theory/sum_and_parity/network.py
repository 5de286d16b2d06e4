"""The network of section 2.2 in full, with its gradients written out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lit_curriculum.theory.sum_and_parity.population import Array


@dataclass(frozen=True)
class TwoLayer:
    """g(x) = u'Wx + v'relu(Wx + b) with k hidden units.

    Attributes:
        W: (k, n + 1).
        u, v, b: (k,).
    """

    W: Array
    u: Array
    v: Array
    b: Array

    def __call__(self, x: Array) -> Array:
        """Return g (m,) of inputs (m, n + 1)."""
        hidden = x @ self.W.T
        out: Array = hidden @ self.u + np.maximum(hidden + self.b, 0) @ self.v
        return out

    def gradients(self, x: Array, y: Array, weight: Array) -> TwoLayer:
        """Return the gradients of the weighted square loss sum_i weight_i (g(x_i) - y_i)^2 / 2, as a network.

        Args:
            x: inputs (m, n + 1).
            y: labels (m,).
            weight: (m,); 1/m each for the mean.
        """
        hidden = x @ self.W.T
        active = (hidden + self.b > 0).astype(float)
        residual = weight * (self(x) - y)
        to_hidden = residual[:, None] * (self.u + active * self.v)
        return TwoLayer(
            W=to_hidden.T @ x,
            u=hidden.T @ residual,
            v=np.maximum(hidden + self.b, 0).T @ residual,
            b=(residual[:, None] * active * self.v).sum(0),
        )

    def step(self, gradients: TwoLayer, eta: float) -> TwoLayer:
        """Return the network after one step of size ``eta`` on all layers."""
        return TwoLayer(
            self.W - eta * gradients.W,
            self.u - eta * gradients.u,
            self.v - eta * gradients.v,
            self.b - eta * gradients.b,
        )


def initialise(n: int, b: Array) -> TwoLayer:
    """Return the initialisation of appendix A: u = 1, W = 0, v = 0, and biases b (k,) drawn before."""
    k = len(b)
    return TwoLayer(np.zeros((k, n + 1)), np.ones(k), np.zeros(k), np.asarray(b, dtype=float))
