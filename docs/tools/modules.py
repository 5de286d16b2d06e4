"""The modules of a package, as mkdocstrings is asked for them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src"
_MARK = re.compile(r"<!-- modules of ([a-z_.]+) -->")


def listed(text: str) -> str:
    """Return a page's text with every ``<!-- modules of PACKAGE -->`` replaced by all its modules."""
    return _MARK.sub(lambda mark: "\n\n".join(f"::: {name}" for name in public(mark[1])), text)


def public(package: str) -> Iterator[str]:
    """Yield the names of a package's modules, by name, its folders' among them.

    A file that begins with an underscore is private, an ``__init__`` that defines nothing is left out:
    what it names is where it is defined.
    """
    for path in sorted((SOURCE / package.replace(".", "/")).rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
            if not _defines(path):
                continue
        if not any(part.startswith("_") for part in parts):
            yield ".".join(parts)


def _defines(path: Path) -> bool:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in body)
