"""The report as Markdown and as CSV, and README's part of it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from lit_curriculum.errors import UsageError
from lit_curriculum.report import comma_separated, markdown
from lit_curriculum.report.rows import rows
from lit_curriculum.report.scorecard import scorecard
from tests.report.conftest import KEPT
from tests.support import RESULTS, ROOT

TEXT = """before
<!-- lit report: summary -->
stale
<!-- end -->
between
<!-- lit report: table -->
<!-- end -->
"""


def test_readme_is_made_of_the_committed_results() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    made = markdown.updated(readme, scorecard(RESULTS.parent), ROOT, "README.md")
    assert readme == made, "run: lit report --update README.md"


def test_every_committed_result_has_a_sentence() -> None:
    for folder in (RESULTS, RESULTS.parent / "quick"):
        found = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
        assert set(found) == {path.parent.name for path in folder.glob("*/claims.json")}


def test_only_what_lies_between_the_markers_changes(results: Path) -> None:
    made = markdown.updated(TEXT, scorecard(results), results.parent, "x")
    assert made.startswith("before\n<!-- lit report: summary -->\n")
    assert "<!-- end -->\nbetween\n<!-- lit report: table -->\n" in made
    assert made.endswith("<!-- end -->\n")
    assert "stale" not in made
    assert "| [`fig26`](results/laptop/fig26) |" in made
    assert markdown.updated(made, scorecard(results), results.parent, "x") == made


@pytest.mark.parametrize(
    "text", ["nothing", "<!-- lit report: other -->\n<!-- end -->", "<!-- lit report: table -->\n"]
)
def test_a_text_without_markers_is_refused(results: Path, text: str) -> None:
    with pytest.raises(UsageError, match="lit report: table"):
        markdown.updated(text, scorecard(results), results, "--update")


def test_markdown_lists_every_row_and_claim(results: Path) -> None:
    card = scorecard(results)
    text = markdown.render(card, results)
    assert all(f"| {row.item} | {row.shows} |" in text for row in rows())
    assert text.count("| missing |") == card.count("missing")
    for outcome in card.outcomes:
        assert all(claim.statement in text for claim in outcome.claims)
        assert f"![{outcome.title}](laptop/{outcome.target}/figure.png)" in text


def test_a_cell_ends_no_table(results: Path, change) -> None:
    change(lambda report: report["claims"][0].update(statement="|H| <b>\nbold"))
    assert "| \\|H\\| &lt;b> bold |" in markdown.render(scorecard(results), results)


def test_csv_has_every_row_and_every_number(results: Path) -> None:
    lines = list(csv.DictReader(io.StringIO(comma_separated.render(scorecard(results)))))
    assert {(line["paper"], line["item"]) for line in lines} == {(row.paper, row.item) for row in rows()}
    for name in KEPT:
        report = json.loads((results / "laptop" / name / "claims.json").read_text())
        ours = [line for line in lines if line["target"] == name]
        for line, claim in zip(ours, report["claims"], strict=True):
            assert json.loads(line["values"]) == claim["values"]
            assert line["measured"] == ("" if claim["measured"] is None else str(claim["measured"]))
            assert (line["claim"], line["status"], line["rule"]) == (
                claim["id"],
                claim["status"],
                claim["rule"],
            )
            assert line["low"] == str(claim.get("low", ""))
            assert line["command"] == f"lit reproduce {name} --scale laptop --seeds {len(report['seeds'])}"
