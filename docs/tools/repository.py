"""Pages of the site that stand for files outside docs: a site has no address of the repository to link to.

What a page links to outside docs becomes a page of its own: a Markdown file as it is, a folder of results
as its claims and picture, any other folder as a list, a text file as its text. What those link to follows.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from pathlib import Path

from docs.tools import links
from docs.tools.results import RESULTS, all_results, one_result

ROOT = Path(__file__).resolve().parents[2]
_EXPERIMENTS = "src/lit_curriculum/experiments/"
_PICTURES = (".png", ".svg", ".jpg")
_LANGUAGES = {".py": "python", ".yaml": "yaml", ".json": "json", ".csv": "text", ".net": "text"}


def place(path: str) -> str:
    """Return the place in the site's sources of a file or folder of the repository."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if path == RESULTS:
        return "results/index.md"
    if path.startswith("results/") and (ROOT / path / "claims.json").is_file():
        return f"{path.replace(f'{RESULTS}/', 'results/', 1)}.md"
    if path.startswith(_EXPERIMENTS) and path.endswith("/README.md"):
        return f"experiments/{path.split('/')[-2]}.md"
    if path.endswith(".md"):
        return f"repository/{path.removesuffix('.md').lower()}_page.md"
    return f"repository/{path}" if path.endswith(_PICTURES) else f"repository/{path}.md"


def needed(pages: Iterable[str]) -> list[str]:
    """Return the files and folders outside docs that pages link to, and those that they link to.

    Args:
        pages: paths from the root of the repository.
    """
    pending, found = list(pages), []
    while pending:
        page = pending.pop()
        for link in (links.resolved(page, target) for target in links.targets(content(page))):
            if link is None or link.path.startswith(("docs/", "..")) or link.path in found:
                continue
            if (ROOT / link.path).exists() and link.path != "docs":
                found.append(link.path)
                pending += [] if link.path.endswith(_PICTURES) else [link.path]
    return found


def content(path: str) -> str:
    """Return the Markdown that stands for a file or folder of the repository."""
    whole = ROOT / path
    if path == RESULTS:
        return all_results(ROOT)
    if place(path).startswith("results/"):
        return one_result(ROOT, path)
    if whole.is_dir():
        names = sorted(f"{entry.name}{'/' * entry.is_dir()}" for entry in whole.iterdir())
        return f"# {path}\n\n" + "".join(f"- `{name}`\n" for name in names if name[0] not in "._")
    text = whole.read_text(encoding="utf-8")
    if path.endswith(".md"):
        return text
    language = _LANGUAGES.get(whole.suffix, "text")
    return f"# {path}\n\n````{language}\n{text.rstrip()}\n````\n"


def with_links(path: str, text: str) -> str:
    """Return a page's text with its links as those of its place in the site."""
    folder = posixpath.dirname(place(path))

    def change(target: str) -> str:
        link = links.resolved(path, target)
        if link is None or not (ROOT / link.path).exists():
            return target
        to = place("docs/log/README.md" if link.path == "docs/log" else link.path)
        if link.path == "docs":
            to = "index.md"
        return posixpath.relpath(to, folder or ".") + (f"#{link.anchor}" if link.anchor else "")

    return links.replaced(text, change)
