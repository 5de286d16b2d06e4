"""The pages that are tested, and the code on them.

A comment in the line before a block says what is special about it:

    <!-- file: NAME -->           the block is the content of a file of that name
    <!-- not run: REASON -->      it cannot be run, or parsed, in a test

A Python or YAML block whose first line is ``# NAME.py`` or ``# NAME.yaml`` is such a file as well.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_OPENING = re.compile(r"^(\s*)(`{3,})(\w*)\s*$")
_COMMENT = re.compile(r"<!-- (file|not run): (.+) -->")
_NAMED = re.compile(r"# (\S+\.(?:py|yaml|net))\n")


@dataclass(frozen=True)
class Block:
    """Code between fences.

    Attributes:
        page: path of its page.
        line: number of its first line, from 1.
        language: what stands behind the fence.
        text: the code.
        file: the file that it is the content of, or "".
        not_run: why it is not run, or "".
    """

    page: Path
    line: int
    language: str
    text: str
    file: str
    not_run: str


def name(page: Path) -> str:
    """Return a page's path from the root, as test ids and messages have it."""
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page, in order."""
    lines = page.read_text(encoding="utf-8").split("\n")
    opening: re.Match[str] | None = None
    start = 0
    for number, line in enumerate(lines):
        if opening is None:
            opening, start = _OPENING.match(line), number + 1
        elif line.strip() == opening[2]:
            text = "".join(inner.removeprefix(opening[1]) + "\n" for inner in lines[start:number])
            comment = _COMMENT.search(lines[start - 2]) if start > 1 else None
            said = {comment[1]: comment[2]} if comment else {}
            named = _NAMED.match(text)
            file = said.get("file", named[1] if named else "")
            yield Block(page, start + 1, opening[3], text, file, said.get("not run", ""))
            opening = None


def commands(block: Block) -> Iterator[list[str]]:
    """Yield the words of a shell block's commands: continued lines joined, those behind && on their own."""
    for line in block.text.replace("\\\n", " ").splitlines():
        words: list[str] = []
        for word in [*shlex.split(line, comments=True), "&&"]:
            if word not in ("&&", "||"):
                words.append(word)
            elif words:
                yield words
                words = []


def prose(page: Path) -> str:
    """Return a page's text without blocks and without code in its lines."""
    text = re.sub(
        r"^\s*(`{3,})[^\n]*\n.*?^\s*\1\s*$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S
    )
    return re.sub(r"`[^`\n]+`", "", text)
