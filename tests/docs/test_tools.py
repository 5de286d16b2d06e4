"""Links of pages, and the pages that the site has for files outside docs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from docs.tools import links, modules, repository, results

from tests.support import COMMITTED, RESULTS, ROOT


def test_links_are_changed_and_code_is_not() -> None:
    text = "[a](b.md#c) ![d](e.png) `[f](g)` <!-- -->\n````\n[h](i)\n```\n[j](k)\n````\n[l](m)"
    assert links.targets(text) == ["b.md#c", "e.png", "m"]
    assert links.replaced(text, str.upper) == text.replace("b.md#c", "B.MD#C").replace(
        "e.png", "E.PNG"
    ).replace("(m)", "(M)")


def test_a_link_is_resolved_from_its_page() -> None:
    assert links.resolved("docs/how_to/x.md", "../../README.md#y") == links.Link("README.md", "y")
    assert links.resolved("README.md", "docs/a.md") == links.Link("docs/a.md", "")
    for elsewhere in ("https://x.org", "mailto:x", "#anchor", "/root"):
        assert links.resolved("README.md", elsewhere) is None


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("docs/pcfg.md", "pcfg.md"),
        ("results/laptop", "results/index.md"),
        ("results/laptop/fig2", "results/fig2.md"),
        ("results/laptop/fig2/figure.png", "repository/results/laptop/fig2/figure.png"),
        ("src/lit_curriculum/experiments/lego/README.md", "experiments/lego.md"),
        ("README.md", "repository/readme_page.md"),
        ("examples/digits.py", "repository/examples/digits.py.md"),
    ],
)
def test_places(path: str, place: str) -> None:
    assert repository.place(path) == place


def test_what_pages_link_to_gets_a_page_and_so_on() -> None:
    found = repository.needed(["docs/how_to/own_module.md"])
    assert {"examples/digits.py", "README.md"} <= set(found)
    # Those are README's.
    assert {"results/laptop/fig2", "CONTRIBUTING.md"} <= set(found)
    assert not [path for path in found if path.startswith("docs/")]
    assert len({repository.place(path) for path in found}) == len(found)


def test_links_lead_to_where_the_site_has_it() -> None:
    said = "[a](../../examples/digits.py) [b](../distillation.md#temperature) [c](nowhere.md)"
    assert repository.with_links("docs/how_to/own_module.md", said) == (
        "[a](../repository/examples/digits.py.md) [b](../distillation.md#temperature) [c](nowhere.md)"
    )
    assert repository.with_links("README.md", "[d](docs/log)") == "[d](../log/README.md)"


def test_a_result_shows_every_claim() -> None:
    page = results.one_result(ROOT, "results/laptop/fig13")
    claims = json.loads((RESULTS / "fig13" / "claims.json").read_text())["claims"]
    for claim in claims:
        assert f"| {claim['statement']} |" in page
        assert claim["expected"] in page
    assert page.count("\n| ") == len(claims) + 1
    assert "(fig13/figure.png)" in page


def test_every_result_is_listed_under_its_paper() -> None:
    listed = results.by_paper(ROOT)
    assert {name for names in listed.values() for name in names} == {
        path.name if path.parent.name == "laptop" else f"{path.parent.name}/{path.name}" for path in COMMITTED
    }
    assert "implicit-fig2" in listed["implicit"]
    assert {ROOT / folder for folder in results.folders(ROOT)} == set(COMMITTED)


def test_public_modules_are_all_but_private_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {
        "p/__init__.py": "from p.a import x\n",
        "p/a.py": "",
        "p/_b.py": "",
        "p/q/__init__.py": "def y(): ...\n",
        "p/q/c.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(modules, "SOURCE", tmp_path)
    assert list(modules.public("p")) == ["p.a", "p.q", "p.q.c"]
    assert modules.listed("x\n<!-- modules of p.q -->") == "x\n::: p.q\n\n::: p.q.c"
