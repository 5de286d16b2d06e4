"""ReLU networks through finitely many points: Lemmas C.2 and C.4 of `progressive`, a leaner one for bits.

A bump of four units is 1 within Delta / 4 of a point and 0 beyond Delta / 2 of it. A network of one input is
a sum of bumps. With several inputs a second layer asks for all bumps of a point at once.

A layer is a pair (W, b): W (outputs, inputs), b (outputs,). A network applies a ReLU between layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lit_curriculum.errors import bad_value

Array = npt.NDArray[np.floating[Any]]
Layer = tuple[Array, Array]

_SHIFTS, _SIGNS = np.array([2.0, 1.0, -1.0, -2.0]), np.array([1.0, -1.0, -1.0, 1.0])
"""relu(s + 2) - relu(s + 1) - relu(s - 1) + relu(s - 2), s = 4 (x - point) / Delta, is the bump."""


def lemma_c2(points: Array, values: Array) -> list[Layer]:
    """Return the 2-layer network of Lemma C.2: exact on points, and within Delta / 4 of each.

    Its hidden width is 4 times the number of points.

    Args:
        points: (n,) different numbers; Delta is the least distance of two of them, 1 for a single one.
        values: (n, outputs).

    Raises:
        UsageError: if two points are equal, or there is none.
    """
    delta = least_distance(points[:, None])
    weight, bias = _bumps(points, delta)
    return [(weight[:, None], bias), (np.kron(values.T, _SIGNS), np.zeros(values.shape[1]))]


def lemma_c4(points: Array, values: Array) -> list[Layer]:
    """Return the 3-layer network of Lemma C.4: exact on points, and within Delta / 4 of each, in every input.

    The hidden widths are 4 times the number of different values of all inputs together, and the number of
    points.

    Args:
        points: (n, inputs), no two equal; Delta is the least distance of two of them in the largest
            difference of an input, 1 for a single one.
        values: (n, outputs).

    Raises:
        UsageError: if two points are equal, or there is none.
    """
    delta = least_distance(points)
    weights, biases, asked = [], [], []
    for i, column in enumerate(points.T):
        different = np.unique(column)
        weight, bias = _bumps(different, delta)
        weights.append(np.outer(weight, np.eye(points.shape[1])[i]))
        biases.append(bias)
        # Which of this input's bumps a point asks for, four units each.
        asked.append(np.kron(column[:, None] == different, _SIGNS))
    joint = np.full(len(points), 1.0 - points.shape[1])
    last = (values.T, np.zeros(values.shape[1]))
    return [(np.concatenate(weights), np.concatenate(biases)), (np.concatenate(asked, axis=1), joint), last]


def bits_network(points: Array, values: Array) -> list[Layer]:
    """Return what Lemma C.4 promises for points of 0 and 1 (Delta = 1), with 2 units an input instead of 8.

    Two units clip an input: relu(2x - 1/2) - relu(2x - 3/2) is the bit of any x within 1/4 of it.

    Args:
        points: (n, inputs) of 0 and 1, no two equal.
        values: (n, outputs).

    Raises:
        UsageError: if points hold other numbers, two are equal, or there is none.
    """
    if not np.isin(points, (0.0, 1.0)).all():
        raise bad_value("points", "other numbers", "0 and 1")
    least_distance(points)
    inputs = points.shape[1]
    clip = (np.kron(2.0 * np.eye(inputs), np.ones((2, 1))), np.tile([-0.5, -1.5], inputs))
    # A point asks for bits b where it is 1 and for 1 - b where it is 0; the sum is `inputs` for it alone.
    match = (np.kron(2.0 * points - 1.0, [1.0, -1.0]), 1.0 - points.sum(1))
    return [clip, match, (values.T, np.zeros(values.shape[1]))]


def least_distance(points: Array) -> float:
    """Return Delta: the least distance of two points (n, inputs), in the largest difference of an input.

    Raises:
        UsageError: if it is 0, or there is no point.
    """
    if not len(points):
        raise bad_value("points", "none", "at least one")
    if len(points) == 1:
        return 1.0
    apart = np.abs(points[:, None] - points).max(axis=2)
    least = float(apart[~np.eye(len(points), dtype=bool)].min())
    if least == 0:
        raise bad_value("points", "two that are equal", "different ones")
    return least


def evaluate(layers: Sequence[Layer], x: Array) -> Array:
    """Return the outputs (n, outputs) of inputs (n, inputs)."""
    for weight, bias in layers[:-1]:
        x = np.maximum(x @ weight.T + bias, 0.0)
    weight, bias = layers[-1]
    out: Array = x @ weight.T + bias
    return out


def largest_entry(layers: Sequence[Layer]) -> float:
    """Return the largest absolute weight or bias."""
    return max(float(np.abs(part).max()) for layer in layers for part in layer)


def largest_row_sum(layers: Sequence[Layer]) -> float:
    """Return the largest operator norm of a weight for the maximum norm, or the largest bias."""
    sums = [float(np.abs(weight).sum(axis=1).max()) for weight, _ in layers]
    return max(*sums, *(float(np.abs(bias).max()) for _, bias in layers))


def _bumps(points: Array, delta: float) -> tuple[Array, Array]:
    """Return slopes and biases (4n,) of the bumps of points (n,)."""
    slope = 4.0 / delta
    return np.full(4 * len(points), slope), (-slope * points[:, None] + _SHIFTS).ravel()
