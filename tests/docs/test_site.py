"""The site as `make docs` builds it: no warning, nothing from a network, every link inside it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from docs.tools.modules import public

from tests.support import ROOT

pytestmark = pytest.mark.slow

_LOADED = re.compile(r"<(?:script|img|iframe)\b[^>]*\ssrc=\"?([^\"\s>]+)|<link\b[^>]*\shref=\"?([^\"\s>]+)")
_LINKED = re.compile(r"<a\b[^>]*\shref=\"([^\"]+)\"")
_ANCHOR = re.compile(r"\sid=\"([^\"]+)\"")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def pages(site: Path) -> list[Path]:
    # The page for an unknown address has links from the root of a server.
    return [page for page in sorted(site.rglob("*.html")) if page.name != "404.html"]


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in pages(site):
        for found in _LOADED.findall(page.read_text(encoding="utf-8")):
            address = "".join(found)
            assert not address.startswith(("http:", "https:", "//")), f"{page.name}: {address}"


def test_links_stay_inside_and_lead_somewhere(site: Path) -> None:
    anchors = {page: set(_ANCHOR.findall(page.read_text(encoding="utf-8"))) for page in pages(site)}
    for page in anchors:
        for target in _LINKED.findall(page.read_text(encoding="utf-8")):
            path, anchor = urldefrag(target)
            if re.match(r"[a-z]+:", path) or target in ("#", ""):
                continue
            there = (page.parent / unquote(path)).resolve() if path else page
            assert there.exists(), f"{page.relative_to(site)}: {target}"
            if anchor and there in anchors and not anchor.startswith("__"):
                assert anchor in anchors[there], f"{page.relative_to(site)}: {target}"


def test_the_reference_has_every_module_of_its_packages(site: Path) -> None:
    for package in (
        "tasks",
        "models",
        "probes",
        "theory",
        "distillation",
        "training",
        "callbacks",
        "runs",
        "reproduce",
    ):
        text = (site / "reference" / f"{package}.html").read_text(encoding="utf-8")
        for module in public(f"lit_curriculum.{package}"):
            assert f'id="{module}"' in text, module


def test_the_reference_has_the_public_part(site: Path) -> None:
    import lit_curriculum as lc

    text = "".join(page.read_text(encoding="utf-8") for page in (site / "reference").glob("*.html"))
    for name in lc.__all__:
        assert re.search(rf'id="lit_curriculum\.[a-z_.]*{name}"', text), name
