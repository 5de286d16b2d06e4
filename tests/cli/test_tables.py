"""Tables: narrow headers, numbers that are read, nothing cut."""

from __future__ import annotations

import pytest
from rich.table import Table

from lit_curriculum.cli import probe
from lit_curriculum.cli.tables import header, number, show_whole


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0.0000"),
        (1.26e-9, "<1e-4"),
        (1e-4, "0.0001"),
        (-3e-7, ">-1e-4"),
        (0.25, "0.2500"),
        (12.0, "12.0000"),
    ],
)
def test_numbers_have_four_decimals(value: float, expected: str) -> None:
    assert number(value) == expected


def test_a_number_that_is_none_is_told() -> None:
    assert number(float("nan")) == "nan"


def test_headers_have_a_word_a_line() -> None:
    assert header("test/accuracy") == "test\nacc"
    assert header("nonterminals_depth_3") == "nonterm\ndepth\n3"


def test_a_table_wider_than_the_terminal_is_not_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    table = Table()
    for i in range(9):
        table.add_column(f"column {i}", justify="right")
    table.add_row(*(f"0.123{i}" for i in range(9)))
    show_whole(table)
    printed = capsys.readouterr().out
    assert all(f"0.123{i}" in printed for i in range(9))
    assert "…" not in printed


def test_a_probe_of_four_windows_fits_into_eighty_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    names = [f"{kind}_{n}" for kind in ("robust", "close") for n in (3, 5, 7, 9)]
    probe._show([{"step": 8000, **dict.fromkeys(names, 1.26e-5)}], None)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    (row,) = [line for line in lines if "8,000" in line]
    assert row.split() == ["8,000"] + ["<1e-4"] * 8
