"""One look for all figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lit_curriculum.reproduce.results import Results

Curve = Sequence[tuple[float, float]]

# Apart for every common kind of colour blindness (Okabe and Ito, 2002); lines that cross differ in style.
COLOURS = {
    "teacher": "#333333",
    "progressive": "#d55e00",
    "two-shot": "#e69f00",
    "one-shot": "#0072b2",
    "plain": "#009e73",
    "other": "#7d8ca3",
}
# Dark to light: the nearer the neighbours, the warmer.
NGRAM_COLOURS = {3: "#d55e00", 5: "#e69f00", 7: "#009e73", 9: "#0072b2"}


class Line(NamedTuple):
    """How an arm is drawn."""

    label: str
    colour: Any
    style: Any = "-"


LINES = {
    "teacher": Line("teacher", COLOURS["teacher"], "--"),
    "progressive": Line("progressive distillation", COLOURS["progressive"]),
    "two-shot": Line("two checkpoints", COLOURS["two-shot"]),
    "one-shot": Line("one-shot distillation", COLOURS["one-shot"]),
    "plain": Line("labels only", COLOURS["plain"], (0, (4, 2))),
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


def shades(names: Sequence[Any]) -> dict[Any, Any]:
    """Return a colour for each of several ordered things, dark to light."""
    import matplotlib

    colours = matplotlib.colormaps["viridis"]
    return {name: colours(0.85 * i / max(1, len(names) - 1)) for i, name in enumerate(names)}


def mean_and_spread(
    curves: Sequence[Curve],
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return steps, mean and standard deviation over curves that share their steps."""
    steps = np.array([step for step, _ in curves[0]])
    values = np.array([[value for _, value in curve] for curve in curves])
    spread = values.std(axis=0, ddof=1) if len(curves) > 1 else np.zeros(len(steps))
    return steps, values.mean(axis=0), spread


def curve(axis: Any, curves: Sequence[Curve], colour: Any, label: str, **line: Any) -> None:
    """Draw a mean curve with its spread as a band."""
    steps, mean, spread = mean_and_spread(curves)
    axis.plot(steps, mean, color=colour, label=label, **{"lw": 1.8, **line})
    axis.fill_between(steps, mean - spread, mean + spread, color=colour, alpha=0.18, lw=0)


def spread_key(axis: Any) -> None:
    """Say in an axis's legend what the bands of `curve` are."""
    axis.fill_between([], [], color="#555555", alpha=0.18, lw=0, label="bands: ± 1 sd over seeds")


def draw_arms(axis: Any, results: Results, lines: Mapping[str, Line], metric: str = "accuracy") -> None:
    """Draw a metric of several arms over their runs."""
    for arm, line in lines.items():
        curve(axis, results.curves(arm, metric), line.colour, line.label, ls=line.style)


def bars(axis: Any, groups: Sequence[str], series: Mapping[str, Any], colours: Sequence[Any]) -> None:
    """Draw grouped bars: for each series one `PerSeed` a group, with its spread."""
    width = 0.8 / len(series)
    for i, (label, values) in enumerate(series.items()):
        places = [k - 0.4 + (i + 0.5) * width for k in range(len(groups))]
        stats = [mean_and_spread([[(0, v)] for v in seeds.values()]) for seeds in values]
        axis.bar(
            places,
            [float(mean[0]) for _, mean, _ in stats],
            width * 0.9,
            yerr=[float(spread[0]) for _, _, spread in stats],
            color=colours[i],
            label=label,
            error_kw={"lw": 1, "ecolor": "#555555"},
        )
    axis.set_xticks(range(len(groups)), groups)
    axis.axhline(0, color="#555555", lw=0.8)


def legend(axis: Any, columns: int = 2, **options: Any) -> None:
    """Put an axis's legend below its label, where it covers nothing."""
    from matplotlib.transforms import ScaledTranslation

    below = ScaledTranslation(0, -_LABELS / 72, axis.figure.dpi_scale_trans)
    axis.legend(
        **{"fontsize": 7, "ncols": columns, "frameon": False, "borderaxespad": 0, **options},
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        bbox_transform=axis.transAxes + below,
    )


_LABELS = 36
"""Height of an axis's tick labels and label in points."""


def in_millions(axis: Any, largest: float) -> None:
    """Label an axis of steps in millions, in thousands, or where there are few, as they are."""
    unit, name = (1e6, "M") if largest >= 2e6 else (1e3, "k") if largest >= 2e3 else (1.0, "")
    axis.xaxis.set_major_formatter(lambda value, _: f"{value / unit:g}{name}" if value else "0")
    axis.xaxis.set_minor_formatter(lambda value, _: "")
