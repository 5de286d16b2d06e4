"""The objects in a JSON file of any length, one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TextIO

_PART = 2**20
_SPACE = " \t\r\n"


def objects(stream: TextIO, most: int) -> Iterator[tuple[Any, int]]:
    """Return the values of a list, or of an object without its keys, with the characters up to their ends.

    Args:
        stream: the file.
        most: most characters of one value.

    Raises:
        ValueError: if the file is neither list nor object, is not JSON, or a value is longer.
    """
    text = _Text(stream, most)
    opening = text.next_of("[{", "a list or an object of objects")
    closing = "]" if opening == "[" else "}"
    last = text.skip(closing)
    while not last:
        if opening == "{":
            text.value()
            text.next_of(":", "a colon")
        value = text.value()
        yield value, text.passed
        last = text.next_of(f",{closing}", f"a comma or {closing}") == closing
    text.end()


class _Text:
    """What of a file has been read and not been taken."""

    def __init__(self, stream: TextIO, most: int) -> None:
        self._stream, self._most = stream, most
        self._text, self._at, self._cut = "", 0, 0
        self._decoder = json.JSONDecoder()

    @property
    def passed(self) -> int:
        """Characters taken."""
        return self._cut + self._at

    def value(self) -> Any:
        """Take a value: one that is followed by something, since a number might go on in the next part."""
        size = _PART
        while True:
            self._to_text()
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
                if end < len(self._text):
                    self._at = end
                    return value
                taken = end - self._at
                if not self._more(size):
                    self._at = taken
                    return value
            except json.JSONDecodeError as error:
                if len(self._text) - self._at > self._most:
                    raise ValueError(f"a value has more than {self._most:,} characters") from error
                if not self._more(size):
                    raise ValueError(f"{error.msg} at character {self._cut + error.pos}") from error
            # A long value is decoded again from its start: by parts twice as long, that is few times.
            size *= 2

    def next_of(self, allowed: str, what: str) -> str:
        """Take a character, which must be one of ``allowed``."""
        found = self._to_text()
        if not found or found not in allowed:
            raise ValueError(f"{found or 'the end'!r} at character {self.passed}; allowed: {what}")
        self._at += 1
        return found

    def skip(self, character: str) -> bool:
        """Take a character if it comes next, and tell whether it does."""
        there = self._to_text() == character
        self._at += there
        return there

    def end(self) -> None:
        """Check that nothing follows."""
        if self._to_text():
            raise ValueError(f"something follows at character {self.passed}; allowed: the end")

    def _to_text(self) -> str:
        """Go to the next character that is no white space and return it, or an empty string at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if not self._more(_PART):
                return ""

    def _more(self, size: int) -> bool:
        part = self._stream.read(size)
        self._cut += self._at
        self._text, self._at = self._text[self._at :] + part, 0
        return bool(part)
