"""Wrong command lines: exit code 2, at most three lines, nothing written."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from lit_curriculum.cli.main import main
from tests.faults.command_lines import all_lines
from tests.faults.drivers import Tally, report

LINES = all_lines()


def attempt(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "work"
    empty = tmp_path / "empty"
    work.mkdir()
    empty.mkdir()
    monkeypatch.chdir(work)
    # Lightning's log handler keeps the stream of the test that imported it, which pytest has closed since.
    monkeypatch.setattr(logging, "raiseExceptions", False)
    words = [word.replace("{tmp}", str(empty)) for word in words]
    try:
        code = main(words)
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    message = capsys.readouterr().err
    shown = [line for line in message.splitlines() if line.strip()]
    assert code == 2, f"{words}: {code}\n{message}"
    assert 1 <= len(shown) <= 3, f"{words}\n{message}"
    assert "Traceback" not in message
    assert all(len(line) < 3000 for line in shown)
    assert not list(work.iterdir())
    assert not list(empty.iterdir())


@pytest.mark.parametrize("number", range(0, len(LINES), 7), ids=lambda n: " ".join(LINES[n])[-60:])
def test_a_wrong_command_line_is_told(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    attempt(LINES[number], tmp_path, monkeypatch, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(LINES)), ids=lambda n: " ".join(LINES[n])[-60:])
def test_every_wrong_command_line_is_told(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    attempt(LINES[number], tmp_path, monkeypatch, capsys)
    report(Tally("wrong command lines, one to three lines, exit 2, nothing written", 1, 1))
