"""A small folder of results: three targets of the committed ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import COMMITTED, RESULTS

KEPT = ("fig1-left", "fig10", "fig26")
"""All of its claims hold; some have no measured value; both are inconclusive."""


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder like ``results``, with one scale in it."""
    root = tmp_path / "results"
    for name in KEPT:
        folder = root / "laptop" / name
        shutil.copytree(next(path for path in COMMITTED if path.name == name), folder)
        claims = (folder / "claims.json").read_text()
        (folder / "claims.json").write_text(claims.replace('"scale": "quick"', '"scale": "laptop"'))
    for name in ("findings.json", "machine.txt"):
        shutil.copy(RESULTS / name, root / "laptop" / name)
    return root


@pytest.fixture
def change(results: Path) -> Callable[[Callable[[Any], None]], None]:
    """Change what fig26's claims.json holds."""

    def changed(edit: Callable[[Any], None]) -> None:
        path = results / "laptop" / "fig26" / "claims.json"
        report = json.loads(path.read_text())
        edit(report)
        path.write_text(json.dumps(report))

    return changed
