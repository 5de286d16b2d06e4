"""What a file of labels holds: a mark, a hash, and the answers to some batches in few bytes.

A `Codec` makes bytes of one kind of answers and reads them again, number for number: a step on labels that
were kept is the same bits as one on labels that were just computed.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from lit_curriculum.distillation.answers import Answers
from lit_curriculum.distillation.top_k import TopK
from lit_curriculum.errors import bad_value

A = TypeVar("A")

_MAGIC = b"LITLABL1"
# Sharp: batches, questions, classes of near-ties, bytes a class; top k: batches, questions, k, bytes a class.
_HEADER = struct.Struct("<4q")

CHUNK = 64
"""Batches of a file."""


class Codec(Protocol[A]):
    """How one kind of answers is kept."""

    @property
    def span(self) -> int:
        """How many consecutive numbers one file is for."""

    @property
    def kind(self) -> Mapping[str, Any]:
        """What tells labels of this kind from others of the same teacher and stream, as plain values."""

    def pack(self, known: Mapping[int, A]) -> bytes:
        """Return the answers to some batches, by number, as bytes."""

    def unpack(self, body: bytes) -> dict[int, A] | None:
        """Return what `pack` was given, on the processor, or None if the bytes contradict themselves."""


class SharpLabels:
    """Answers below the temperature `answers.SHARP`: a class, or the few of a near-tie."""

    span = CHUNK

    @property
    def kind(self) -> Mapping[str, Any]:
        """See `Codec.kind`; the first kind that there was has no name."""
        return {}

    def pack(self, known: Mapping[int, Answers]) -> bytes:
        """See `Codec.pack`."""
        indices = sorted(known)
        parts = [known[index] for index in indices]
        top = _joined([part.top for part in parts])
        other = _joined([part.other for part in parts])
        width = 1 if max(top.max(initial=0), other.max(initial=0)) < 256 else 4
        kind = np.dtype(f"<u{width}")
        sizes = np.array([[len(p.top), len(p.row)] for p in parts], dtype="<i8").reshape(-1)
        blocks = (
            np.array(indices, dtype="<i8"),
            sizes,
            top.astype(kind),
            _joined([part.row for part in parts]).astype("<u4"),
            other.astype(kind),
            _joined([part.probability for part in parts]).astype("<f4"),
        )
        header = _HEADER.pack(len(indices), len(top), len(other), width)
        return header + b"".join(block.tobytes() for block in blocks)

    def unpack(self, body: bytes) -> dict[int, Answers] | None:
        """See `Codec.unpack`."""
        if len(body) < _HEADER.size:
            return None
        batches, questions, close, width = _HEADER.unpack_from(body)
        kinds = ("<i8", "<i8", f"<u{width}", "<u4", f"<u{width}", "<f4")
        counts = (batches, 2 * batches, questions, close, close, close)
        blocks = blocks_of(body, kinds, counts, _HEADER.size) if width in (1, 4) else None
        if blocks is None:
            return None
        indices, sizes, top, row, other, probability = blocks
        ends = sizes.reshape(-1, 2).cumsum(axis=0)
        if (sizes < 0).any() or (batches and ends[-1].tolist() != [questions, close]):
            return None
        known = {}
        for i, index in enumerate(indices.tolist()):
            (n, k), (n_end, k_end) = sizes[2 * i : 2 * i + 2], ends[i]
            questions_of, close_of = slice(n_end - n, n_end), slice(k_end - k, k_end)
            known[index] = Answers(
                _tensor(top[questions_of]),
                _tensor(row[close_of]),
                _tensor(other[close_of]),
                _floats(probability[close_of]),
            )
        return known


class TopKLabels:
    """Answers of at most k classes and a rest, at any temperature.

    Args:
        k: as `top_k_answers` takes it; labels of another k are others.
    """

    span = CHUNK

    def __init__(self, k: int) -> None:
        if k < 1:
            raise bad_value("k", k, "a whole number >= 1")
        self.k = k

    @property
    def kind(self) -> Mapping[str, Any]:
        """See `Codec.kind`."""
        return {"labels": {"kind": "top_k", "k": self.k}}

    def pack(self, known: Mapping[int, TopK]) -> bytes:
        """See `Codec.pack`.

        Raises:
            UsageError: if answers have more than k classes, or some more than others.
        """
        indices = sorted(known)
        parts = [known[index] for index in indices]
        found = {part.classes.shape[1] for part in parts}
        if len(found) != 1 or not 1 <= max(found) <= self.k:
            raise bad_value("classes of an answer", sorted(found), f"one number from 1 to {self.k}")
        columns = found.pop()
        classes = _joined([part.classes.reshape(-1) for part in parts])
        largest = classes.max(initial=0)
        width = next(width for width in (1, 2, 4) if largest < 2 ** (8 * width))
        blocks = (
            np.array(indices, dtype="<i8"),
            np.array([len(part.classes) for part in parts], dtype="<i8"),
            classes.astype(f"<u{width}"),
            _joined([part.log_probability.reshape(-1) for part in parts]).astype("<f4"),
            _joined([part.rest for part in parts]).astype("<f4"),
        )
        header = _HEADER.pack(len(indices), len(blocks[-1]), columns, width)
        return header + b"".join(block.tobytes() for block in blocks)

    def unpack(self, body: bytes) -> dict[int, TopK] | None:
        """See `Codec.unpack`."""
        if len(body) < _HEADER.size:
            return None
        batches, questions, columns, width = _HEADER.unpack_from(body)
        if width not in (1, 2, 4) or not 1 <= columns <= self.k:
            return None
        kinds = ("<i8", "<i8", f"<u{width}", "<f4", "<f4")
        counts = (batches, batches, questions * columns, questions * columns, questions)
        blocks = blocks_of(body, kinds, counts, _HEADER.size)
        if blocks is None:
            return None
        indices, sizes, classes, log_probability, rest = blocks
        # Sums of Python's numbers do not wrap around.
        if (sizes < 0).any() or sum(sizes.tolist()) != questions:
            return None
        known, at = {}, 0
        for index, n in zip(indices.tolist(), sizes.tolist(), strict=True):
            some, cells = slice(at, at + n), slice(at * columns, (at + n) * columns)
            known[index] = TopK(
                _tensor(classes[cells]).reshape(n, columns),
                _floats(log_probability[cells]).reshape(n, columns),
                _floats(rest[some]),
            )
            at += n
        return known


SHARP_LABELS = SharpLabels()


def signed(body: bytes, place: str) -> bytes:
    """Return the content of a file: its mark, the hash of its place and body, and the body."""
    return _MAGIC + _digest(body, place) + body


def opened(content: bytes, place: str) -> bytes | None:
    """Return the body of a file, or None unless every byte and the place are as they were."""
    start = len(_MAGIC) + 32
    body = content[start:]
    if content[: len(_MAGIC)] != _MAGIC or content[len(_MAGIC) : start] != _digest(body, place):
        return None
    return body


def blocks_of(
    body: bytes, kinds: Sequence[str], counts: Sequence[int], offset: int
) -> list[npt.NDArray[Any]] | None:
    """Return the arrays that follow a header, or None unless they fill the body to its last byte.

    Args:
        body: of a file.
        kinds: numpy's name of each array's type.
        counts: entries of each.
        offset: bytes of the header.
    """
    if min(counts) < 0:
        return None
    sizes = [count * np.dtype(kind).itemsize for kind, count in zip(kinds, counts, strict=True)]
    if len(body) != offset + sum(sizes):
        return None
    blocks = []
    for kind, count in zip(kinds, counts, strict=True):
        blocks.append(np.frombuffer(body, kind, count, offset))
        offset += blocks[-1].nbytes
    return blocks


def _digest(body: bytes, place: str) -> bytes:
    return hashlib.sha256(place.encode() + b"\n" + body).digest()


def _joined(tensors: list[torch.Tensor]) -> npt.NDArray[Any]:
    return torch.cat([tensor.cpu() for tensor in tensors]).numpy()


def _tensor(values: npt.NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.int64))


def _floats(values: npt.NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))
