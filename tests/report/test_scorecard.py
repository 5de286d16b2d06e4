"""States of rows, and what is counted."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections import Counter

import pytest

from lit_curriculum.report import comma_separated, markdown, numbers
from lit_curriculum.report.collect import STATUSES
from lit_curriculum.report.rows import rows
from lit_curriculum.report.scorecard import STATES, scorecard
from tests.support import COMMITTED, RESULTS


def test_every_row_has_a_state_in_the_committed_results() -> None:
    card = scorecard(RESULTS.parent)
    assert [entry.row for entry in card.entries] == list(rows())
    assert all(entry.state in STATES for entry in card.entries)
    assert {o.target for o in card.outcomes} == {path.name for path in COMMITTED}


def test_claims_are_counted_as_they_were_judged(results) -> None:
    seen = Counter(
        claim["status"]
        for path in results.rglob("claims.json")
        for claim in json.loads(path.read_text())["claims"]
    )
    said = scorecard(results).summary()
    assert said.startswith(f"{seen['holds']} of {seen.total()} claims hold")
    assert f"{seen['inconclusive']} are inconclusive" in said
    assert "3 of the 46 figures, tables and theorems have results" in said


def test_what_has_no_results_is_listed(results) -> None:
    states = {entry.row.id: entry.state for entry in scorecard(results).entries}
    assert len(states) == 46
    assert states["fig1-left"] == "holds"
    assert states["fig26"] == "inconclusive"
    assert states["fig2"] == "not_run"


@pytest.mark.parametrize(
    ("judged", "state"),
    [
        (("holds", "holds"), "holds"),
        (("holds", "inconclusive"), "inconclusive"),
        (("inconclusive", "fails"), "fails"),
        (("not_evaluated", "not_evaluated"), "not_evaluated"),
        (("not_evaluated", "holds"), "holds"),
    ],
)
def test_a_row_is_as_good_as_its_worst_claim(results, change, judged, state) -> None:
    def judge(report):
        for claim, status in zip(report["claims"], judged, strict=True):
            claim["status"] = status

    change(judge)
    (entry,) = [entry for entry in scorecard(results).entries if entry.row.id == "fig26"]
    assert entry.state == state
    assert set(judged) <= set(entry.found_by)


def test_the_same_target_at_two_scales_is_one_row_with_two_results(results) -> None:
    (results / "laptop" / "fig26").rename(results / "other")
    report = json.loads((results / "other" / "claims.json").read_text())
    (results / "laptop" / "fig26").mkdir()
    for folder, scale in (("other", "paper"), ("laptop/fig26", "laptop")):
        (results / folder / "claims.json").write_text(json.dumps({**report, "scale": scale}))
    (entry,) = [entry for entry in scorecard(results).entries if entry.row.id == "fig26"]
    assert sorted(outcome.scale for outcome in entry.outcomes) == ["laptop", "paper"]


def test_what_a_target_shows_at_its_largest_scale_is_counted_alone(results) -> None:
    before = scorecard(results).summary()
    shutil.copytree(results / "laptop" / "fig26", results / "quick" / "fig26")
    path = results / "quick" / "fig26" / "claims.json"
    path.write_text(path.read_text().replace('"scale": "laptop"', '"scale": "quick"'))
    card = scorecard(results)
    assert card.summary() == before
    assert len(card.outcomes) == len(card.largest) + 1
    assert markdown.table(card, results).count("`fig26`") == 1
    shutil.rmtree(results / "laptop" / "fig26")
    assert "[`fig26`](quick/fig26) (quick) |" in markdown.table(scorecard(results), results)


@pytest.mark.parametrize(("seeds", "counts"), [(1, "laptop"), (2, "laptop"), (3, "paper")])
def test_few_seeds_at_a_larger_scale_are_shown_but_do_not_count(results, seeds: int, counts: str) -> None:
    at_laptop = results / "laptop" / "fig26"
    report = json.loads((at_laptop / "claims.json").read_text())
    assert len(report["seeds"]) == 3
    for claim in report["claims"]:
        claim["values"] = claim["values"][:seeds]
    report |= {"scale": "paper", "seeds": report["seeds"][:seeds]}
    shutil.copytree(at_laptop, results / "paper" / "fig26")
    (results / "paper" / "fig26" / "claims.json").write_text(json.dumps(report))
    card = scorecard(results)
    assert sorted(o.scale for o in card.outcomes if o.target == "fig26") == ["laptop", "paper"]
    assert [o.scale for o in card.largest if o.target == "fig26"] == [counts]


def test_a_result_costs_its_runs_where_that_is_known(results, change) -> None:
    change(lambda report: report.update(run_seconds=7200.0))
    costs = {outcome.target: numbers.cost(outcome) for outcome in scorecard(results).outcomes}
    assert costs["fig26"] == "2 hours of runs"
    assert costs["fig10"].endswith(" (of the last call; runs made before it are not in it)")


def test_a_target_that_is_of_no_row_is_shown_beside_them(results, change) -> None:
    change(lambda report: report.update(target="of my own", paper="mine"))
    card = scorecard(results)
    assert [outcome.target for outcome in card.others] == ["of my own"]
    assert sum(card.outcomes[-1].counts()[status] for status in STATUSES) == 2


def test_a_recorded_machine_is_shown_else_that_of_the_folder(results, change) -> None:
    change(lambda report: report.update(machine="one H100"))
    machines = {outcome.target: outcome.machine for outcome in scorecard(results).outcomes}
    assert machines["fig26"] == "one H100"
    assert machines["fig10"] == (results / "laptop" / "machine.txt").read_text().strip()


def test_a_target_of_two_rows_is_counted_once_and_each_row_has_its_own_claims(tmp_path) -> None:
    shutil.copytree(RESULTS / "theory-constructions", tmp_path / "theory-constructions")
    path = tmp_path / "theory-constructions" / "claims.json"
    report = json.loads(path.read_text())
    ids = [claim["id"] for claim in report["claims"]]
    next(claim for claim in report["claims"] if claim["id"].startswith("c3-"))["status"] = "fails"
    path.write_text(json.dumps(report))
    card = scorecard(tmp_path)
    states = {entry.row.item: entry.state for entry in card.entries if entry.outcomes}
    assert states == {"Proposition C.1": "holds", "Proposition C.3": "fails"}
    shown = [claim.id for entry in card.entries for outcome in entry.outcomes for claim in outcome.claims]
    assert sorted(shown) == sorted(ids)
    assert card.summary().startswith(f"{len(ids) - 1} of {len(ids)} claims hold, 1 fails")
    assert card.items(card.outcomes[0]) == ["Proposition C.1", "Proposition C.3"]


def test_a_figure_with_changed_settings_is_shown_and_counts_nowhere(results) -> None:
    """The layout that the docs advise: a folder of its own beside the unchanged figure's."""
    before = scorecard(results)
    folder = results / "slow teacher" / "fig1-left"
    shutil.copytree(results / "laptop" / "fig1-left", folder)
    (results / "slow teacher" / "findings.json").write_text('{"fig1-left": "said of the figure as it is"}')
    report = json.loads((folder / "claims.json").read_text())
    report["changes"] = ["teacher:model.lr=1e-3"]
    for claim in report["claims"]:
        claim["status"] = "fails"
    (folder / "claims.json").write_text(json.dumps(report))

    card = scorecard(results)
    (changed,) = card.changed
    assert card.summary().startswith(before.summary())
    assert card.summary().endswith("With changed settings there are 1 more, which are not counted.")
    assert markdown.table(card, results) == markdown.table(before, results)
    assert [e.state for e in card.entries] == [e.state for e in before.entries]
    assert (changed.finding, changed.title.endswith("changed: teacher:model.lr=1e-3")) == ("", True)
    assert changed.command.endswith(f"--set teacher:model.lr=1e-3 --out '{results}/slow teacher'")
    assert changed.command in markdown.render(card, results)
    lines = csv.DictReader(io.StringIO(comma_separated.render(card)))
    marked = [line for line in lines if line["state"] == "changed"]
    assert [line["claim"] for line in marked] == [claim["id"] for claim in report["claims"]]
