"""The documents of a corpus, one after the other, in pieces of bounded size.

A corpus is a file or a folder of files, or a data set of the Hugging Face hub (``hf:NAME`` or
``hf:NAME:CONFIG``, which needs the network). Documents of a file:

    .txt               the whole file is one document
    .jsonl             every line is an object, the document is one of its fields
    .json              a list of objects, or an object of objects
    .parquet, .arrow   every row, a column (extra ``text``)

Nothing is held in memory but the piece at hand: of any size of corpus a few megabytes. Of ``.json`` it is one
object, of ``.parquet`` a few rows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.files import hash_of_json, sha256_of
from lit_curriculum.reading import as_usage_error, parse_json
from lit_curriculum.tasks.text.json_stream import objects

HUB = "hf:"
PIECE = 2**16
"""Most characters of a piece."""

MOST_BYTES = 2**28
"""Most bytes of a line or of an object."""


class Piece(NamedTuple):
    """A part of a document.

    Attributes:
        text: at most `PIECE` characters, cut behind white space wherever there is some.
        ends: whether the document ends here.
    """

    text: str
    ends: bool


class Corpus:
    """What a source holds. `pieces` may be read as often as one likes and gives the same each time.

    Args:
        source: a file, a folder, or ``hf:NAME[:CONFIG]``.
        field: the field or column that holds a document.

    Attributes:
        files: the files in the order in which they are read: by name.
        done: bytes that the present or last reading has passed, of `size`.

    Raises:
        UsageError: if there is no such source, or a file of a kind that is not known.
    """

    def __init__(self, source: str, field: str = "text") -> None:
        self.source, self.field = source, field
        self.files = [] if source.startswith(HUB) else _files_of(Path(source))
        self.done = 0

    @property
    def size(self) -> int:
        """Bytes of all files; 0 for the hub, which does not say."""
        return sum(path.stat().st_size for path in self.files)

    def digest(self) -> str:
        """Return the SHA-256 of the source's file names and contents, and of the field."""
        root = Path(self.source)
        names = [[path.relative_to(root).as_posix(), sha256_of(path)] for path in self.files]
        if root.is_file():
            names = [[root.name, sha256_of(root)]]
        return hash_of_json({"files": names or self.source, "field": self.field})

    def pieces(self) -> Iterator[Piece]:
        """Return the documents in pieces.

        Raises:
            UsageError: naming the file that cannot be read, is no text, or lacks the field.
        """
        self.done = 0
        if self.source.startswith(HUB):
            for text in _of_the_hub(self.source, self.field):
                yield from cut(text)
        for path in self.files:
            start, size = self.done, path.stat().st_size
            for piece, passed in _READERS[path.suffix](path, self.field):
                self.done = start + min(passed, size)
                yield piece
            self.done = start + size

    def check_not_empty(self) -> None:
        """Check that some document holds a letter.

        Raises:
            UsageError: if none does.
        """
        if not any(piece.text.strip() for piece in self.pieces()):
            raise bad_value("SOURCE", self.source, "a corpus with at least one document that is not empty")


def cut(text: str) -> Iterator[Piece]:
    """Return a document in pieces."""
    start = 0
    while len(text) - start > PIECE:
        end = _end(text, start)
        yield Piece(text[start:end], False)
        start = end
    yield Piece(text[start:], True)


def _end(text: str, start: int) -> int:
    """Return where the piece from ``start`` on ends: behind the last white space that it can hold."""
    for space in ("\n", " "):
        found = text.rfind(space, start, start + PIECE)
        if found > start:
            return found + 1
    return start + PIECE


def _files_of(path: Path) -> list[Path]:
    """Return a source's files.

    Raises:
        UsageError: if there is none, or one of another kind.
    """
    if not path.exists():
        raise bad_value("SOURCE", str(path), f"a file or folder that is there, or {HUB}NAME:CONFIG")
    inside = sorted(path.rglob("*")) if path.is_dir() else [path]
    found = [
        file
        for file in inside
        if not file.is_dir() and not any(part.startswith(".") for part in file.relative_to(path).parts)
    ]
    for file in found:
        if file.suffix not in _READERS:
            raise bad_value("SOURCE", str(file), f"files that end in {', '.join(_READERS)}")
    if not found:
        raise bad_value("SOURCE", str(path), "a folder with at least one file")
    return found


# Pieces, each with how many bytes of the file are behind it.
_Read = Iterator[tuple[Piece, int]]


def _text(path: Path, field: str) -> _Read:
    """One document, read a piece at a time."""
    rest, passed = "", 0
    with as_usage_error(path, "SOURCE"), path.open(encoding="utf-8-sig", newline="") as stream:
        while part := stream.read(PIECE):
            rest += part
            while len(rest) > PIECE:
                end = _end(rest, 0)
                passed += end
                yield Piece(rest[:end], False), passed
                rest = rest[end:]
    yield Piece(rest, True), passed + len(rest)


