"""One look for all figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

COLOURS = {
    "teacher": "#333333",
    "progressive": "#c8442b",
    "two-shot": "#e08b2d",
    "one-shot": "#2f6fb0",
    "plain": "#4b9b5b",
}
# Dark to light: the nearer the neighbours, the warmer.
NGRAM_COLOURS = {3: "#c8442b", 5: "#e08b2d", 7: "#4b9b5b", 9: "#2f6fb0"}
LABELS = {
    "teacher": "teacher",
    "progressive": "progressive distillation",
    "two-shot": "two checkpoints",
    "one-shot": "one-shot distillation",
    "plain": "labels only",
}


def panels(n: int, width: float = 4.2, height: float = 3.2, rows: int = 1) -> tuple[Any, list[Any]]:
    """Return a figure and its axes, n side by side in each row, row after row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * n, height * rows), layout="constrained")
    axes = list(figure.subplots(rows, n, squeeze=False).flat)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25, lw=0.6)
    return figure, axes


def mean_and_spread(
    curves: Sequence[Sequence[tuple[float, float]]],
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return steps, mean and standard deviation over curves that share their steps."""
    steps = np.array([step for step, _ in curves[0]])
    values = np.array([[value for _, value in curve] for curve in curves])
    spread = values.std(axis=0, ddof=1) if len(curves) > 1 else np.zeros(len(steps))
    return steps, values.mean(axis=0), spread


def curve(
    axis: Any, curves: Sequence[Sequence[tuple[float, float]]], colour: Any, label: str, **line: Any
) -> None:
    """Draw a mean curve with its spread as a band."""
    steps, mean, spread = mean_and_spread(curves)
    axis.plot(steps, mean, color=colour, label=label, **{"lw": 1.8, **line})
    axis.fill_between(steps, mean - spread, mean + spread, color=colour, alpha=0.18, lw=0)


def in_millions(axis: Any, largest: float) -> None:
    """Label an axis of steps in millions, in thousands, or where there are few, as they are."""
    unit, name = (1e6, "M") if largest >= 2e6 else (1e3, "k") if largest >= 2e3 else (1.0, "")
    axis.xaxis.set_major_formatter(lambda value, _: f"{value / unit:g}{name}" if value else "0")
    axis.xaxis.set_minor_formatter(lambda value, _: "")
