"""The page: whole, true to claims.json, in need of nothing, safe against what texts may hold."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from lit_curriculum.report import html
from lit_curriculum.report.rows import rows
from lit_curriculum.report.scorecard import scorecard
from tests.report.conftest import KEPT

_EMPTY = {"meta", "link", "img"}


class Page(HTMLParser):
    """Elements with their attributes, the text of scripts and styles, and numbers by claim."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.within: dict[str, list[str]] = {"script": [], "style": []}
        self.claims: list[dict[str, Any]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.elements.append((tag, found))
        if "data-claim" in found:
            self.claims.append({"id": found["data-claim"], "status": found["data-status"], "numbers": []})
        if tag == "data":
            self.claims[-1]["numbers"].append(float(found["value"] or ""))
        if tag not in _EMPTY and not self.get_starttag_text().endswith("/>"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self.within:
            self.within[self.open[-1]].append(data)

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == name]


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the five megabytes of plotly."""
    monkeypatch.setattr(html, "_library", lambda: html.Markup("/* plotly */"))


@pytest.fixture
def page(results: Path, library: None) -> Page:
    return Page(html.render(scorecard(results)))


def test_every_element_is_closed_and_every_name_unique(page: Page) -> None:
    assert page.open == []
    names = [found["id"] for _, found in page.elements if "id" in found]
    assert len(names) == len(set(names))


def test_every_row_of_the_papers_is_on_it_with_its_state(page: Page) -> None:
    shown = {found["id"]: found for found in page.all("tr") if (found.get("id") or "").startswith("row-")}
    assert set(shown) == {f"row-{row.id}" for row in rows()}
    assert all(found["data-status"] for found in shown.values())
    assert shown["row-fig10"]["data-scale"] == "laptop"


def test_numbers_are_those_of_claims_json(page: Page, results: Path) -> None:
    wanted = []
    for name in KEPT:
        for claim in json.loads((results / "laptop" / name / "claims.json").read_text())["claims"]:
            named = [claim["paper_value"], claim["measured"], claim["spread"], *claim["values"]]
            numbers = [value for value in named if isinstance(value, int | float)]
            wanted.append({"id": claim["id"], "status": claim["status"], "numbers": numbers})
    by = lambda claim: claim["id"]  # noqa: E731
    assert sorted(page.claims, key=by) == sorted(wanted, key=by)


def test_it_needs_nothing_else(page: Page) -> None:
    for tag, found in page.elements:
        for name in ("src", "href", "srcset", "data", "action", "poster", "xlink:href"):
            address = found.get(name)
            assert address is None or address.startswith(("data:", "#")), (tag, address)
    assert not re.search(r"@import|url\(", "".join(page.within["style"]))
    (policy,) = [found["content"] for found in page.all("meta") if "http-equiv" in found]
    assert policy.startswith("default-src 'none'")


def test_every_link_leads_to_something(page: Page) -> None:
    names = {found.get("id") for _, found in page.elements}
    links = [found["href"] for found in page.all("a")]
    assert len(links) > len(KEPT)
    assert all(link[1:] in names for link in links)


def test_a_figure_has_words_for_those_who_do_not_see_it(page: Page) -> None:
    images = page.all("img")
    assert len(images) == len(KEPT)
    assert all("claims" in image["alt"] and len(image["alt"]) > 50 for image in images)


def test_texts_cannot_become_elements(results: Path, change, library: None) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    before = len(Page(html.render(scorecard(results))).elements)

    def edit(report: dict[str, Any]) -> None:
        report["claims"][0] |= {"statement": evil, "paper_value": evil, "note": f"`{evil}`", "expected": evil}
        report["commit"] = evil

    data = results / "laptop" / "fig26" / "data.csv"
    content = data.read_text().replace("one-shot tau=1e-4", evil)
    assert evil in content
    data.write_text(content)
    change(lambda report: report.update(data_sha256=html_digest(data)))
    change(edit)
    text = html.render(scorecard(results))
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    # One element more, the code of the note; one, for what is known of the scale; one, for the note.
    assert len(Page(text).elements) == before + 3


def html_digest(path: Path) -> str:
    from lit_curriculum.files import sha256_of

    return sha256_of(path)


def test_curves_are_inside(page: Page) -> None:
    inside = [json.loads(text) for text in page.within["script"] if text.startswith("[")]
    assert len(inside) == len(KEPT)
    assert {chart["metric"] for chart in inside[0]} == {"accuracy"}


def test_without_the_library_it_says_what_is_missing(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "_library", lambda: None)
    page = html.render(scorecard(results))
    assert "lit_curriculum[report]" in page
    assert not [text for text in Page(page).within["script"] if text.startswith("[")]


def test_a_result_without_picture_or_data_is_shown_all_the_same(results: Path, library: None) -> None:
    for name in ("figure.png", "data.csv"):
        (results / "laptop" / "fig26" / name).unlink()
    page = html.render(scorecard(results))
    assert page.count("No picture was drawn") == 1


def test_the_same_results_give_the_same_page(results: Path, library: None) -> None:
    assert html.render(scorecard(results)) == html.render(scorecard(results))


def test_the_library_can_stand_in_a_script_element() -> None:
    pytest.importorskip("plotly")
    text = html._library()
    assert text is not None
    assert len(text) > 10**6
    assert "</" not in text
    assert "<!--" not in text
