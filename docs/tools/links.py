"""Links of a Markdown page, and where they lead inside the repository."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass

_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
# A link or a picture; a word in backticks comes first, so that a link inside it is none.
_LINK = re.compile(r"(?P<code>`+)[^`]*(?P=code)|(?<=\]\()(?P<to>[^)\s]+)(?=[^)]*\))")
_ELSEWHERE = re.compile(r"^([a-z]+:|#|/)")


@dataclass(frozen=True)
class Link:
    """A relative link.

    Attributes:
        path: what it leads to, from the root of the repository; the page itself for a bare anchor.
        anchor: what follows ``#``, without it; "" for none.
    """

    path: str
    anchor: str


def resolved(page: str, target: str) -> Link | None:
    """Return where a link of a page leads, or None if that is no file of the repository.

    Args:
        page: path of the page from the root of the repository, or of what it stands for.
        target: the link as it is written.
    """
    if _ELSEWHERE.match(target):
        return None
    path, _, anchor = target.partition("#")
    return Link(posixpath.normpath(posixpath.join(posixpath.dirname(page), path)), anchor)


def replaced(text: str, change: Callable[[str], str]) -> str:
    """Return a page's text with every link's target changed; code stays as it is."""

    def one(match: re.Match[str]) -> str:
        return change(match["to"]) if match["to"] else match[0]

    lines, opened = [], ""
    for line in text.split("\n"):
        fence = _FENCE.match(line)
        if opened:
            opened = "" if fence and fence[1].startswith(opened) else opened
        elif fence:
            opened = fence[1]
        else:
            lines.append(_LINK.sub(one, line))
            continue
        lines.append(line)
    return "\n".join(lines)


def targets(text: str) -> list[str]:
    """Return the targets of a page's links, in their order."""
    found: list[str] = []

    def note(target: str) -> str:
        found.append(target)
        return target

    replaced(text, note)
    return found
