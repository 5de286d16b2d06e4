"""From a corpus to a folder of tokens, once; a killed run goes on where it was.

    tokenizer.json      the tokenizer
    tokens.bin          all documents one after the other, uint16 or uint32, each with [SEP] behind it
    documents.npy       where each begins, int64 (documents + 1,)
    manifest.json       digests and counts, written last: a folder without it is not whole
    progress.json       how many documents and tokens are done, while it is not
    documents.partial   their lengths, while it is not

The tokens file is cut to what ``progress.json`` says before it grows again. A document's tokens do not depend
on what stood in the batch beside it, so the files come out the same bits however often it was killed.
"""

from __future__ import annotations

import array
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.files import fsync, hash_of_json, sha256_of, write_json, write_text, write_with
from lit_curriculum.reading import read_json
from lit_curriculum.tasks.text import tokenizer as tokenizers
from lit_curriculum.tasks.text.corpus import Corpus, Piece, source_name
from lit_curriculum.tasks.text.tokenizer import TOKENIZER, Vocabulary

SCHEMA = 1
MANIFEST, PROGRESS = "manifest.json", "progress.json"
TOKENS, DOCUMENTS, PARTIAL = "tokens.bin", "documents.npy", "documents.partial"

# Characters and pieces of a batch: the package's own threads share it, and its answer takes a hundred bytes
# a token.
BATCH_CHARACTERS, BATCH_PIECES = 2**20, 2048
# Batches between two records of the progress.
SAVE_EVERY = 16

Report = Callable[[str, int, int], None]
"""Called with what is done (in words), and how much of how much, in bytes."""


@dataclass(frozen=True)
class Tokenising:
    """What is asked for.

    Attributes:
        corpus: the documents.
        out: the folder.
        vocab_size: size of the vocabulary, where a tokenizer is trained.
        tokenizer: folder or file of a tokenizer to use instead.
    """

    corpus: Corpus
    out: Path
    vocab_size: int = 8000
    tokenizer: Path | None = None

    def settings(self) -> dict[str, Any]:
        """Return what makes two of them the same."""
        made_by: dict[str, Any] = {"vocab_size": self.vocab_size}
        if self.tokenizer is not None:
            file = self.tokenizer / TOKENIZER if self.tokenizer.is_dir() else self.tokenizer
            made_by = {"tokenizer": sha256_of(file)}
        return {"schema": SCHEMA, "corpus": self.corpus.digest(), **made_by}


def tokenise(asked: Tokenising, report: Report = lambda text, done, size: None) -> dict[str, Any]:
    """Make the folder, or go on making it, and return its manifest.

    Where it is whole already nothing is done. After wrong input nothing is left of a new folder.

    Raises:
        UsageError: if the source, the tokenizer or the folder is not what is allowed.
    """
    if asked.tokenizer is None:
        tokenizers.check_size(asked.vocab_size)
    else:
        tokenizers.vocabulary_of(tokenizers.load(asked.tokenizer), "")
    key = hash_of_json(asked.settings())
    state = _state(asked.out, key)
    if state is None:
        return _finished(asked.out)
    if not state:
        asked.corpus.check_not_empty()
    new = not asked.out.exists()
    try:
        return _make(asked, key, state, report)
    except UsageError:
        if not state:
            _remove(asked.out, new)
        raise


