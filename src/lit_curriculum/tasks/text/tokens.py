"""Tokens of many documents, held out by document and read in windows of one length."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.files import sha256_of
from lit_curriculum.reading import as_usage_error, read_json
from lit_curriculum.tasks.counter import Stream, random_words
from lit_curriculum.tasks.text.tokenising import DOCUMENTS, MANIFEST, SCHEMA, TOKENS
from lit_curriculum.tasks.text.tokenizer import SPECIAL, TOKENIZER, Vocabulary, load

_PIECE = 2**24

HELD_OUT: tuple[Stream, ...] = ("val", "test")

Tokens = npt.NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True, eq=False)
class TokenStore:
    """All documents of a corpus.

    Attributes:
        tokens: of all documents one after the other, (T,); from a file, only what is read is in memory.
        offsets: where each document begins, and the end, int64 (D + 1,).
        vocabulary: whose ids they are.
    """

    tokens: Tokens
    offsets: npt.NDArray[np.int64]
    vocabulary: Vocabulary


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of one split: its documents one after the other, cut every ``length`` tokens.

    What is left at the end and fills no window is not used.

    Attributes:
        store: the tokens.
        starts: where each of the split's documents begins in the store, int64 (d,).
        ends: how many of the split's tokens precede the end of each, int64 (d,).
        length: tokens of a window.
    """

    store: TokenStore
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    length: int

    def __len__(self) -> int:
        return int(self.ends[-1]) // self.length if len(self.ends) else 0

    def read(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return windows by their numbers, int64 (n, length)."""
        found = np.empty((len(numbers), self.length), dtype=np.int64)
        _read(self.store.tokens, self.starts, self.ends, numbers.astype(np.int64), found)
        return found


def unknown_share(folder: Path) -> float:
    """Return which share of a folder's tokens is [UNK]: 0 for a tokenizer without it."""
    kind = read_json(folder / MANIFEST, "--out")["dtype"]
    unknown = load(folder).token_to_id(SPECIAL[2])
    tokens = np.memmap(folder / TOKENS, dtype=kind, mode="r")
    if unknown is None:
        return 0.0
    # In pieces: a corpus need not fit into memory.
    pieces = range(0, len(tokens), _PIECE)
    found = sum(int(np.count_nonzero(tokens[start : start + _PIECE] == unknown)) for start in pieces)
    return found / len(tokens)


def open_store(folder: Path, key: str = "data.tokens") -> TokenStore:
    """Return the tokens that ``lit tokenize`` wrote into a folder, after comparing them with their digests.

    Raises:
        UsageError: if the folder is not whole, or a file is not what the manifest says.
    """
    if not (folder / MANIFEST).is_file():
        raise bad_value(key, str(folder), "a folder that lit tokenize wrote to its end, or made-up")
    manifest = read_json(folder / MANIFEST, key)
    with as_usage_error(folder / MANIFEST, key):
        try:
            if manifest["schema"] != SCHEMA:
                raise bad_value(key, f"schema {manifest['schema']!r}", f"a folder of schema {SCHEMA}")
            described = dict(manifest["vocabulary"])
            vocabulary = Vocabulary(**{**described, "special": tuple(described["special"])})
            kind = {"uint16": np.uint16, "uint32": np.uint32}[manifest["dtype"]]
            digests = {**manifest["sha256"], TOKENIZER: vocabulary.sha256}
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
    for name in (TOKENS, DOCUMENTS, TOKENIZER):
        with as_usage_error(folder / name, key):
            if sha256_of(folder / name) != digests.get(name):
                raise UsageError(f"{key}: {folder / name} was altered; allowed: what lit tokenize wrote")
    tokens = np.memmap(folder / TOKENS, dtype=kind, mode="r").view(np.ndarray)
    return TokenStore(tokens, np.load(folder / DOCUMENTS, allow_pickle=False), vocabulary)


def split(store: TokenStore, length: int, share: float) -> dict[Stream, Windows]:
    """Return the windows of ``train``, ``val`` and ``test``, which have no document in common.

    A document's split is a function of its number, whatever the seed of a run.

    Args:
        store: the tokens.
        length: tokens of a window.
        share: share of the documents that ``val`` has, and as large a one ``test``.

    Raises:
        UsageError: for a length or a share out of range.
    """
    if length < 1:
        raise bad_value("data.length", length, "an integer of at least 1")
    if not 0 < share < 0.5:
        raise bad_value("data.held_out_share", share, "a share above 0 and below 0.5")
    drawn = random_words(0, "train", 0, len(store.offsets) - 1, 1, "choice")[:, 0]
    bound = round(share * 2**32)
    owner = np.minimum(drawn // np.uint32(bound), 2)
    found: dict[Stream, Windows] = {}
    for number, stream in enumerate((*HELD_OUT, "train")):
        (mine,) = np.nonzero(owner == number)
        ends = np.cumsum(store.offsets[mine + 1] - store.offsets[mine])
        found[stream] = Windows(store, store.offsets[mine], ends, length)
    return found


@njit(cache=True, nogil=True)
def _read(
    tokens: Any, starts: Any, ends: Any, numbers: Any, found: Any
) -> None:  # pragma: no cover - compiled
    """Fill ``found`` (n, length) with the windows of these numbers."""
    length = found.shape[1]
    for row in range(len(numbers)):
        place = numbers[row] * length
        # The document that holds the split's token of this number: the first whose end lies behind it.
        document = np.searchsorted(ends, place, side="right")
        before = ends[document - 1] if document > 0 else 0
        for i in range(length):
            while place + i >= ends[document]:
                before = ends[document]
                document += 1
            found[row, i] = tokens[starts[document] + place + i - before]
