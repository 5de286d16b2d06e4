"""A teacher's labels on disk, shared by every student that sees the same batches.

A batch is a function of its step, and at a low temperature a teacher's answer is a class or two
(`answers`). So the answers of one teacher on one stream of batches are computed once, by whichever student
comes first, and read by all others: any size, rate, strategy and model seed.

    <folder>/<teacher>-<stream>/000000000064.labels

holds the answers for 64 batches, those from number 64 on, as far as they have been asked for. ``teacher``
and ``stream`` are hashes: of the teacher's file, and of all that a batch and its answers depend on. A file
begins with the SHA-256 of the rest and of its own place, so that neither damage nor a file under a wrong
name is ever taken for labels: it is removed with a warning, and computed again.

Files get their names complete (`files.replacing`), so runs may share a folder. Two writers of one file hold
equal answers; if each knows batches that the other does not, the later file lacks the earlier's, and these
are computed again. Above ``max_bytes`` the files that were unused the longest are removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lit_curriculum.distillation.answers import Answers
from lit_curriculum.errors import UsageError
from lit_curriculum.files import hash_of_json, replacing
from lit_curriculum.reading import is_there, read_bytes

LABELS_VERSION = 1
CHUNK = 64
_MAGIC = b"LITLABL1"
_HEADER = struct.Struct("<4q")  # batches, questions, classes of near-ties, bytes a class


class LabelCache:
    """A folder of labels.

    Args:
        folder: made when the first labels are written.
        max_bytes: most bytes kept, all teachers and streams together.
    """

    def __init__(self, folder: str | Path, max_bytes: int = 4 * 2**30) -> None:
        self.folder = Path(folder)
        self.max_bytes = max_bytes

    def shelf(self, teacher_sha256: str, stream: Mapping[str, Any]) -> LabelShelf:
        """Return the place of one teacher's labels on one stream of batches.

        Args:
            teacher_sha256: of the checkpoint's file.
            stream: all that the batches and the answers to them depend on, as plain values: task, data
                seed, batch size, share of this device, temperature, precision.
        """
        digest = hash_of_json({**stream, "labels_version": LABELS_VERSION})
        return LabelShelf(self, f"{teacher_sha256[:24]}-{digest[:24]}", f"{teacher_sha256}/{digest}")

    def make_room(self, size: int) -> bool:
        """Remove the files that were unused the longest until ``size`` bytes fit; False if they never do."""
        if size > self.max_bytes:
            return False
        files = []
        for path in self.folder.glob("*/*.labels"):
            try:
                status = path.stat()
            except FileNotFoundError:  # another run made room as well
                continue
            files.append((status.st_mtime_ns, path, status.st_size))
        total = sum(size for _, _, size in files)
        for _, path, freed in sorted(files):
            if total + size <= self.max_bytes:
                break
            path.unlink(missing_ok=True)
            total -= freed
        return True


class LabelShelf:
    """One teacher's labels on one stream of batches. Hold it while the teacher teaches, then `flush` it.

    Attributes:
        hits, misses: batches whose labels were found, and not found.
    """

    def __init__(self, cache: LabelCache, name: str, identity: str) -> None:
        self.cache = cache
        self.folder = cache.folder / name
        self.identity = identity
        self.hits = self.misses = 0
        self._chunk = -1
        self._known: dict[int, Answers] = {}
        self._new = False

    def get(self, index: int) -> Answers | None:
        """Return the labels of a batch, or None if nobody has computed them yet."""
        self._open(index // CHUNK)
        found = self._known.get(index)
        self.hits += found is not None
        self.misses += found is None
        return found

    def put(self, index: int, answers: Answers) -> None:
        """Keep the labels of a batch; they are written with the others of their file."""
        self._open(index // CHUNK)
        self._known[index] = answers
        self._new = True

    def flush(self) -> None:
        """Write what is new. A folder that cannot be written costs a warning, never the run."""
        if not self._new:
            return
        self._new = False
        path = self._path(self._chunk)
        try:
            # Another student may have got further in the same file.
            content = encode({**self._read(path), **self._known}, self._place(self._chunk))
            if self.cache.make_room(len(content)):
                with replacing(path) as temporary:
                    temporary.write_bytes(content)
        except OSError as error:
            warnings.warn(f"label cache: {path} cannot be written ({error})", stacklevel=2)

    def _open(self, chunk: int) -> None:
        if chunk == self._chunk:
            return
        self.flush()
        self._chunk = chunk
        self._known = self._read(self._path(chunk))

    def _read(self, path: Path) -> dict[int, Answers]:
        if not is_there(path):
            return {}
        try:
            known = decode(read_bytes(path, "label cache", self.cache.max_bytes), self._place(self._chunk))
        except UsageError as error:
            warnings.warn(f"{error}; computed again", stacklevel=2)
            return {}
        if known is None:
            warnings.warn(f"label cache: {path} is damaged and computed again", stacklevel=2)
            with contextlib.suppress(OSError):  # what cannot be removed is replaced
                path.unlink(missing_ok=True)
            return {}
        with contextlib.suppress(OSError):  # only the order of removal depends on it
            os.utime(path)
        return known

    def _path(self, chunk: int) -> Path:
        return self.folder / f"{chunk * CHUNK:012d}.labels"

    def _place(self, chunk: int) -> str:
        return f"{self.identity}/{chunk}"


def encode(known: Mapping[int, Answers], place: str) -> bytes:
    """Return the content of a file with the answers of some batches; ``place`` is part of its hash."""
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
    body = _HEADER.pack(len(indices), len(top), len(other), width) + b"".join(b.tobytes() for b in blocks)
    return signed(body, place)


def signed(body: bytes, place: str) -> bytes:
    """Return the content of a file: its mark, the hash of its place and body, and the body."""
    return _MAGIC + _digest(body, place) + body


def decode(content: bytes, place: str) -> dict[int, Answers] | None:
    """Return what `encode` was given, or None unless every byte and the place are as they were."""
    start = len(_MAGIC) + 32
    body = content[start:]
    if content[: len(_MAGIC)] != _MAGIC or content[len(_MAGIC) : start] != _digest(body, place):
        return None
    if len(body) < _HEADER.size:
        return None
    batches, questions, close, width = _HEADER.unpack_from(body)
    kinds = ("<i8", "<i8", f"<u{width}", "<u4", f"<u{width}", "<f4")
    counts = (batches, 2 * batches, questions, close, close, close)
    if width not in (1, 4) or min(counts) < 0:
        return None
    sizes_of = [count * np.dtype(kind).itemsize for kind, count in zip(kinds, counts, strict=True)]
    if len(body) != _HEADER.size + sum(sizes_of):
        return None
    blocks, offset = [], _HEADER.size
    for kind, count in zip(kinds, counts, strict=True):
        blocks.append(np.frombuffer(body, kind, count, offset))
        offset += blocks[-1].nbytes
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


def _digest(body: bytes, place: str) -> bytes:
    return hashlib.sha256(place.encode() + b"\n" + body).digest()


def _joined(tensors: list[torch.Tensor]) -> npt.NDArray[Any]:
    return torch.cat([tensor.cpu() for tensor in tensors]).numpy()


def _tensor(values: npt.NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.int64))


def _floats(values: npt.NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))
