"""Every Python block of README and docs runs; pages that promise it run as a whole, at smoke scale."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from lit_curriculum.cli.main import main
from tests.docs.pages import PAGES, Block, blocks, commands, name
from tests.docs.smoke import smaller, smaller_file
from tests.docs.worlds import Names, world
from tests.support import ROOT

# Their commands are run as well, in order: each needs what those before have left.
WHOLE = [ROOT / "docs" / "quick_start.md", *sorted((ROOT / "docs" / "how_to").glob("own_*.md"))]
WHOLE.remove(ROOT / "docs" / "how_to" / "own_module.md")
# What installs the suite is the subject of tests/test_packaging.py.
_INSTALLING = ("python3", "pip", ".")
CHEAP = [ROOT / "docs" / name for name in ("reproducing.md", "distillation.md", "own_classes.md")]


def has_code(page: Path) -> bool:
    return any(block.language == "python" for block in blocks(page))


def run(page: Path, folder: Path) -> None:
    with world(name(page), folder) as names:
        for block in blocks(page):
            place = f"{name(page)}:{block.line}"
            if block.file:
                (folder / block.file).write_text(smaller_file(block.text), encoding="utf-8")
            if block.not_run:
                continue
            if block.language == "python":
                run_python(block, place, names)
            elif block.language == "sh" and page in WHOLE:
                for words in commands(block):
                    run_command(words, place)


def run_python(block: Block, place: str, names: Names) -> None:
    if block.file:
        names.update(vars(importlib.import_module(Path(block.file).stem)))
        return
    names["__name__"] = "page"
    # Lines of a traceback are those of the page.
    code = compile("\n" * (block.line - 1) + block.text, place, "exec")
    exec(code, names)


def run_command(words: list[str], place: str) -> None:
    if words[0] == "lit":
        given = smaller(words[1:])
        assert main(given) == 0, f"{place}: lit {' '.join(given)}"
    elif words[0] == "python":
        done = subprocess.run([sys.executable, *words[1:]], check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"{place}: {done.stderr[-2000:]}"
    else:
        assert words[0] in _INSTALLING, f"{place}: {words}"


@pytest.mark.parametrize("page", CHEAP, ids=name)
def test_the_code_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    assert has_code(page)
    run(page, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if has_code(page) and page not in CHEAP], ids=name)
def test_the_code_of_a_longer_page_runs(page: Path, tmp_path: Path) -> None:
    run(page, tmp_path)


def test_a_block_that_is_not_run_says_why() -> None:
    left_out = {f"{name(b.page)}:{b.line}": b.not_run for page in PAGES for b in blocks(page) if b.not_run}
    assert all(len(reason) > 10 for reason in left_out.values())
    assert len(left_out) <= 6, left_out


def test_whole_pages_have_commands() -> None:
    for page in WHOLE:
        shell = [block for block in blocks(page) if block.language == "sh"]
        assert any(words[0] in ("lit", "python") for block in shell for words in commands(block))
