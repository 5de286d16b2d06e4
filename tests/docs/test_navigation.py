"""The site shows every page, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from tests.support import ROOT

SETTINGS = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))


def listed(entries: Any) -> Iterator[str]:
    if isinstance(entries, str):
        yield entries
    elif isinstance(entries, list):
        for entry in entries:
            yield from listed(entry)
    else:
        for entry in entries.values():
            yield from listed(entry)


def test_every_page_is_in_the_navigation_once() -> None:
    shown = list(listed(SETTINGS["nav"]))
    assert len(shown) == len(set(shown))
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    # What the site makes of files outside docs is checked where it is made.
    elsewhere = ("repository/", "experiments/", "results/")
    assert {page for page in shown if not page.startswith(elsewhere)} == pages


def test_every_experiment_that_has_a_page_is_in_it() -> None:
    readmes = ROOT.glob("src/lit_curriculum/experiments/*/README.md")
    shown = {page for page in listed(SETTINGS["nav"]) if page.startswith("experiments/")}
    assert shown == {f"experiments/{path.parent.name}.md" for path in readmes}


def test_the_log_comes_last() -> None:
    assert list(SETTINGS["nav"][-1]) == ["Log"]


def test_nothing_comes_from_a_network() -> None:
    assert SETTINGS["theme"]["font"] is False
    assert not {"extra_javascript", "extra_css"} & set(SETTINGS)
