"""Reading files that people and other programs wrote: whatever is wrong with one is one line with its name.

Every reader of the suite comes through here, so that a file that is missing, unreadable, too large, not
UTF-8, or no JSON, YAML or CSV is told in the same words. Nothing is read but plain files: a pipe would wait
for its writer, a device never end.
"""

from __future__ import annotations

import csv
import errno
import io
import json
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from lit_curriculum.errors import UsageError, shortened
from lit_curriculum.strict_yaml import MAX_DEPTH, MAX_DIGITS, parse_yaml

__all__ = [
    "as_usage_error",
    "is_there",
    "parse_json",
    "parse_table",
    "parse_yaml",
    "read_bytes",
    "read_json",
    "read_series",
    "read_table",
    "read_text",
    "read_yaml",
]

MAX_BYTES = 64 * 2**20
"""Most bytes of a text or JSON file."""

MAX_YAML_BYTES = 8 * 2**20
"""Most bytes of a YAML file, which takes much longer to read."""

MAX_TABLE_BYTES = 2**30
"""Most bytes of a table."""


def is_there(path: str | Path) -> bool:
    """Tell whether anything has this name: a file, a folder, a link that leads nowhere.

    A name that no file can have (too long, or with a NUL) is not there; `read_text` says why.
    """
    try:
        os.lstat(path)
    except (OSError, ValueError):
        return False
    return True


def read_bytes(path: str | Path, key: str = "file", max_bytes: int | None = MAX_BYTES) -> bytes:
    """Return a plain file's content.

    Args:
        path: the file.
        key: what the error calls it, e.g. the option that named it.
        max_bytes: most bytes, or None.

    Raises:
        UsageError: if it is no plain file, cannot be read, or is too large.
    """
    with as_usage_error(path, key), _opened(path, key, max_bytes) as stream:
        content = bytearray()
        # By parts: a file that grows, or that hides its size, is still refused in time.
        while part := stream.read(2**20):
            content += part
            _check_size(path, key, len(content), max_bytes)
        return bytes(content)


def read_text(path: str | Path, key: str = "file", max_bytes: int | None = MAX_BYTES) -> str:
    """Return a text file's content, without a byte order mark and with line breaks as they are.

    Raises:
        UsageError: as `read_bytes`, and if it is not UTF-8 or holds a NUL.
    """
    content = read_bytes(path, key, max_bytes)
    with as_usage_error(path, key):
        text = content.decode("utf-8-sig")
        if "\0" in text:
            raise ValueError("it holds a NUL, so it is no text")
        return text


def read_json(path: str | Path, key: str = "file", max_bytes: int | None = MAX_BYTES) -> Any:
    """Return the value of a JSON file. Raises UsageError as `read_text` and for what `parse_json` refuses."""
    text = read_text(path, key, max_bytes)
    with as_usage_error(path, key):
        return parse_json(text)


def read_yaml(path: str | Path, key: str = "config") -> Any:
    """Return the value of a YAML file. Raises UsageError as `read_text` and for what `parse_yaml` refuses."""
    text = read_text(path, key, MAX_YAML_BYTES)
    with as_usage_error(path, key):
        return parse_yaml(text)


def read_table(path: str | Path, key: str = "table", needed: tuple[str, ...] = ()) -> list[dict[str, str]]:
    """Return the rows of a CSV file with a header.

    Raises:
        UsageError: as `read_text`, and for what `parse_table` refuses.
    """
    text = read_text(path, key, MAX_TABLE_BYTES)
    with as_usage_error(path, key):
        return parse_table(text, needed)


def read_series(path: str | Path, column: str, key: str = "table") -> list[tuple[int, float]]:
    """Return (step, value) of every row of a CSV file whose rows belong to steps.

    Raises:
        UsageError: as `read_table`, and for a step that is no whole number or a value that is not finite.
    """
    rows = read_table(path, key, ("step", column))
    with as_usage_error(path, key):
        return [(_whole(row, i, "step"), _number(row, i, column)) for i, row in enumerate(rows, 1)]


