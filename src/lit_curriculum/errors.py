"""The exceptions that the command line prints as one line, and the exit code of each.

0   finished
1   a claim fails, or a run failed (`RunFailed`)
2   wrong input (`UsageError`): nothing was written
75  stopped before the end, run the same command again (`RunStopped`; sysexits.h calls it EX_TEMPFAIL)

A traceback is shown only with ``--debug``. An exception that is none of these, a fault of this suite or of a
user's own class, is one line too (`unexpected`), and exit code 1.
"""

from __future__ import annotations

import difflib
import errno
import traceback
from collections.abc import Iterable


class _OneLine(Exception):
    """Keeps an exception's message to one line that a terminal can show.

    Messages quote files: their names, keys and values may hold line breaks, terminal codes or megabytes.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class UsageError(_OneLine, ValueError):
    """Wrong input: the message is one line that names the key, the value and what is allowed."""

    exit_code = 2


class RunFailed(_OneLine, RuntimeError):
    """A run that cannot go on: the message is one line that says what happened, and the way out."""

    exit_code = 1


class NotFinite(RunFailed):
    """A loss, weight, metric or teacher's answer that is not a finite number."""


class RunStopped(_OneLine, RuntimeError):
    """A run that was asked to stop before its end and can go on."""

    exit_code = 75


UNEXPECTED = "unexpected"
"""How the line begins that tells of an exception which nobody foresaw."""

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG}


def of_the_file_system(error: OSError) -> UsageError | RunFailed:
    """Return an OSError as one line naming the file: a full disk fails a run, the rest is wrong input."""
    named = error.filename2 or error.filename
    place = f"{named}: " if named else ""
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno in _NO_ROOM:
        return RunFailed(f"{place}{reason}; run the same command again once there is room")
    return UsageError(f"{place}{reason}; allowed: a place that can be read and written")


def unexpected(error: BaseException) -> RunFailed:
    """Return an exception that nobody foresaw as one line: its kind, its text, and the line that raised it.

    It is a fault of this suite, or of a user's own class.
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = f", at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    text = " ".join(str(error).split())[:1000]
    return RunFailed(f"{UNEXPECTED} {type(error).__name__}: {text}{place} (--debug shows the traceback)")


def bad_value(key: str, value: object, allowed: str) -> UsageError:
    """Build the usual message: ``key: got value; allowed: ...``."""
    return UsageError(f"{key}: got {shortened(value)}; allowed: {allowed}")


def one_line(text: str, most: int = 4000) -> str:
    """Return a text with what does not print as escapes, its middle left out where it is very long."""
    text = _cut(text, most)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def shortened(value: object, most: int = 200) -> str:
    """Return ``repr(value)``, its middle left out where it is very long."""
    # Of a long text not all has to be looked at.
    if isinstance(value, str) and len(value) > 2 * most:
        value = f"{value[:most]}{value[-most:]}"
    return _cut(repr(value), most)


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = most // 2 - 3
    return f"{text[:half]} ... {text[-half:]}"


def suggest(word: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the known name nearest to ``word``, or an empty string."""
    # A word of any length is no misspelling: comparing it would only take time.
    near = difflib.get_close_matches(word[:100], list(known), n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""
