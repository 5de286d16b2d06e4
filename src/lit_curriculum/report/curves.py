"""data.csv as curves to hover over: thinned, in a form that is small as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lit_curriculum.reading import is_there
from lit_curriculum.reproduce.results import COLUMNS, Curve, Results, Row

MOST_POINTS = 500
"""Of a curve."""
DIGITS = 6
"""Significant digits of a value."""

# Axes that were chosen for an arm, not varied to be compared: they do not make another curve.
_CHOSEN = ("lr",)


def thinned(curve: Curve, most: int = MOST_POINTS) -> Curve:
    """Return at most ``most`` points of a curve: its ends, the lowest and highest of each stretch.

    So no peak or dip disappears, however narrow. A curve that is short enough stays as it is.

    Args:
        curve: (x, y), x ascending.
        most: at least 4.
    """
    if len(curve) <= most:
        return curve
    inner, stretches = curve[1:-1], (most - 2) // 2
    kept = [curve[0]]
    for i in range(stretches):
        stretch = inner[i * len(inner) // stretches : (i + 1) * len(inner) // stretches]
        heights = [value for _, value in stretch]
        extremes = {heights.index(min(heights)), heights.index(max(heights))}
        kept += [stretch[place] for place in sorted(extremes)]
    return [*kept, curve[-1]]


def charts(folder: Path, most: int = MOST_POINTS) -> list[dict[str, Any]]:
    """Return the charts of a folder's data.csv, one a metric; an empty list if there is none.

    Returns:
        ``{"metric", "x", "curves": [{"name", "seed", "x": [...], "y": [...]}, ...]}`` each. Curves of one
        name are the seeds of one condition. ``x`` is ``step``, or an axis of the figure, see `_abscissa`.

    Raises:
        UsageError: if data.csv is no such table.
    """
    path = folder / "data.csv"
    if not is_there(path):
        return []
    table = Results.read(path).frame.to_dict("list")
    axes = [str(name) for name in table if name not in (*COLUMNS, *_CHOSEN)]
    rows: dict[str, list[Row]] = {}
    for cells in zip(*table.values(), strict=True):
        row = dict(zip(map(str, table), cells, strict=True))
        rows.setdefault(str(row["metric"]), []).append(row)
    return [_chart(metric, part, axes, most) for metric, part in rows.items()]


def _chart(metric: str, rows: Sequence[Row], axes: Sequence[str], most: int) -> dict[str, Any]:
    x = _abscissa(rows, axes)
    varied = [name for name in (*axes, "step") if name != x and len({str(row[name]) for row in rows}) > 1]
    points: dict[tuple[Any, ...], Curve] = {}
    for row in rows:
        # What was chosen parts curves as well, where an arm was trained with two of it.
        key = (_named(row, varied), row["seed"], *(str(row.get(name)) for name in _CHOSEN))
        points.setdefault(key, []).append((float(row[x]), float(row["value"])))
    curves = [(key, thinned(sorted(curve), most)) for key, curve in points.items()]
    return {
        "metric": metric,
        "x": x,
        "curves": [
            {
                "name": name,
                "seed": int(seed),
                "x": [_short(a) for a, _ in shown],
                "y": [_short(b) for _, b in shown],
            }
            for (name, seed, *_), shown in curves
        ],
    }


def _abscissa(rows: Sequence[Row], axes: Sequence[str]) -> str:
    """Return what a chart is drawn over: steps; with at most two of them, the axis with most values."""
    if len({row["step"] for row in rows}) > 2:
        return "step"
    values = {name: {row[name] for row in rows} for name in axes}
    numeric = [name for name in axes if len(values[name]) > 1 and all(map(_is_number, values[name]))]
    return max(numeric, key=lambda name: len(values[name]), default="step")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _named(row: Row, varied: Sequence[str]) -> str:
    return ", ".join([str(row["arm"]), *(f"{name} {_plain(row[name])}" for name in varied)])


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _short(value: float) -> float | int:
    """Return a number of `DIGITS` significant digits; a whole one as such."""
    if value == round(value) and abs(value) < 2**53:
        return round(value)
    return round(value, DIGITS - 1 - math.floor(math.log10(abs(value))))
