"""No reader of a file raises anything but `UsageError`, whatever the file holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.drivers import report
from tests.faults.fuzzing import TARGETS, fuzz

CHUNKS = 10


@pytest.mark.parametrize("name", TARGETS)
def test_a_wrong_file_is_refused_in_one_line(name: str) -> None:
    target = TARGETS[name]
    assert fuzz(target, target.few).tried >= target.few


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(1, CHUNKS + 1))
@pytest.mark.parametrize("name", TARGETS)
def test_a_hundred_thousand_wrong_files_are_refused(name: str, chunk: int) -> None:
    assert report(fuzz(TARGETS[name], 400, chunk, each=25)).tried >= 10_000


def test_what_a_reader_lets_out_is_told_with_the_input() -> None:
    """The driver itself: a reader that raises something else is caught, and the smallest such input shown."""

    def careless(path: Path) -> None:
        if b"rules" not in path.read_bytes():
            raise LookupError("no rules")

    with pytest.raises(LookupError, match="no rules") as caught:
        fuzz(replace(TARGETS["grammar"], read=careless), 200)
    assert any("mine.json: b'" in note for note in caught.value.__notes__)