def _lines(path: Path, field: str) -> _Read:
    with as_usage_error(path, "SOURCE"), path.open("rb") as stream:
        number = passed = 0
        while line := stream.readline(MOST_BYTES + 1):
            number += 1
            passed += len(line)
            if len(line) > MOST_BYTES:
                raise ValueError(f"line {number} has more than {MOST_BYTES:,} bytes")
            if line.strip():
                text = _document(parse_json(line.decode("utf-8-sig")), field, path, f"line {number}")
                for piece in cut(text):
                    yield piece, passed


def _json(path: Path, field: str) -> _Read:
    with as_usage_error(path, "SOURCE"), path.open(encoding="utf-8-sig", newline="") as stream:
        for number, (value, passed) in enumerate(objects(stream, MOST_BYTES), 1):
            for piece in cut(_document(value, field, path, f"object {number}")):
                yield piece, passed


def _columns(path: Path, field: str) -> _Read:
    with as_usage_error(path, "SOURCE"):
        names, batches = _batches(path, field)
        if field not in names:
            raise bad_value("--field", field, f"a column of {path}: {', '.join(names[:20])}")
        size, read, row = path.stat().st_size, 0, 0
        for batch in batches:
            read = min(size, read + batch.nbytes)
            for value in batch.column(batch.schema.get_field_index(field)).to_pylist():
                row += 1
                for piece in cut(_checked(value, field, path, f"row {row}")):
                    yield piece, read


def _batches(path: Path, field: str) -> tuple[list[str], Iterator[Any]]:
    """Return the columns of a table, and its rows some at a time."""
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise _needs_extra("pyarrow", str(path)) from error
    try:
        if path.suffix == ".parquet":
            table = parquet.ParquetFile(path)
            names = list(table.schema_arrow.names)
            return names, table.iter_batches(batch_size=256, columns=[n for n in names if n == field])
        try:
            reader = arrow.ipc.open_stream(arrow.memory_map(str(path)))
            return list(reader.schema.names), iter(reader)
        except arrow.ArrowInvalid:
            file = arrow.ipc.open_file(arrow.memory_map(str(path)))
            return list(file.schema.names), (file.get_batch(i) for i in range(file.num_record_batches))
    except arrow.ArrowException as error:
        raise ValueError(str(error)) from error


def _of_the_hub(source: str, field: str) -> Iterator[str]:
    try:
        import datasets
    except ImportError as error:
        raise _needs_extra("datasets", source) from error
    name, _, config = source.removeprefix(HUB).partition(":")
    try:
        for number, row in enumerate(
            datasets.load_dataset(name, config or None, split="train", streaming=True)
        ):
            yield _document(row, field, source, f"row {number}")
    except UsageError:
        raise
    except Exception as error:
        # Whatever that package raises: no network, no such name, no such configuration.
        raise UsageError(
            f"SOURCE: {source} cannot be read ({type(error).__name__}: {error}); allowed: a data set of the "
            "hub, with the network, or a file here"
        ) from error


def _needs_extra(package: str, what: str) -> UsageError:
    return bad_value(
        "SOURCE", what, f"with {package} only, which the extra brings: pip install 'lit_curriculum[text]'"
    )


def _document(value: Any, field: str, path: object, place: str) -> str:
    """Return the document of an object.

    Raises:
        UsageError: if it is no object, or lacks the field.
    """
    if not isinstance(value, dict):
        raise UsageError(f"SOURCE: {place} of {path} is a {type(value).__name__}; allowed: an object")
    if field not in value:
        raise bad_value("--field", field, f"a field of {place} of {path}: {', '.join(list(value)[:20])}")
    return _checked(value[field], field, path, place)


def _checked(value: Any, field: str, path: object, place: str) -> str:
    if not isinstance(value, str):
        raise bad_value("--field", field, f"one that holds text; in {place} of {path} it does not")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            found = f"half of a surrogate pair at letter {error.start}"
            raise UsageError(
                f"SOURCE: {place} of {path} holds {found}; allowed: letters of Unicode"
            ) from None
    return value


_READERS: dict[str, Callable[[Path, str], _Read]] = {
    ".txt": _text,
    ".jsonl": _lines,
    ".json": _json,
    ".parquet": _columns,
    ".arrow": _columns,
}


def source_name(source: str) -> str:
    """Return what a manifest calls a source: no path of this machine."""
    return source if source.startswith(HUB) else os.path.basename(os.path.abspath(source))