def parse_json(text: str) -> Any:
    """Return the value of a JSON text; all its numbers are finite.

    Raises:
        ValueError: for what is no JSON, a key given twice, nesting deeper than `MAX_DEPTH`, a number that is
            not finite or longer than `MAX_DIGITS`.
    """
    try:
        value = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_integer,
            object_pairs_hook=_unique,
        )
    except RecursionError as error:
        raise ValueError(f"nested deeper than {MAX_DEPTH}") from error
    _check_depth(value)
    return value


def parse_table(text: str, needed: tuple[str, ...] = ()) -> list[dict[str, str]]:
    """Return the rows of a CSV text with a header.

    Args:
        text: the table.
        needed: columns that must be there.

    Raises:
        ValueError: for a column that is missing or named twice, or a row that has more or fewer cells than
            the header, by its line.
        csv.Error: for what is no CSV.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns = next(reader, [])
    if len(set(columns)) != len(columns):
        raise ValueError("a column is named twice")
    for name in needed:
        if name not in columns:
            raise ValueError(f"it has no column {name!r}")
    rows = []
    for cells in reader:
        if len(cells) != len(columns):
            raise ValueError(f"line {reader.line_num} has {len(cells)} cells, not {len(columns)}")
        rows.append(dict(zip(columns, cells, strict=True)))
    return rows


@contextmanager
def as_usage_error(path: str | Path, key: str) -> Iterator[None]:
    """Turn what reading and decoding a file raise into one line that names the file."""
    try:
        yield
    except UsageError:
        raise
    except OSError as error:
        raise UsageError(f"{key}: {path} cannot be read ({_reason(path, error)})") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{key}: {path} is not UTF-8 (byte {error.start}: {error.reason}); allowed: UTF-8 text"
        ) from error
    except (ValueError, yaml.YAMLError, csv.Error, RecursionError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"{key}: {path} cannot be read ({reason[:300]})") from error


def _reason(path: str | Path, error: OSError) -> str:
    if error.errno == errno.ENOENT and is_there(path):
        return "a link to a file that is not there"
    return error.strerror or str(error)


@contextmanager
def _opened(path: str | Path, key: str, max_bytes: int | None) -> Iterator[BinaryIO]:
    """Open a plain file of a size that may be read."""
    # Opening a pipe would wait for a writer; with the flag it does not, and the check below refuses it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise UsageError(f"{key}: {path} is a folder; allowed: a file")
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{key}: {path} is a pipe or a device; allowed: a plain file")
        _check_size(path, key, status.st_size, max_bytes)
        stream = os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise
    with stream:
        yield stream


def _check_size(path: str | Path, key: str, size: int, max_bytes: int | None) -> None:
    if max_bytes is not None and size > max_bytes:
        raise UsageError(f"{key}: {path} has {size:,} bytes; allowed: at most {max_bytes:,}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"key {shortened(name)} is given twice")
            seen.add(name)
    return found


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _finite(text: str) -> float:
    if len(text) > MAX_DIGITS or not math.isfinite(value := float(text)):
        raise ValueError(f"{shortened(text)} is not a finite number of at most {MAX_DIGITS} digits")
    return value


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of {len(text):,} digits; allowed: at most {MAX_DIGITS}")
    return int(text)


def _check_depth(value: Any) -> None:
    """Refuse a value nested deeper than `MAX_DEPTH`, level by level: what follows may be recursive."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise ValueError(f"nested deeper than {MAX_DEPTH}")


def _whole(row: dict[str, str], place: int, column: str) -> int:
    text = row[column]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValueError(f"row {place}: {column} is {shortened(text)}; allowed: a whole number")
    return int(text)


def _number(row: dict[str, str], place: int, column: str) -> float:
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"row {place}: {column} is {shortened(row[column])}; allowed: a finite number")
    return value
