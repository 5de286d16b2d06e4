"""A teacher's labels on disk, shared by every student that sees the same batches or samples.

A batch is a function of its step, and a teacher's answer fits in few bytes: at a low temperature a class or
two (`answers`), at any other the k likeliest (`top_k`); of single samples the whole softmax does
(`exact_labels`). So the answers of one teacher on one stream are computed once, by whichever student comes
first, and read by all others: any size, rate, strategy and model seed.

    <folder>/<teacher>-<stream>/000000000064.labels

holds the answers for 64 batches, those from number 64 on, as far as they have been asked for. Batch-1
students number blocks of samples by the first, and a file holds the blocks of 65,536 samples. ``teacher``
and ``stream`` are hashes: of the teacher's file, and of all that a batch and its answers depend on, their
kind included (`label_files`). A file begins with the SHA-256 of the rest and of its own place, so that
neither damage nor a file under a wrong name is ever taken for labels: it is removed with a warning, and
computed again.

Files get their names complete (`files.replacing`), so runs may share a folder. Two writers of one file hold
equal answers; if each knows batches that the other does not, the later file lacks the earlier's, and these
are computed again. Above ``max_bytes`` the files that were unused the longest are removed.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from lit_curriculum.distillation.answers import Answers
from lit_curriculum.distillation.label_files import SHARP_LABELS, Codec, opened, signed
from lit_curriculum.errors import UsageError
from lit_curriculum.files import hash_of_json, replacing
from lit_curriculum.reading import is_there, read_bytes

# Raised when a change of code changes answers: of the models, or of what is kept of them.
LABELS_VERSION = 2

A = TypeVar("A")


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
        """Return the place of one teacher's sharp answers to one stream of batches; see `shelf_for`."""
        return self.shelf_for(SHARP_LABELS, teacher_sha256, stream)

    def shelf_for(self, codec: Codec[A], teacher_sha256: str, stream: Mapping[str, Any]) -> Shelf[A]:
        """Return the place of one teacher's labels on one stream of batches.

        Args:
            codec: the kind of labels, part of the shelf's name.
            teacher_sha256: of the checkpoint's file.
            stream: all that the batches and the answers to them depend on, as plain values: task, data
                seed, batch size, share of this device, temperature, precision.
        """
        digest = hash_of_json({**stream, **codec.kind, "labels_version": LABELS_VERSION})
        return Shelf(self, codec, f"{teacher_sha256[:24]}-{digest[:24]}", f"{teacher_sha256}/{digest}")

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


class Shelf(Generic[A]):
    """One teacher's labels on one stream of batches. Hold it while the teacher teaches, then `flush` it.

    Attributes:
        hits, misses: batches whose labels were found, and not found.
    """

    def __init__(self, cache: LabelCache, codec: Codec[A], name: str, identity: str) -> None:
        self.cache = cache
        self.codec = codec
        self.folder = cache.folder / name
        self.identity = identity
        self.hits = self.misses = 0
        self._chunk = -1
        self._known: dict[int, A] = {}
        self._new = False

    def get(self, index: int) -> A | None:
        """Return the labels of a batch, or None if nobody has computed them yet."""
        self._open(index // self.codec.span)
        found = self._known.get(index)
        self.hits += found is not None
        self.misses += found is None
        return found

    def put(self, index: int, answers: A) -> None:
        """Keep the labels of a batch; they are written with the others of their file."""
        self._open(index // self.codec.span)
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
            body = self.codec.pack({**self._read(path), **self._known})
            content = signed(body, self._place(self._chunk))
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

    def _read(self, path: Path) -> dict[int, A]:
        if not is_there(path):
            return {}
        try:
            content = read_bytes(path, "label cache", self.cache.max_bytes)
        except UsageError as error:
            warnings.warn(f"{error}; computed again", stacklevel=2)
            return {}
        body = opened(content, self._place(self._chunk))
        known = None if body is None else self.codec.unpack(body)
        if known is None:
            warnings.warn(f"label cache: {path} is damaged and computed again", stacklevel=2)
            with contextlib.suppress(OSError):  # what cannot be removed is replaced
                path.unlink(missing_ok=True)
            return {}
        with contextlib.suppress(OSError):  # only the order of removal depends on it
            os.utime(path)
        return known

    def _path(self, chunk: int) -> Path:
        return self.folder / f"{chunk * self.codec.span:012d}.labels"

    def _place(self, chunk: int) -> str:
        return f"{self.identity}/{chunk}"


LabelShelf = Shelf[Answers]
"""A shelf of sharp answers."""


def encode(known: Mapping[int, Answers], place: str) -> bytes:
    """Return the content of a file with the sharp answers of some batches."""
    return signed(SHARP_LABELS.pack(known), place)


def decode(content: bytes, place: str) -> dict[int, Answers] | None:
    """Return what `encode` was given, or None unless every byte and the place are as they were."""
    body = opened(content, place)
    return None if body is None else SHARP_LABELS.unpack(body)
