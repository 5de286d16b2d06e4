"""Reading files that people and other programs wrote: whatever is wrong with one is one line with its name.

Every reader of the suite comes through here, so that a file that is missing, unreadable, too large, not
UTF-8, or no JSON, YAML or CSV is told in the same words.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from lit_curriculum.errors import UsageError

MAX_BYTES = 64 * 2**20
"""Most bytes of a file that is read as a whole; tables are not limited."""

MAX_DEPTH = 100
"""Deepest nesting of JSON and YAML."""

MAX_VALUES = 1_000_000
"""Most values of a YAML file, its aliases written out."""


def read_text(path: str | Path, key: str = "file", max_bytes: int | None = MAX_BYTES) -> str:
    """Return a text file's content.

    Args:
        path: the file.
        key: what the error calls it, e.g. the option that named it.
        max_bytes: most bytes, or None.

    Raises:
        UsageError: if it cannot be read, is too large, or is not UTF-8.
    """
    path = Path(path)
    with as_usage_error(path, key):
        if path.is_dir():
            raise UsageError(f"{key}: {path} is a folder; allowed: a file")
        size = path.stat().st_size
        if max_bytes is not None and size > max_bytes:
            raise UsageError(f"{key}: {path} has {size:,} bytes; allowed: at most {max_bytes:,}")
        return path.read_text(encoding="utf-8")


def read_json(path: str | Path, key: str = "file", max_bytes: int | None = MAX_BYTES) -> Any:
    """Return the value of a JSON file. Raises UsageError as `read_text`, and for what is no JSON."""
    text = read_text(path, key, max_bytes)
    with as_usage_error(Path(path), key):
        _check_depth(text, path, key, "[{", "]}")
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)


def read_yaml(path: str | Path, key: str = "config") -> Any:
    """Return the value of a YAML file. Raises UsageError as `read_text`, and for what is no YAML.

    A key given twice is refused: YAML's libraries silently take the last one.
    """
    text = read_text(path, key)
    with as_usage_error(Path(path), key):
        return parse_yaml(text)


def parse_yaml(text: str) -> Any:
    """Return the value of a YAML text.

    Raises:
        yaml.YAMLError: for what is no YAML, a key given twice, or too deep nesting.
    """
    return yaml.load(text, _StrictLoader)


def read_table(path: str | Path, key: str = "table") -> list[dict[str, str]]:
    """Return the rows of a CSV file with a header.

    Raises:
        UsageError: as `read_text`, and for a row that has more or fewer cells than the header, by its line.
    """
    path = Path(path)
    with as_usage_error(path, key), path.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        columns = next(reader, [])
        if len(set(columns)) != len(columns):
            raise ValueError("a column is named twice")
        rows = []
        for cells in reader:
            if len(cells) != len(columns):
                raise ValueError(f"line {reader.line_num} has {len(cells)} cells, not {len(columns)}")
            rows.append(dict(zip(columns, cells, strict=True)))
        return rows


@contextmanager
def as_usage_error(path: Path, key: str) -> Iterator[None]:
    """Turn what reading and decoding a file raise into one line that names the file."""
    try:
        yield
    except UsageError:
        raise
    except OSError as error:
        raise UsageError(f"{key}: {path} cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{key}: {path} is not UTF-8 (byte {error.start}: {error.reason}); allowed: UTF-8 text"
        ) from error
    except (ValueError, yaml.YAMLError, csv.Error, RecursionError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"{key}: {path} cannot be read ({reason[:300]})") from error


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice, deep nesting, and aliases that expand to very much."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.YAMLError(f"nested deeper than {MAX_DEPTH}")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def get_single_node(self) -> Any:
        node = super().get_single_node()
        if node is not None:
            _expanded_size(node, {})
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for name, _ in node.value:
            # `<<` may be there several times; it is no key.
            if name.tag != "tag:yaml.org,2002:merge" and isinstance(name, yaml.ScalarNode):
                if name.value in seen:
                    line = name.start_mark.line + 1
                    raise yaml.YAMLError(f"line {line}: key {name.value!r} is given twice; allowed: once")
                seen.add(name.value)
        return super().construct_mapping(node, deep)


def _expanded_size(node: yaml.Node, known: dict[int, int | None]) -> int:
    """Return how many values a node stands for once its aliases are written out.

    A few lines of aliases of aliases stand for billions; an alias of what it is part of, for no end of them.
    """
    if id(node) in known:
        size = known[id(node)]
        if size is None:
            raise yaml.YAMLError("an alias stands for what it is part of")
        return size
    known[id(node)] = None
    size = 1
    if isinstance(node, yaml.CollectionNode):
        for value in node.value:
            size += sum(_expanded_size(p, known) for p in (value if isinstance(value, tuple) else [value]))
    if size > MAX_VALUES:
        raise yaml.YAMLError(f"more than {MAX_VALUES:,} values")
    known[id(node)] = size
    return size


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key {twice!r} is given twice")
    return found


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _check_depth(text: str, path: str | Path, key: str, opening: str, closing: str) -> None:
    """Refuse deep nesting before a recursive parser meets it. Brackets in strings count: an upper bound."""
    depth = deepest = 0
    for character in text if len(text) < 2**20 else text[: 2**20]:
        if character in opening:
            depth += 1
            deepest = max(deepest, depth)
        elif character in closing:
            depth -= 1
    if deepest > 10 * MAX_DEPTH:
        raise UsageError(f"{key}: {path} is nested {deepest} deep; allowed: {MAX_DEPTH}")
