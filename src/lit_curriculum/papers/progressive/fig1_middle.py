"""Progressive distillation accelerates training: sparse parity, Transformer (figure 1, middle)."""

from __future__ import annotations

from typing import Any

from lit_curriculum.papers.progressive._gpt2 import CHANCE, SOLVED, methods, study, teacher
from lit_curriculum.papers.progressive._teaching import one_shot
from lit_curriculum.papers.progressive.fig13 import lines
from lit_curriculum.reproduce.claim import Claim, final
from lit_curriculum.reproduce.figure import Figure, Known, Scale
from lit_curriculum.reproduce.joined import Part
from lit_curriculum.reproduce.panels import draw_arms, in_millions
from lit_curriculum.reproduce.results import Results
from lit_curriculum.reproduce.study import Study

_KNOWN: Known = {
    "laptop": {
        "progressive-solves": "fails: in one seed of five the transition is over within two checkpoints, 200 "
        "student updates"
    }
}


def part(scale: Scale) -> Part:
    """Return the panel: the teacher and its students."""
    wide = teacher(scale)
    ours = study(scale, (wide, *(arm for arm in methods(scale, wide) if arm.name != "two-shot")))
    return Part((ours,), lambda axis, results: _draw(axis, results, ours))


def figure(scale: Scale) -> Figure:
    """Return accuracy against training steps for every method; figure 13's runs."""
    panel = part(scale)
    cost = {
        "smoke": "seconds",
        "laptop": "about 15 minutes on two cores, or nothing after figure 13, whose runs it shows",
        "paper": "per seed one teacher of 32 heads and four students of 4, 8M samples each; never run",
    }
    return Figure(
        cost=cost[scale],
        studies=panel.studies,
        draw=lambda results: panel.alone(results, width=5.4, height=4.0),
        claims=lambda results: [TEACHER, PROGRESSIVE, *STUCK],
        known=_KNOWN.get(scale, {}),
    )


def _draw(axis: Any, results: Results, ours: Study) -> None:
    """Draw mean and standard deviation over seeds."""
    narrow = ours.arm("progressive")
    draw_arms(axis, results, {name: line for name, line in lines(results).items() if name != "two-shot"})
    sizes = f"{ours.value('model.heads')} → {ours.value('model.heads', narrow)} heads"
    title = f"({ours.value('data.d')}, {ours.value('data.k')})-parity, GPT-2, {sizes}"
    axis.set(xlabel="training steps", ylabel="test accuracy", title=title, ylim=(0.45, 1.03))
    in_millions(axis, ours.value("data.num_steps", narrow))


TEACHER = Claim(
    "teacher-solves",
    "The teacher of many heads learns the parity from labels.",
    final("teacher"),
    SOLVED,
    1.0,
)
PROGRESSIVE = Claim(
    "progressive-solves",
    "A student of few heads taught by all of the teacher's checkpoints learns it.",
    final("progressive"),
    SOLVED,
    1.0,
)
STUCK = [
    Claim(
        "one-shot-stuck",
        "The same student taught by the finished teacher alone, at the better of two temperatures, stays "
        "near chance in the same samples.",
        one_shot,
        CHANCE,
        0.5,
    ),
    Claim(
        "plain-stuck", "The same student trained with labels stays near chance.", final("plain"), CHANCE, 0.5
    ),
]
