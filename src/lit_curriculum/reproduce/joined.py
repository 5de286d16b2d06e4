"""A figure of several panels, each of which is a target of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lit_curriculum.reproduce.figure import Figure
from lit_curriculum.reproduce.panels import legend, panels
from lit_curriculum.reproduce.results import Results
from lit_curriculum.reproduce.study import Study


@dataclass(frozen=True)
class Part:
    """One panel.

    Attributes:
        studies: what it shows; the first one's seeds are the panel's.
        draw: draws results of these studies on an axis.
    """

    studies: tuple[Study, ...]
    draw: Callable[[Any, Results], None]

    def alone(self, results: Results, width: float, height: float) -> Any:
        """Return a picture of the panel alone, its legend below."""
        picture, (axis,) = panels(1, width=width, height=height)
        self.draw(axis, results)
        picture.legend(fontsize=8, loc="outside lower center", ncols=3, frameon=False)
        return picture


def joined(parts: Mapping[str, Part], cost: str) -> Figure:
    """Return the figure of these panels, by name, side by side.

    Its runs are those of the panels' own targets, where their claims are judged: nothing is counted twice.
    """
    studies = tuple(
        replace(study, axes={**study.axes, "panel": name})
        for name, part in parts.items()
        for study in part.studies
    )

    def draw(results: Results) -> Any:
        picture, axes = panels(len(parts), width=4.6, height=3.8)
        for axis, (name, part) in zip(axes, parts.items(), strict=True):
            part.draw(axis, results.where(panel=name).only(part.studies[0].seeds))
            legend(axis)
        return picture

    return Figure(cost=cost, studies=studies, draw=draw, claims=lambda results: [])
