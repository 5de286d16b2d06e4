"""What of the docs is made by code is what that code makes now."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from docs.tools import configuration, pictures

from lit_curriculum.report import markdown
from lit_curriculum.report.scorecard import scorecard
from tests.support import CONFIGS, RESULTS, ROOT


def test_the_page_of_keys() -> None:
    said = configuration.PAGE.read_text(encoding="utf-8")
    assert said == configuration.page(), "run: python -m docs.tools.configuration"


def rows_of(page: str) -> dict[str, set[str]]:
    """Return the keys of each class: those under its heading, and of data those that all data share."""
    parts = re.split(r"^### (\w+)$", page, flags=re.M)
    texts = dict(zip(parts[1::2], parts[2::2], strict=True))
    rows = {cls: set(re.findall(r"^\| `(\w+)`", text, flags=re.M)) for cls, text in texts.items()}
    shared = rows["CurriculumData"]
    return {
        cls: keys | (shared if "(#data-of-every-experiment)" in texts[cls] else set())
        for cls, keys in rows.items()
    }


def classes(settings: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return every class that settings name, with its arguments."""
    found = []
    if isinstance(settings, dict):
        if "class_path" in settings:
            found.append((settings["class_path"], settings.get("init_args") or {}))
        found += [pair for value in settings.values() for pair in classes(value)]
    if isinstance(settings, list):
        found += [pair for value in settings for pair in classes(value)]
    return found


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_key_of_a_shipped_configuration_is_on_it(path: Path) -> None:
    rows = rows_of(configuration.PAGE.read_text(encoding="utf-8"))
    for name, arguments in classes(yaml.safe_load(path.read_text(encoding="utf-8"))):
        if name in rows:
            assert set(arguments) <= rows[name], name


def test_a_key_tells_type_default_and_meaning() -> None:
    class Base:
        """A base.

        Args:
            b: of the base. A second sentence.
        """

        def __init__(self, b: float | None = None) -> None: ...

    class Child(Base):
        """A child.

        Args:
            a: of the child, e.g. `x`.
            **more: see `Base`.
        """

        def __init__(self, a: int, **more: Any) -> None:
            super().__init__(**more)

    assert configuration.keys(Child) == [
        ("`a`", "`int`", "required", "of the child, e.g. `x`."),
        ("`b`", "`float or null`", "`null`", "of the base."),
    ]


@pytest.mark.parametrize("name", ["schedules.svg", "data_flow.svg"])
def test_pictures(name: str) -> None:
    made = pictures.pictures()[name]
    assert (pictures.FOLDER / name).read_text(encoding="utf-8") == made, "run: python -m docs.tools.pictures"
    root = ElementTree.fromstring(made)
    # A ground of its own under all of it: ink is dark on a dark page, too.
    assert root[0].attrib["fill"] == "#fbfbfd"
    assert root.attrib["viewBox"].endswith(f"{root[0].attrib['width']} {root[0].attrib['height']}")


def test_the_summary_of_results() -> None:
    page = ROOT / "docs" / "index.md"
    text = page.read_text(encoding="utf-8")
    made = markdown.updated(text, scorecard(RESULTS.parent), page.parent, "docs/index.md")
    assert text == made, "run: lit report --update docs/index.md"
