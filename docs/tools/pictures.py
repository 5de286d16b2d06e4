"""The two pictures of the page on concepts, as SVG with a ground of their own, for light and dark pages.

``python -m docs.tools.pictures`` writes them; a test compares.
"""

from __future__ import annotations

import csv
from html import escape
from pathlib import Path

from lit_curriculum.distillation import (
    NT,
    Checkpoint,
    CheckpointBank,
    EqualSplit,
    Kappa,
    OneShot,
    Strategy,
    TwoShot,
    find_transition,
)
from lit_curriculum.distillation.manifest import Manifest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "pictures"

_INK, _GROUND, _BLUE, _SHADE = "#1f2430", "#fbfbfd", "#3455a4", "#ffe1a8"
_EARLY, _LATE = (214, 226, 250), (24, 42, 110)

STRATEGIES: dict[str, Strategy] = {
    "Kappa(1)": Kappa(1.0),
    "EqualSplit(8)": EqualSplit(8),
    "NT(4, 20,000)": NT(4, 20_000),
    "TwoShot(40,000)": TwoShot(40_000, "middle"),
    "OneShot()": OneShot(),
}


def main() -> None:
    """Write the pictures."""
    FOLDER.mkdir(exist_ok=True)
    for name, picture in pictures().items():
        (FOLDER / name).write_text(picture, encoding="utf-8")


def pictures() -> dict[str, str]:
    """Return each picture by its file's name."""
    return {"schedules.svg": schedules(teacher_of_figure_1()), "data_flow.svg": data_flow()}


def teacher_of_figure_1() -> list[tuple[int, float]]:
    """Return step and accuracy of the committed teacher of figure 1 (left), seed 0."""
    with (ROOT / "results/laptop/fig1-left/data.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["arm"], row["seed"]) == ("teacher", "0")]
    return [(int(row["step"]), float(row["value"])) for row in rows if row["metric"] == "accuracy"]


def schedules(history: list[tuple[int, float]]) -> str:
    """Return a teacher's accuracy, its transition and checkpoints, and bars of what strategies make of them.

    Raises:
        ValueError: if the teacher has no transition.
    """
    steps, values = zip(*history, strict=True)
    found = find_transition(steps, values)
    if found is None:
        raise ValueError("the teacher has no transition")
    entries = tuple(
        Checkpoint(step, step, f"{step}.safetensors", str(step), {"val/accuracy": value})
        for step, value in history
    )
    bank = CheckpointBank(FOLDER, Manifest({}, {}, None, None, entries))
    left, right, top, bottom, last = 150, 620, 42, 150, steps[-1]

    def across(step: float) -> float:
        return round(left + (right - left) * step / last, 1)

    def up(value: float) -> float:
        return round(bottom - (bottom - top) * (value - 0.45) / 0.55, 1)

    width = across(found.end) - across(found.begin)
    parts = [_box(across(found.begin), top, width, bottom - top, _SHADE)]
    parts.append(_text(across(found.begin) - 6, top + 12, "transition", "end"))
    points = " ".join(f"{across(step)},{up(value)}" for step, value in history)
    parts.append(f'<polyline points="{points}" fill="none" stroke="{_BLUE}" stroke-width="2"/>')
    parts += [
        f'<circle cx="{across(step)}" cy="{up(value)}" r="2.4" fill="{_colour(step / last)}" stroke="{_INK}" '
        'stroke-width="0.5"/>'
        for step, value in history
    ]
    parts += [_text(left - 8, up(value) + 4, f"{value:g}", "end") for value in (0.5, 1.0)]
    parts.append(_text(left, 26, "a teacher's accuracy; a dot is a checkpoint of its bank"))
    parts.append(_text(left, bottom + 26, "which of them teaches, at each step of a student as long"))
    for row, (name, strategy) in enumerate(STRATEGIES.items()):
        y = bottom + 38 + 26 * row
        parts.append(_text(left - 8, y + 13, name, "end"))
        plan = strategy.plan(bank, last)
        ends = [*plan.starts[1:], last]
        parts += [
            _box(across(start), y, across(end) - across(start), 17, _colour(teacher.step / last))
            for start, end, teacher in zip(plan.starts, ends, plan.teachers, strict=True)
        ]
    height = bottom + 38 + 26 * len(STRATEGIES) + 30
    ticks = [0, last // 2, last]
    parts += [_text(across(step), height - 14, f"{step:,}", "middle") for step in ticks]
    return _svg(660, height, parts)


def data_flow() -> str:
    """Return boxes and arrows from a configuration to a figure."""
    boxes = {
        "configuration": (20, 76, "NAME.yaml", "and overlays"),
        "teacher": (165, 20, "run of a teacher", "lit fit"),
        "bank": (330, 20, "bank", "its checkpoints"),
        "student": (330, 132, "run of a student", "lit fit"),
        "data": (495, 76, "data.csv", "lit reproduce"),
        "claims": (660, 132, "claims.json", "rules and evidence"),
        "figure": (660, 20, "figure.png", "drawn from it"),
    }
    arrows = [
        *(("configuration", "teacher"), ("configuration", "student"), ("teacher", "bank")),
        *(("bank", "student"), ("bank", "data"), ("student", "data"), ("data", "figure"), ("data", "claims")),
    ]
    parts = [
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        f'orient="auto"><path d="M0 0L8 4L0 8z" fill="{_INK}"/></marker></defs>'
    ]
    for start, end in arrows:
        (x0, y0, *_), (x1, y1, *_) = boxes[start], boxes[end]
        a, b = ((x0 + 65, y0 + 48), (x1 + 65, y1)) if x0 == x1 else ((x0 + 130, y0 + 24), (x1, y1 + 24))
        parts.append(
            f'<line x1="{a[0]}" y1="{a[1]}" x2="{b[0]}" y2="{b[1]}" stroke="{_INK}" marker-end="url(#tip)"/>'
        )
    for x, y, name, what in boxes.values():
        parts.append(_box(x, y, 130, 48, "#e8eefb", f' rx="6" stroke="{_BLUE}"'))
        parts += [_text(x + 65, y + 20, name, "middle", "bold"), _text(x + 65, y + 37, what, "middle")]
    return _svg(810, 200, parts)


def _colour(share: float) -> str:
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(_EARLY, _LATE, strict=True))


def _box(x: float, y: float, width: float, height: float, fill: str, more: str = "") -> str:
    return f'<rect x="{x}" y="{y}" width="{width:.1f}" height="{height}" fill="{fill}"{more}/>'


def _text(x: float, y: float, text: str, anchor: str = "start", weight: str = "normal") -> str:
    style = f'text-anchor="{anchor}" font-weight="{weight}" fill="{_INK}"'
    return f'<text x="{x}" y="{y}" {style}>{escape(text)}</text>'


def _svg(width: int, height: int, parts: list[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">'
    )
    ground = f'<rect width="{width}" height="{height}" rx="8" fill="{_GROUND}"/>'
    return "\n".join([head, ground, *parts, "</svg>", ""])


if __name__ == "__main__":
    main()
