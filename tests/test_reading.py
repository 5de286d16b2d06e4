"""Files as people and other programs leave them: read exactly, or refused in one line with their name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from lit_curriculum import reading
from lit_curriculum.errors import UsageError
from lit_curriculum.reading import (
    is_there,
    parse_json,
    parse_table,
    read_bytes,
    read_json,
    read_series,
    read_table,
    read_text,
    read_yaml,
)

READERS = (read_bytes, read_text, read_json, read_yaml, read_table)


def refusal(action: Callable[[], object]) -> str:
    """Return the message with which an action is refused, checked to be one line."""
    with pytest.raises(UsageError) as caught:
        action()
    assert str(caught.value).isprintable()
    return str(caught.value)


# --- names that stand for no plain file -----------------------------------------------------------------


def missing(path: Path) -> Path:
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def device(path: Path) -> Path:
    path.symlink_to("/dev/zero")
    return path


def dangling(path: Path) -> Path:
    path.symlink_to("nowhere")
    return path


def looping(path: Path) -> Path:
    path.symlink_to(path)
    return path


def below_a_file(path: Path) -> Path:
    path.write_text("x")
    return path / "file"


def long_name(path: Path) -> Path:
    return path / ("x" * 5000)


def with_a_nul(path: Path) -> Path:
    return Path(f"{path}\0x")


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (missing, "No such file or directory"),
        (folder, "is a folder; allowed: a file"),
        (pipe, "is a pipe or a device; allowed: a plain file"),
        (device, "is a pipe or a device; allowed: a plain file"),
        (dangling, "a link to a file that is not there"),
        (looping, "Too many levels of symbolic links"),
        (below_a_file, "Not a directory"),
        (long_name, "File name too long"),
        (with_a_nul, "null byte"),
    ],
)
def test_what_is_no_plain_file_is_refused_at_once(
    tmp_path: Path, reader: Callable[..., object], make: Callable[[Path], Path], reason: str
) -> None:
    path = make(tmp_path / "it")
    message = refusal(lambda: reader(path, "--option"))
    assert message.startswith(f"--option: {tmp_path}/it")
    assert reason in message


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("x")

    def refuse(*arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # the tests may run as one who may read everything
    assert refusal(lambda: read_text(tmp_path / "a")).endswith("a cannot be read (Permission denied)")


@pytest.mark.parametrize("make", [missing, long_name, with_a_nul, below_a_file])
def test_names_of_nothing_are_not_there(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    assert not is_there(make(tmp_path / "it"))


@pytest.mark.parametrize("make", [folder, pipe, dangling, looping])
def test_whatever_has_a_name_is_there(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    assert is_there(make(tmp_path / "it"))


# --- content --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", READERS)
def test_a_file_of_a_terabyte_is_refused_by_its_size(tmp_path: Path, reader: Callable[..., object]) -> None:
    with (tmp_path / "a").open("wb") as stream:
        stream.truncate(2**40)  # it takes no room
    assert f"has {2**40:,} bytes; allowed: at most" in refusal(lambda: reader(tmp_path / "a"))


def test_a_size_that_the_system_does_not_know_is_found_while_reading(tmp_path: Path) -> None:
    assert os.stat("/proc/self/maps").st_size == 0
    assert read_text("/proc/self/maps")
    assert "allowed: at most 10" in refusal(lambda: read_text("/proc/self/maps", max_bytes=10))


@pytest.mark.parametrize("reader", READERS[1:])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfea\x00", "is not UTF-8 (byte 0: invalid start byte); allowed: UTF-8 text"),
        (b"a: \xe4", "is not UTF-8 (byte 3"),
        (b"a\0b", "it holds a NUL"),
    ],
)
def test_what_is_no_text_is_refused(
    tmp_path: Path, reader: Callable[..., object], content: bytes, reason: str
) -> None:
    (tmp_path / "a").write_bytes(content)
    assert reason in refusal(lambda: reader(tmp_path / "a"))


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("\ufeff[1]", encoding="utf-8")
    assert (read_text(tmp_path / "a"), read_json(tmp_path / "a"), read_yaml(tmp_path / "a")) == (
        "[1]",
        [1],
        [1],
    )
    (tmp_path / "t").write_text("\ufeffstep\n1\n", encoding="utf-8")
    assert read_table(tmp_path / "t") == [{"step": "1"}]


def test_a_name_with_a_line_break_is_told_on_one_line(tmp_path: Path) -> None:
    assert r"a\nb" in refusal(lambda: read_text(tmp_path / "a\nb"))


# --- JSON -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Expecting value"),
        ('{"a": 1, "b": 2, "a": 3}', "key 'a' is given twice"),
        ("[NaN]", "NaN is no JSON"),
        ("[-Infinity]", "-Infinity is no JSON"),
        ("[1e999]", "'1e999' is not a finite number"),
        ("9" * 5000, "a number of 5,000 digits; allowed: at most 1000"),
        ("-" + "9" * 1000, "a number of 1,001 digits"),
        ("0." + "1" * 2000, "is not a finite number of at most 1000 digits"),
        ("[" * 101 + "]" * 101, "nested deeper than 100"),
        ("[" * 1_000_000, "nested deeper than 100"),
        ('{"a":' * 100_000, "nested deeper than 100"),
        (" " * 2**20 + "[" * 101 + "]" * 101, "nested deeper than 100"),
    ],
)
def test_what_is_no_json_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        parse_json(text)


def test_json_is_read_exactly() -> None:
    value = {"a": [1, -2.5, 1e-300, 2**70, True, None, "ü\n", {}], "b": {"c": []}}
    text = '{"a": [1, -2.5, 1e-300, 1180591620717411303424, true, null, "\\u00fc\\n", {}], "b": {"c": []}}'
    assert parse_json(text) == value
    assert parse_json("[" * 100 + "1" + "]" * 100)


def test_a_key_that_is_there_twice_is_found_among_many() -> None:
    pairs = ", ".join(f'"{i}": 0' for i in range(50_000))
    with pytest.raises(ValueError, match="key '49999' is given twice"):
        parse_json(f'{{{pairs}, "49999": 1}}')


# --- YAML -----------------------------------------------------------------------------------------------


def test_yaml_is_limited_more_than_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a: 1\n" + "#" * reading.MAX_YAML_BYTES)
    assert "allowed: at most" in refusal(lambda: read_yaml(tmp_path / "a"))
    assert read_text(tmp_path / "a")


def test_a_fault_of_yaml_has_the_name_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a: 1\na: 2\n")
    assert refusal(lambda: read_yaml(tmp_path / "a", "config")) == (
        f"config: {tmp_path}/a cannot be read (line 2: key 'a' is given twice; allowed: once)"
    )


# --- tables ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,a\n1,2\n", "a column is named twice"),
        ("a,b\n1,2\n3\n", "line 3 has 1 cells, not 2"),
        ("a,b\n1,2,3\n", "line 2 has 3 cells, not 2"),
        ("a,b\n\n1,2\n", "line 2 has 0 cells, not 2"),
        ('a,b\n"1,2\n', "unexpected end of data"),
        ('a,b\n"1"x,2\n', "expected after"),
        ("a\n1\n", "it has no column 'b'"),
        ("", "it has no column 'b'"),
        ("a,b\n1," + "x" * 200_000, "field larger than field limit"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    message = refusal(lambda: read_table(tmp_path / "t.csv", "table", ("b",)))
    assert message.startswith(f"table: {tmp_path}/t.csv cannot be read (")
    assert reason in message


def test_a_table_is_read_whatever_its_line_breaks() -> None:
    expected = [{"a": "1", "b": "x\r\ny"}, {"a": "", "b": "\u2028"}]
    for line in ("\n", "\r\n", "\r"):
        assert parse_table(line.join(["a,b", '1,"x\r\ny"', ",\u2028", ""])) == expected


def test_a_series_is_the_steps_and_values(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("step,x,y\n1,0.5,a\n20,-1e-3,b\n")
    assert read_series(tmp_path / "t.csv", "x") == [(1, 0.5), (20, -1e-3)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("-1,0", "row 2: step is '-1'; allowed: a whole number"),
        ("1.5,0", "row 2: step is '1.5'"),
        ("٣,0", "row 2: step is '٣'"),
        (f"{10**30},0", "row 2: step is '1000"),
        ("2,nan", "row 2: x is 'nan'; allowed: a finite number"),
        ("2,1e999", "row 2: x is '1e999'"),
        ("2,", "row 2: x is ''"),
    ],
)
def test_a_series_is_of_finite_numbers(tmp_path: Path, row: str, reason: str) -> None:
    (tmp_path / "t.csv").write_text(f"step,x\n1,0\n{row}\n")
    assert reason in refusal(lambda: read_series(tmp_path / "t.csv", "x"))
