"""Bit-subset parity with and without labels of its sub-tasks: accuracy, and steps until better than random.

Table 1 beside the paper's own numbers, as table.csv, table.md and a figure of the entries.
"""

from __future__ import annotations

from lit_curriculum.papers.subtask._parity import at_chance, entries, find, lemma_1, table_1
from lit_curriculum.papers.subtask._published import WITH, WITHOUT
from lit_curriculum.papers.subtask._table import compared, draw_entries, grows, learned
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Known, Scale
from lit_curriculum.reproduce.study import Study

_KNOWN: Known = {
    "laptop": {
        "growth-8-to-10-bits": "fails: in one seed of five 8 bits are not learned but known by heart: 0.59 "
        "of 32 validation strings and 0.75 of the test strings from 192 training strings, at the end as "
        "after half of the run; it has no ratio"
    }
}


def figure(scale: Scale) -> Figure:
    """Return the table."""
    studies = table_1(scale)
    cost = {
        "smoke": "seconds",
        "laptop": "35 runs of 300 to 6,000 steps; about 13 minutes",
        "paper": "42 runs of 85M parameters and up to 2M steps, and the search: 12 settings x 3 seeds a task",
    }
    return Figure(
        cost=cost[scale],
        studies=studies,
        draw=lambda results: draw_entries(results, studies),
        table=lambda results: compared(results, studies),
        claims=lambda results: _claims(studies),
        known=_KNOWN.get(scale, {}),
    )


def _claims(studies: tuple[Study, ...]) -> list[Claim]:
    """Judge what labels make learnable, how the cost grows without them, and Lemma 1."""
    made = [learned(study) for study in entries(studies, WITH)] + grows(studies)
    labelled, plain = find(studies, WITH, 16), find(studies, WITHOUT, 16)
    if labelled is not None and plain is not None:
        statement = "At the step where labels have solved 16 bits (95 %), plain training is at chance (test)."
        made.append(at_chance("chance-without-labels-16-bits", statement, labelled, plain))
    return [*made, lemma_1(studies)]
