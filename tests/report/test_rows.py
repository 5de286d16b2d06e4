"""The rows are all that the papers show, and every target serves one."""

from __future__ import annotations

import re
from collections import Counter

from lit_curriculum.report.rows import PAPERS, rows
from lit_curriculum.reproduce.figure import targets

# Figures that only illustrate (3, 16, 20, 21) are no rows; those with several panels can be several.
_FIGURES = {
    "progressive": {1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, *range(22, 33)},
    "implicit": {1, 2, 3},
    "subtask": {3, 4},
}


def test_there_are_forty_six_with_different_names() -> None:
    assert len(rows()) == len({row.id for row in rows()}) == 46
    assert {row.paper for row in rows()} == set(PAPERS)
    shared = Counter(name for row in rows() for name in row.targets)
    # A target of several rows says which of its claims are whose.
    assert all(row.claims for row in rows() for name in row.targets if shared[name] > 1)


def test_every_figure_of_the_papers_is_there() -> None:
    found = {paper: set() for paper in PAPERS}
    for row in rows():
        found[row.paper] |= {int(number) for number in re.findall(r"^Figure (\d+)", row.item)}
    assert found == _FIGURES


def test_every_target_serves_a_row_of_its_own_paper() -> None:
    served = {name: row.paper for row in rows() for name in row.targets}
    # Two whole figures only show the panels of other targets; controls are ours, not the papers'.
    for name, path in targets().items():
        if path.parent.name in PAPERS and not re.fullmatch(r"fig1|fig7|.*-controls", name):
            assert served.get(name) == path.parent.name, name
