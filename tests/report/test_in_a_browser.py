"""The page of all committed results in Chromium: silent, alone with itself, and it does what it says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from lit_curriculum.cli.main import main
from lit_curriculum.reproduce.results import Results
from tests.report.browser import FOUND, Page, browser
from tests.support import RESULTS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(FOUND is None, reason="Chromium is not installed (Debian: apt install chromium)"),
]

MOST_BYTES = 20 * 10**6


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("plotly")
    path = tmp_path_factory.mktemp("report") / "report.html"
    assert main(["report", "--results", str(RESULTS.parent), "--out", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def page(path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as page:
        page.open(path)
        yield page


def visible(page: Page, selector: str) -> int:
    """Return how many elements are to be seen."""
    return int(
        page.run(f"[...document.querySelectorAll('{selector}')].filter(e => e.checkVisibility()).length")
    )


def choose(page: Page, name: str, value: str) -> None:
    page.run(
        f"(() => {{ const s = document.getElementById('by-{name}'); s.value = '{value}';"
        " s.dispatchEvent(new Event('change')); })()"
    )


def test_it_is_small_enough(path: Path) -> None:
    assert path.stat().st_size < MOST_BYTES


def test_filters_show_what_they_say(page: Page) -> None:
    reports = [json.loads(path.read_text()) for path in RESULTS.parent.glob("*/*/claims.json")]
    judged = Counter(claim["status"] for report in reports for claim in report["claims"])
    assert (visible(page, "tr.row"), visible(page, "tr.claim")) == (46, judged.total())
    choose(page, "status", "fails")
    assert visible(page, "tr.claim") == judged["fails"]
    choose(page, "paper", "subtask")
    ours = [c for report in reports if report["paper"] == "subtask" for c in report["claims"]]
    assert visible(page, "tr.claim") == sum(claim["status"] == "fails" for claim in ours)
    choose(page, "scale", "paper")
    assert (visible(page, "tr.row"), visible(page, ".result")) == (0, 0)
    page.run("document.getElementById('reset').click()")
    assert visible(page, "tr.row") == 46


def test_a_link_leads_to_a_result_that_a_filter_hides(page: Page) -> None:
    choose(page, "status", "missing")
    assert visible(page, ".result") == 0
    page.run("document.querySelector('a[href=\"#paper-subtask\"]').click()")
    assert visible(page, ".result") > 0


@pytest.mark.parametrize("name", ["fig1-left", "implicit-theory", "subtask-variance"])
def test_charts_are_drawn_when_they_are_opened(page: Page, name: str) -> None:
    values = f"document.getElementById('laptop/{name}').querySelector('details.values')"
    page.run(
        f"new Promise(done => {{ {values}.addEventListener('toggle', () => setTimeout(done, 0));"
        f" {values}.open = true; }})"
    )
    assert (
        page.run(
            f"{values}.querySelectorAll('.js-plotly-plot .trace, .js-plotly-plot .scatterlayer > *').length"
        )
        > 0
    )
    drawn, there = page.run(
        f"(() => {{ const plot = {values}.querySelector('.plot');"
        f" const charts = JSON.parse({values}.querySelector('script').textContent);"
        " return [plot.data.map(t => t.name), [...new Set(charts[0].curves.map(c => c.name))]]; })()"
    )
    assert drawn == there


def test_last_values_are_those_of_the_data(page: Page) -> None:
    """The chart of fig1-left is open: its table has a line for each arm, with last step and mean."""
    lines = page.run(
        "[...document.getElementById('laptop/fig1-left').querySelectorAll('.chart tbody tr')]"
        ".map(r => [...r.cells].map(c => c.textContent))"
    )
    found = Results.read(RESULTS / "fig1-left" / "data.csv")
    assert {line[0] for line in lines} == set(found.values("arm"))
    for name, seeds, step, *numbers in lines:
        last = list(found.final(name, "accuracy").values())
        assert (int(seeds), float(step)) == (len(last), found.values("step")[-1])
        assert [float(number) for number in numbers] == pytest.approx(
            [sum(last) / len(last), min(last), max(last)], rel=1e-3
        )


def test_every_metric_can_be_chosen(page: Page) -> None:
    page.run("document.getElementById('quick/fig22').querySelector('details.values').open = true")
    page.run("new Promise(done => setTimeout(done, 100))")
    titles = page.run(
        "(() => { const v = document.getElementById('quick/fig22').querySelector('details.values');"
        " const s = v.querySelector('select'), seen = [];"
        " for (const o of s.options) { s.value = o.value; s.dispatchEvent(new Event('change'));"
        " seen.push([o.text, v.querySelector('.plot').layout.yaxis.title.text]); } return seen; })()"
    )
    assert len(titles) == 16
    assert all(chosen == drawn for chosen, drawn in titles)


@pytest.mark.parametrize(("width", "dark"), [(1400, False), (390, False), (390, True)])
def test_nothing_is_wider_than_the_window(page: Page, width: int, dark: bool) -> None:
    page.looks(width, 844, dark)
    assert page.run("document.documentElement.scrollWidth") <= width


def test_light_and_dark_differ_and_can_be_read(page: Page) -> None:
    def contrast(dark: bool) -> float:
        page.looks(1400, 900, dark)
        colours = page.run(
            "(() => { const s = getComputedStyle(document.body);"
            " return [s.color, s.backgroundColor].map(c => c.match(/\\d+/g).map(Number)); })()"
        )
        ink, paper = (sum(colour[:3]) / 3 for colour in colours)
        return float(ink - paper)

    assert contrast(dark=False) < -150
    assert contrast(dark=True) > 150


def test_in_print_nothing_is_left_to_be_clicked(page: Page) -> None:
    page.looks(1000, 1400, media="print")
    assert visible(page, ".filters, .copy, details.values") == 0
    assert visible(page, "tr.row") == 46
    page.looks(1400, 900)


def test_everything_can_be_reached_by_keyboard(page: Page) -> None:
    assert page.run(
        "[...document.querySelectorAll('a[href], button, select, summary')].filter(e => e.checkVisibility())"
        ".every(e => e.tabIndex >= 0)"
    )
    assert page.run("[...document.images].every(i => i.alt)")


def test_at_the_end_of_all_that_it_has_complained_of_nothing_and_asked_for_nothing(
    page: Page, path: Path
) -> None:
    assert page.complaints == []
    assert [url for url in page.requests if not url.startswith(("data:", "blob:"))] == [path.as_uri()]


def test_first_paint_does_not_wait_for_the_end_of_the_file(page: Page) -> None:
    """Plotly and the data come last, and run when a chart is opened."""
    order = page.run("[...document.querySelectorAll('main, #plotly')].map(e => e.id || e.tagName)")
    assert order == ["MAIN", "plotly"]
    assert page.run("document.getElementById('plotly').type") == "text/plain"