def _state(out: Path, key: str) -> dict[str, Any] | None:
    """Return the progress that a folder holds: none yet ({}), or None where it is whole.

    Raises:
        UsageError: if it holds something else.
    """
    if not out.exists():
        return {}
    allowed = "a new or empty folder, or one in which the same command was begun"
    if not out.is_dir():
        raise bad_value("--out", str(out), allowed)
    inside = {path.name for path in out.iterdir()}
    for name in (MANIFEST, PROGRESS):
        if name in inside:
            found = read_json(out / name, "--out")
            if not isinstance(found, dict) or found.get("key") != key:
                raise bad_value("--out", str(out), f"{allowed}: this one holds other tokens")
            if name == PROGRESS and not all(_is_count(found.get(k)) for k in ("documents", "tokens")):
                raise bad_value("--out", str(out), f"{allowed}: its {PROGRESS} is damaged")
            return None if name == MANIFEST else found
    # What a kill left before the first record is a hidden file of `files.replacing`.
    if any(not name.startswith(f".{PROGRESS}.") for name in inside):
        raise bad_value("--out", str(out), allowed)
    return {}


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _make(asked: Tokenising, key: str, state: dict[str, Any], report: Report) -> dict[str, Any]:
    out = asked.out
    if not state:
        state = {"key": key, "documents": 0, "tokens": 0}
        write_json(out / PROGRESS, state)
    if not (out / TOKENIZER).exists():
        write_text(out / TOKENIZER, _tokenizer(asked, report).to_str(pretty=True))
    tokenizer = tokenizers.load(out / TOKENIZER)
    vocabulary = tokenizers.vocabulary_of(tokenizer, sha256_of(out / TOKENIZER))
    _write_tokens(asked, tokenizer, vocabulary, state, report)
    lengths = np.fromfile(out / PARTIAL, dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    write_with(out / DOCUMENTS, lambda path: _save(path, offsets))
    manifest = {
        "schema": SCHEMA,
        "key": key,
        "source": source_name(asked.corpus.source),
        "field": asked.corpus.field,
        "corpus": asked.corpus.digest(),
        "documents": len(lengths),
        "tokens": int(offsets[-1]),
        "dtype": _dtype(vocabulary).name,
        "vocabulary": vocabulary.describe(),
        "sha256": {name: sha256_of(out / name) for name in (TOKENS, DOCUMENTS)},
    }
    write_json(out / MANIFEST, manifest)
    return _finished(out)


def _tokenizer(asked: Tokenising, report: Report) -> Any:
    """Return the tokenizer asked for."""
    if asked.tokenizer is not None:
        return tokenizers.load(asked.tokenizer)
    corpus = asked.corpus

    def texts(what: str) -> Iterator[str]:
        for piece in corpus.pieces():
            report(what, corpus.done, corpus.size)
            yield piece.text

    return tokenizers.train(texts("letters"), texts("vocabulary"), asked.vocab_size)


def _write_tokens(
    asked: Tokenising, tokenizer: Any, vocabulary: Vocabulary, state: dict[str, Any], report: Report
) -> None:
    """Append the tokens that are not there yet, and record from time to time how many are."""
    out, kind = asked.out, _dtype(vocabulary)
    with (
        _cut(out / TOKENS, state["tokens"] * kind.itemsize) as tokens,
        _cut(out / PARTIAL, state["documents"] * 8) as documents,
    ):
        writer = _Writer(tokens, documents, vocabulary, kind, dict(state))
        batches = _batches(asked.corpus, state["documents"], report)
        with ThreadPoolExecutor(1) as ahead:
            # While one batch is written the next is tokenised, in threads that need no interpreter lock.
            waiting: tuple[list[Piece], Any] | None = None
            for number, batch in enumerate(batches, 1):
                future = ahead.submit(_encode, tokenizer, batch)
                if waiting:
                    writer.add(*waiting)
                waiting = (batch, future)
                if number % SAVE_EVERY == 0:
                    writer.save(out / PROGRESS)
            if waiting:
                writer.add(*waiting)
        writer.save(out / PROGRESS)


def _encode(tokenizer: Any, batch: list[Piece]) -> Any:
    return tokenizer.encode_batch_fast([piece.text for piece in batch], add_special_tokens=False)


def _batches(corpus: Corpus, skip: int, report: Report) -> Iterator[list[Piece]]:
    """Return the pieces of all documents but the first ``skip``, many at a time."""
    batch: list[Piece] = []
    characters = 0
    for piece in corpus.pieces():
        if skip:
            skip -= piece.ends
            continue
        batch.append(piece)
        characters += len(piece.text)
        if characters >= BATCH_CHARACTERS or len(batch) >= BATCH_PIECES:
            report("tokens", corpus.done, corpus.size)
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
    report("tokens", corpus.done, corpus.size)


class _Writer:
    """Appends tokens and lengths of documents.

    Args:
        tokens: the tokens file, at its end.
        documents: the file of lengths, at its end.
        vocabulary: which id ends a document.
        kind: of a token.
        state: what the files hold; kept up to date for whole documents.
    """

    def __init__(
        self,
        tokens: BinaryIO,
        documents: BinaryIO,
        vocabulary: Vocabulary,
        kind: np.dtype[Any],
        state: dict[str, Any],
    ) -> None:
        self.tokens, self.documents, self.vocabulary = tokens, documents, vocabulary
        self.code, self.state = "H" if kind == np.uint16 else "I", state
        self.open = 0  # tokens of a document whose end has not come

    def add(self, batch: list[Piece], answer: Any) -> None:
        """Write a batch, whose tokens are what ``answer`` will be."""
        ids, lengths = array.array(self.code), array.array("q")
        end = self.vocabulary.end_id
        for piece, encoding in zip(batch, answer.result(), strict=True):
            of_piece = encoding.ids
            ids.fromlist(of_piece)
            self.open += len(of_piece)
            if piece.ends:
                # A document without a token has no end either.
                if self.open and end is not None:
                    ids.append(end)
                    self.open += 1
                lengths.append(self.open)
                self.open = 0
        ids.tofile(self.tokens)
        lengths.tofile(self.documents)
        self.state["documents"] += len(lengths)
        self.state["tokens"] += sum(lengths)

    def save(self, path: Path) -> None:
        """Record how many documents are whole, after they are on the disk."""
        for stream in (self.tokens, self.documents):
            stream.flush()
            fsync(Path(stream.name))
        write_json(path, self.state)


def _cut(path: Path, size: int) -> BinaryIO:
    """Open a file for appending behind its first ``size`` bytes."""
    path.touch()
    if path.stat().st_size < size:
        raise bad_value("--out", str(path), f"a file of at least {size} bytes, as {PROGRESS} says")
    os.truncate(path, size)
    return path.open("ab")


def _dtype(vocabulary: Vocabulary) -> np.dtype[Any]:
    return np.dtype(np.uint16 if vocabulary.size <= 2**16 else np.uint32)


def _save(path: Path, offsets: Any) -> None:
    with path.open("wb") as stream:
        np.save(stream, offsets)


def _finished(out: Path) -> dict[str, Any]:
    """Remove what is not needed any more and return the manifest."""
    for name in (PROGRESS, PARTIAL):
        (out / name).unlink(missing_ok=True)
    manifest: dict[str, Any] = read_json(out / MANIFEST, "--out")
    for name, digest in manifest["sha256"].items():
        if not (out / name).is_file() or sha256_of(out / name) != digest:
            raise bad_value(
                "--out", str(out / name), "what was written there; a new folder, to tokenise again"
            )
    return manifest


def _remove(out: Path, new: bool) -> None:
    """Remove what was begun, and the folder if it was not there before."""
    for name in (PROGRESS, TOKENIZER, TOKENS, PARTIAL):
        (out / name).unlink(missing_ok=True)
    if new and out.is_dir():
        out.rmdir()
