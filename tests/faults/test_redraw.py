"""A damaged folder of results is drawn again as it is, or refused in one line with its files untouched."""

from __future__ import annotations

import json
import random
import shutil
import warnings
from pathlib import Path

import pytest

from lit_curriculum.errors import UsageError
from lit_curriculum.files import sha256_of
from lit_curriculum.reproduce import figure
from lit_curriculum.reproduce.figure import Scale
from tests.faults.drivers import Tally, report
from tests.faults.mutations import edited_bytes, edited_text, edits
from tests.support import COMMITTED, RESULTS

KEPT = ("claims.json", "figure.png", "figure.pdf", "table.csv", "table.md")


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Return a file's content with a few changes: what an edit by hand leaves, or what a disk does."""
    if chance.random() < 0.7:
        return edited_text(content.decode(), edits(chance)).encode()
    return edited_bytes(content, edits(chance))


def refused(name: str, scale: Scale, out: Path) -> str | None:
    """Draw results again; return the message of the refusal, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # matplotlib's, of numbers that are no longer what they were
        try:
            figure.redraw(name, scale, out)
        except UsageError as error:
            return str(error)
    return None


def redraw_damaged(source: Path, out: Path, times: int) -> Tally:
    """Damage the committed results of a target and have them drawn again."""
    name, folder = source.name, out / source.name
    scale: Scale = json.loads((source / "claims.json").read_text())["scale"]
    survived = 0
    for number in range(times):
        chance = random.Random(f"{name} {number}")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(source, folder)
        broken = folder / chance.choice(("data.csv", "data.csv", "claims.json"))
        broken.write_bytes(damaged(broken.read_bytes(), chance))
        if broken.name == "data.csv" and chance.random() < 0.7:  # as if it had been measured so
            report = json.loads((folder / "claims.json").read_text())
            (folder / "claims.json").write_text(json.dumps({**report, "data_sha256": sha256_of(broken)}))
        before = {path: path.read_bytes() for path in folder.iterdir() if path.name in KEPT}
        message = refused(name, scale, out)
        untouched = {path: path.read_bytes() for path in before} == before
        named = message is not None and (str(folder) in message or "--scale" in message)
        survived += message is None or (named and untouched and message.isprintable())
    return Tally("damaged results", times, survived)


@pytest.mark.parametrize("name", ["subtask-fig3", "implicit-fig3"])
def test_damaged_results_are_refused_or_drawn(name: str, tmp_path: Path) -> None:
    assert redraw_damaged(RESULTS / name, tmp_path, 6).survived == 6


@pytest.mark.slow
@pytest.mark.parametrize("source", COMMITTED, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_any_damaged_results_are_refused_or_drawn(source: Path, tmp_path: Path) -> None:
    assert report(redraw_damaged(source, tmp_path, 20)).survived == 20
