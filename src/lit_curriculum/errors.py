"""The one exception that means "the user can mend this": a line of text, no traceback, exit code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UsageError(ValueError):
    """Wrong input: the message is one line that names the key, the value and what is allowed.

    The command line prints it and exits with code 2; a traceback is shown only with ``--debug``.
    """


def bad_value(key: str, value: object, allowed: str) -> UsageError:
    """Build the usual message: ``key: got value; allowed: ...``."""
    return UsageError(f"{key}: got {value!r}; allowed: {allowed}")


def suggest(word: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the known name nearest to ``word``, or an empty string."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""
