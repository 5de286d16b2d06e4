"""What is cited, and what the errata point to."""

from __future__ import annotations

import re

import yaml

from tests.support import ROOT

BIB = (ROOT / "docs" / "references.bib").read_text(encoding="utf-8")
ENTRY = re.compile(r"^@(\w+)\{([\w-]+),\n(.*?)\n\}$", re.M | re.S)


def entries() -> dict[str, dict[str, str]]:
    """Return the fields of each entry, by its key."""
    return {
        key: dict(re.findall(r"^  (\w+) = \{(.*)\},$", body, re.M)) for _, key, body in ENTRY.findall(BIB)
    }


def test_entries_are_whole() -> None:
    found = entries()
    assert len(found) == BIB.count("@")
    for key, fields in found.items():
        assert {"title", "author"} <= set(fields), key
        assert "year" in fields or key == "implicit"
        assert all(value.count("{") == value.count("}") for value in fields.values()), key


def test_citation_and_bibliography_name_the_same_papers() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    papers = {"progressive", "implicit", "subtask"}
    found = {key: fields for key, fields in entries().items() if key in papers}
    assert {fields["title"] for fields in found.values()} == {paper["title"] for paper in cited["references"]}
    for paper in cited["references"]:
        (fields,) = [fields for fields in found.values() if fields["title"] == paper["title"]]
        assert str(paper.get("year", "")) == fields.get("year", "")
        for author in paper["authors"]:
            assert author.get("family-names", "Anonymous") in fields["author"]


def test_the_version_is_one() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert f'version = "{cited["version"]}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_every_erratum_names_a_test_that_is_there() -> None:
    rows = [line for line in (ROOT / "docs" / "errata.md").read_text().splitlines() if line.startswith("| ")][
        1:
    ]
    assert len(rows) > 25
    for row in rows:
        test = re.fullmatch(r"`(tests/[\w/.]+)`", row.rstrip(" |").rpartition("| ")[2])
        assert test, row
        assert (ROOT / test[1]).exists(), test[1]
