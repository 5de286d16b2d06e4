"""The CSV files that a run writes row by row: continued exactly by a resumed run, or refused.

A checkpoint notes how long every table was and the SHA-256 of its bytes (a mark). A run that resumes goes
back to exactly these bytes; if they are not there any more, it is refused rather than continued wrongly.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lit_curriculum.errors import RunFailed, UsageError
from lit_curriculum.files import fsync, replacing, sha256_of

Mark = Mapping[str, Any]
"""``{"bytes": length, "sha256": hex digest of these bytes}``."""


class StepTable:
    """A CSV file whose rows belong to steps.

    Columns are set by the first row; a row may leave some empty but may not bring new ones.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._columns: list[str] | None = None
        self._size = 0
        self._digest = hashlib.sha256()

    def mark(self) -> dict[str, Any]:
        """Return the length and the SHA-256 of what has been written."""
        return {"bytes": self._size, "sha256": self._digest.hexdigest()}

    @staticmethod
    def mark_of(path: Path) -> dict[str, Any]:
        """Return the mark of a whole file."""
        return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}

    def restore(self, mark: Mark | None) -> None:
        """Go back to what a checkpoint found here; without a mark, to before the first row.

        Raises:
            UsageError: if the file no longer begins with these bytes.
        """
        content = b"" if mark is None else checked(self.path, mark)
        self._take(content)

    def cut_back(self, step: int) -> None:
        """Keep the rows up to ``step``, for a checkpoint that has no mark (version 0.1).

        Raises:
            UsageError: if a row does not begin with its step.
        """
        if not self.path.is_file():
            return
        lines = self.path.read_bytes().splitlines(keepends=True)
        kept = lines[:1] if lines and lines[0].endswith(b"\n") else []
        for line in lines[1:]:
            if not line.endswith(b"\n"):
                continue  # half a row, the last thing that a killed run wrote
            number = line.split(b",", 1)[0].strip()
            if not number.isdigit():
                raise UsageError(f"{self.path}: a row begins with {number[:40]!r}; allowed: its step")
            if int(number) <= step:
                kept.append(line)
        self._take(b"".join(kept))

    def _take(self, content: bytes) -> None:
        """Make ``content``, the beginning of the file or a selection of its lines, all that it holds."""
        self._size, self._digest = len(content), hashlib.sha256(content)
        self._columns = next(csv.reader([content.decode("utf-8").splitlines()[0]])) if content else None
        if not self.path.exists():
            return
        if self.path.read_bytes()[: len(content)] != content:
            with replacing(self.path) as temporary:
                temporary.write_bytes(content)
        os.truncate(self.path, len(content))
        fsync(self.path)

    def append(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Add rows, each with a ``step`` first, and flush them to disk.

        Raises:
            ValueError: if a row has a column that the header lacks.
            RunFailed: if another program removed or changed the file meanwhile.
        """
        if not rows:
            return
        text = io.StringIO()
        if self._columns is None:
            self._columns = list(rows[0])
            csv.writer(text, lineterminator="\n").writerow(self._columns)
        csv.DictWriter(text, self._columns, lineterminator="\n").writerows(rows)
        content = text.getvalue().encode("utf-8")
        self.check_untouched()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # What an earlier run without a checkpoint left here is written over.
        with self.path.open("ab" if self._size else "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        self._size += len(content)
        self._digest.update(content)

    def check_untouched(self) -> None:
        """Check that the file is as long as what has been written.

        Raises:
            RunFailed: if it is not.
        """
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            size = 0
        if self._size and size != self._size:
            found = f"has {size:,} bytes, not {self._size:,}" if size else "is gone"
            raise RunFailed(
                f"{self.path}: it {found}; another program changed the run folder during the run; "
                "restore the file, or start again in another folder"
            )


class RunTables:
    """All tables of one run folder.

    Args:
        folder: the run's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: dict[str, StepTable] = {}
        self._marks: Mapping[str, Mark] | None = None
        self._step: int | None = None

    def open(self, name: str) -> StepTable:
        """Return a table; a resumed run's as it was at the checkpoint."""
        if name not in self._open:
            table = StepTable(self.folder / name)
            if self._marks is not None:
                table.restore(self._marks.get(name))
            elif self._step is not None:
                table.cut_back(self._step)
            self._open[name] = table
        return self._open[name]

    @property
    def resumed(self) -> bool:
        """Whether the run goes on from a checkpoint of this folder."""
        return self._step is not None

    def resume(self, step: int, marks: Mapping[str, Mark] | None) -> None:
        """Let every table go on from a checkpoint.

        Args:
            step: of the checkpoint.
            marks: what `marks` returned when it was saved; None if it was saved by version 0.1.

        Raises:
            UsageError: if a table is not what it was.
        """
        self._marks, self._step = marks, step
        for name in marks or ():
            self.open(name)

    def marks(self) -> dict[str, Mark]:
        """Return the mark of every table that has been opened and written to."""
        marks = {name: table.mark() for name, table in self._open.items()}
        return {name: mark for name, mark in marks.items() if mark["bytes"]}

    def check_untouched(self) -> None:
        """Check that no table has been changed by another program.

        Raises:
            RunFailed: naming the one that has.
        """
        for table in self._open.values():
            table.check_untouched()


def checked(path: Path, mark: Mark) -> bytes:
    """Return the bytes of a table that its mark covers.

    Raises:
        UsageError: if they are not what they were.
    """
    size, digest = int(mark["bytes"]), str(mark["sha256"])
    try:
        with path.open("rb") as stream:
            content = stream.read(size)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); {_WAY_OUT}") from error
    if len(content) != size or hashlib.sha256(content).hexdigest() != digest:
        raise UsageError(
            f"{path}: its first {size:,} bytes are not what the run wrote (sha256 {digest[:12]}); {_WAY_OUT}"
        )
    return content


_WAY_OUT = "allowed: the file as the run left it, or a new run in another folder"
