"""Files with their SHA-256 beside them: ``last.ckpt`` and ``last.ckpt.sha256``, as ``sha256sum -c`` reads it.

A sealed file is replaced only by one that has been read back and found as it was written. While it is being
replaced its seal lists two digests, the old file's and the new one's: whenever the writer is killed, one of
them fits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

from lit_curriculum.errors import RunFailed, UsageError
from lit_curriculum.files import fsync, replacing, sha256_of, write_text
from lit_curriculum.reading import read_text


def seal_of(path: Path) -> Path:
    """Return where the digest of a sealed file lies."""
    return path.with_name(f"{path.name}.sha256")


def write_sealed(path: Path, write: Callable[[IO[bytes]], None]) -> str:
    """Replace ``path`` by what ``write(stream)`` writes, and its seal; return the SHA-256.

    The earlier file stays in place until the new one has been read back.

    Raises:
        RunFailed: if the file system gives back other bytes than were written.
    """
    with replacing(path) as temporary:
        with temporary.open("wb") as stream:
            hashing = _Hashing(stream)
            write(hashing)  # type: ignore[arg-type]
        fsync(temporary)
        digest = hashing.digest.hexdigest()
        if sha256_of(temporary) != digest:
            raise RunFailed(
                f"{path}: what was written reads back otherwise; the disk is full or failing. "
                "The file before it is untouched"
            )
        earlier = _of_what_lies_there(path)
        _write_seal(path, [digest, *earlier])
    if earlier:
        _write_seal(path, [digest])
    return digest


def seal(path: Path) -> str:
    """Seal a file that is there, and return its SHA-256."""
    digest = sha256_of(path)
    _write_seal(path, [digest])
    return digest


def verify_sealed(path: Path, key: str, required: bool = True) -> str:
    """Check a sealed file and return its SHA-256.

    Args:
        path: the file.
        key: what the error calls it.
        required: whether the seal must be there; files of version 0.1 have none.

    Raises:
        UsageError: if it is missing, or not what its seal says.
    """
    if path.is_dir():
        raise UsageError(f"{key}: {path} is a folder; allowed: a checkpoint's file")
    if not path.is_file():
        raise UsageError(f"{key}: {path} is missing; allowed: an existing file")
    if not seal_of(path).is_file():
        if required:
            raise UsageError(f"{key}: {seal_of(path)} is missing; {_WAY_OUT}")
        return sha256_of(path)
    digest = sha256_of(path)
    if digest not in _digests(path):
        raise UsageError(
            f"{key}: {path} has sha256 {digest[:12]}, not that of {seal_of(path).name} "
            f"(the file is truncated or altered); {_WAY_OUT}"
        )
    return digest


def _of_what_lies_there(path: Path) -> list[str]:
    """Return the digest that the present file's seal must go on listing; none for one that is altered."""
    if not path.is_file():
        return []
    listed = _digests(path) if seal_of(path).is_file() else []
    if len(listed) == 1:
        return listed
    # Two after a writer that was killed: of these only one fits. None before version 0.2.
    found = sha256_of(path)
    return [found] if not listed or found in listed else []


def _digests(path: Path) -> list[str]:
    lines = read_text(seal_of(path), "seal", max_bytes=4096).splitlines()
    return [line.split(" ", 1)[0] for line in lines if line]


def _write_seal(path: Path, digests: list[str]) -> None:
    write_text(seal_of(path), "".join(f"{digest}  {path.name}\n" for digest in digests))


class _Hashing:
    """The part of a binary stream that writers use, with the SHA-256 of what went through."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self._stream.write(data)

    def flush(self) -> None:
        self._stream.flush()


_WAY_OUT = "allowed: the file as it was written; without it, start again in another folder"
