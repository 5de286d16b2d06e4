"""One process a run folder: a lease that survives the death of its owner, also on shared file systems.

    <run folder>/.lease     {"host", "pid", "started", "token"}; its modification time is the heartbeat

The file appears complete or not at all (a hard link, which is atomic on network file systems as well) and is
touched every few seconds. An owner on this machine is alive as long as its process is; one elsewhere, as long
as its heartbeat is younger than `LEASE_SECONDS`, by the file server's clock. A dead owner's lease is taken
over by exactly one of those who want it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from lit_curriculum.errors import UsageError

NAME = ".lease"
LEASE_SECONDS = 60.0
HEARTBEAT_SECONDS = 5.0


class FolderInUse(UsageError):
    """Another process trains in this run folder."""


@dataclass(frozen=True)
class Owner:
    """Who holds a lease.

    Attributes:
        host: machine, boot and process namespace: where ``pid`` means something.
        pid: process.
        started: when it began, in the kernel's own count, so that a reused number is not taken for it.
        token: of this very lease.
    """

    host: str
    pid: int
    started: str
    token: str

    @classmethod
    def here(cls) -> Owner:
        """Return this process as the owner of a new lease."""
        return cls(_host(), os.getpid(), _start_of(os.getpid()), uuid.uuid4().hex)

    def alive(self, heartbeat_age: float) -> bool:
        """Tell whether the owner still runs."""
        if self.host == _host():
            return _start_of(self.pid) == self.started != ""
        return heartbeat_age < LEASE_SECONDS


class Lease:
    """Held while a run writes into its folder. Use `take`, and `release` at the end.

    Attributes:
        path: the lease file.
        lost: what happened, once the lease is no longer this process's.
    """

    def __init__(self, path: Path, owner: Owner) -> None:
        self.path = path
        self.lost: str | None = None
        self._owner = owner
        self._ended = threading.Event()
        threading.Thread(target=self._beat, name="lease", daemon=True).start()

    @classmethod
    def take(cls, folder: Path) -> Lease:
        """Take the folder, which is made if it does not exist.

        Raises:
            FolderInUse: if another process has it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        path, owner = folder / NAME, Owner.here()
        draft = folder / f"{NAME}.{owner.token}.tmp"
        draft.write_text(json.dumps(asdict(owner)), encoding="utf-8")
        try:
            while not (_create(draft, path) or _take_over(draft, path, owner)):
                time.sleep(0.01)
        finally:
            draft.unlink(missing_ok=True)
        _sweep(folder, path)
        return cls(path, owner)

    def release(self) -> None:
        """Give the folder back."""
        self._ended.set()
        if os.getpid() == self._owner.pid and _read(self.path) == self._owner:
            self.path.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            try:
                found = _read(self.path)
                if found != self._owner and not self._ended.is_set():
                    what = "was removed" if found is None else f"was taken over by {_named(found)}"
                    self.lost = f"{self.path.parent}: the run folder {what} while this run wrote to it"
                    return
                os.utime(self.path)
            except OSError:
                continue  # a file system that does not answer for a moment; what is lost shows later


def in_use(folder: Path) -> bool:
    """Tell whether a process has a folder, as far as can be seen without writing into it."""
    path = folder / NAME
    holder = _read(path)
    try:
        return holder is not None and holder.alive(time.time() - path.stat().st_mtime)
    except FileNotFoundError:
        return False


def _create(draft: Path, path: Path) -> bool:
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError:
        # A file system without hard links. A reader may meet the file empty for an instant, see `_read`.
        text = draft.read_text(encoding="utf-8")
        try:
            with path.open("x", encoding="utf-8") as stream:
                stream.write(text)
        except FileExistsError:
            return False
    return True


def _take_over(draft: Path, path: Path, owner: Owner) -> bool:
    """Take the lease of an owner who is dead; False if it is worth another try.

    Raises:
        FolderInUse: if the owner is alive.
    """
    holder = _read(path)
    age = _age(path, draft)
    if age is None:
        return False  # given back meanwhile
    if holder is None:
        if age < LEASE_SECONDS:
            return False  # being written
        holder = Owner("", 0, "", "unreadable")
    if holder.alive(age):
        raise FolderInUse(
            f"run_dir: {str(path.parent)!r} is in use by {_named(holder)}; allowed: another folder, "
            "or the same command once that run has ended"
        )
    # Whoever makes this file takes over; the name is that of the dead lease, so it is for this one only.
    claim = path.with_name(f"{NAME}.{holder.token}.claim.tmp")
    try:
        claim.open("x").close()
    except FileExistsError:
        claimed = _age(claim, draft)
        if claimed is not None and claimed > LEASE_SECONDS:
            claim.unlink(missing_ok=True)  # its maker died between two lines
        return False
    try:
        if (_read(path) or Owner("", 0, "", "unreadable")) != holder:
            return False
        replacement = draft.with_name(f"{NAME}.{owner.token}.new.tmp")
        replacement.write_text(draft.read_text(encoding="utf-8"), encoding="utf-8")
        replacement.replace(path)
        return True
    finally:
        claim.unlink(missing_ok=True)


def _sweep(folder: Path, lease: Path) -> None:
    """Remove what processes left that were killed while they waited; the living touch theirs."""
    for draft in folder.glob(f"{NAME}.*.tmp"):
        age = _age(draft, lease)
        if age is not None and age > LEASE_SECONDS:
            draft.unlink(missing_ok=True)


def _read(path: Path) -> Owner | None:
    """Return the owner that a lease names; None if there is no lease, or it is not written yet."""
    try:
        found = Owner(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    right = all(isinstance(text, str) for text in (found.host, found.started, found.token))
    return found if right and isinstance(found.pid, int) and found.token.isalnum() else None


def _age(path: Path, just_written: Path) -> float | None:
    """Return the seconds since a file was touched, by the clock that also dates ``just_written``.

    None if there is no such file any more. FileNotFoundError if there is no ``just_written``, which is ours.
    """
    os.utime(just_written)
    now = just_written.stat().st_mtime
    with contextlib.suppress(FileNotFoundError):
        return now - path.stat().st_mtime
    return None


def _named(owner: Owner) -> str:
    return f"process {owner.pid} on {owner.host.split('/', 1)[0] or 'another machine'}"


@cache
def _host() -> str:
    parts = [socket.gethostname()]
    reads: list[Callable[[], str]] = [
        lambda: Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip(),
        lambda: os.readlink("/proc/self/ns/pid"),
    ]
    for read in reads:
        with contextlib.suppress(OSError):  # not Linux: the name has to do
            parts.append(read())
    return "/".join(parts)


def _start_of(pid: int) -> str:
    """Return when a process began, as the kernel tells it; "" if there is no such process."""
    try:
        # After the command's name, which may hold blanks: fields 3 and 22 of proc(5), counted from there.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return ""
    except (OSError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "alive"
