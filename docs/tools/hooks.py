"""Events of MkDocs: pages from outside docs, their links, and the results in the navigation."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# Hooks are loaded by path, without the folder that `docs` lies in.
sys.path.insert(0, str(ROOT))

from mkdocs.config.defaults import MkDocsConfig  # noqa: E402
from mkdocs.structure.files import File, Files  # noqa: E402
from mkdocs.structure.pages import Page  # noqa: E402
from pymdownx.slugs import slugify  # noqa: E402

from docs.tools import modules, repository, results  # noqa: E402

_ORIGIN: dict[str, str] = {}
"""Path from the root of the repository of what a page of the site stands for."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name anchors as GitHub does, and list the results."""
    config.mdx_configs["toc"] = {**config.mdx_configs.get("toc", {}), "slugify": slugify(case="lower")}
    for entry in config.nav or []:
        if "Results" in entry:
            entry["Results"] += [
                {paper: [{name: f"results/{name}.md"} for name in names]}
                for paper, names in results.by_paper(ROOT).items()
            ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for every file outside docs that a page links to."""
    _ORIGIN.clear()
    pages = [file.src_uri for file in files.documentation_pages()]
    _ORIGIN.update({page: f"docs/{page}" for page in pages})
    listed = [results.RESULTS, *results.folders(ROOT)]
    wanted = repository.needed([f"docs/{page}" for page in pages] + listed)
    for path in dict.fromkeys([*listed, *wanted]):
        place = repository.place(path)
        if place.endswith(".md"):
            files.append(File.generated(config, place, content=repository.content(path)))
            _ORIGIN[place] = path
        else:
            files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Lead links to where the site has what they mean."""
    return modules.listed(repository.with_links(_ORIGIN[page.file.src_uri], markdown))
