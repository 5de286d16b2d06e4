"""Every command of ``lit`` in README and docs is one: its words are known, its settings are parsed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lit_curriculum.cli import trust
from lit_curriculum.cli.main import _action_first
from lit_curriculum.cli.parser import COMMANDS, TRAINING, build_parser
from lit_curriculum.cli.quiet import quieten
from lit_curriculum.cli.training import CurriculumCLI
from lit_curriculum.cli.words import check_words, lists_as_overlays
from lit_curriculum.errors import UsageError
from tests.docs.pages import PAGES, Block, blocks, commands, name
from tests.support import CONFIGS, ROOT, config

READMES = sorted(ROOT.glob("src/lit_curriculum/experiments/*/README.md"))
# Those of experiments have fences without a language.
BLOCKS = [
    block
    for page in [*PAGES, *READMES]
    for block in blocks(page)
    if block.language == "sh" or (not block.language and block.text.startswith(("lit ", "make ")))
]
FILES = [block for page in PAGES for block in blocks(page) if block.file]


def lines(parsed_as_settings: bool) -> dict[tuple[str, ...], str]:
    """Return the words behind ``lit``, each command once, with a place where it stands."""
    found: dict[tuple[str, ...], str] = {}
    for block in BLOCKS:
        for words in commands(block) if not block.not_run else ():
            if words[0] == "lit" and (words[1] in (*TRAINING, "check")) == parsed_as_settings:
                found.setdefault(tuple(words[1:]), place(block))
    return found


def place(block: Block) -> str:
    return f"{name(block.page)}:{block.line}"


class Parsed(CurriculumCLI):
    """Reads settings and checks what they name; makes nothing of them."""

    def instantiate_classes(self) -> None:
        """Make nothing."""

    def _run_subcommand(self, subcommand: str) -> None:
        """Run nothing."""


def test_words_that_need_no_settings() -> None:
    found = lines(parsed_as_settings=False)
    assert len(found) > 30
    parser = build_parser()
    for words, where in found.items():
        check_words(words)
        given = _action_first(list(words)) if words[0] == "sweep" else list(words)
        try:
            options = parser.parse_args(given)
        except (SystemExit, UsageError) as error:
            pytest.fail(f"{where}: lit {' '.join(words)}: {error}")
        assert options.command == words[0]


@pytest.mark.slow
def test_settings_of_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for block in FILES:
        (tmp_path / block.file).write_text(block.text, encoding="utf-8")
    (tmp_path / CONFIGS.name).symlink_to(CONFIGS)
    # What stands for a file of the reader's.
    (tmp_path / "my.yaml").write_text(Path(config("lego")).read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = lines(parsed_as_settings=True)
    assert len(found) > 25
    for words, where in found.items():
        try:
            parse(as_training(words))
        except Exception as error:
            pytest.fail(f"{where}: lit {' '.join(words)}: {error}")


def as_training(words: tuple[str, ...]) -> list[str]:
    """Return the words as those of a training command with its configuration."""
    command, *rest = words
    if command == "check":
        named = ("--trust",)
        options = [w for i, w in enumerate(rest) if w.startswith("--") or rest[i - 1] in named]
        return ["fit", *(p for w in rest if w not in options for p in ("--config", w)), *options]
    # A run's own configuration is read from its folder.
    return list(words) if command == "fit" else [command, "--config", config("sparse_parity_mlp"), *rest]


def parse(words: list[str]) -> Any:
    quieten()
    given, trusted = trust.split(words)
    names = trust.all_names(trusted)
    trust.enforce(names)
    check_words(given)
    return Parsed(lists_as_overlays(given), False, names)


def test_shipped_configurations_are_named_as_works_in_any_folder() -> None:
    """A path below lightning_configs/ is there in a checkout alone; a log tells what was typed."""
    for words, where in (lines(parsed_as_settings=True) | lines(parsed_as_settings=False)).items():
        paths = [word for word in words if word.startswith("lightning_configs/")]
        assert not paths or where.startswith("docs/log/"), where


def test_a_wrong_command_is_noticed() -> None:
    with pytest.raises(UsageError, match="sacle"):
        build_parser().parse_args(["reproduce", "fig2", "--sacle", "smoke"])
    with pytest.raises(Exception, match="widht"):
        parse(["fit", "--config", config("sparse_parity_mlp"), "--model.widht", "3"])


def test_every_command_of_lit_is_shown_somewhere() -> None:
    shown = {words[0] for which in (True, False) for words in lines(which)}
    known = set(COMMANDS)
    pages = "".join(page.read_text() for page in [*PAGES, *READMES])
    assert shown <= known
    assert not [name for name in known - shown if f"lit {name}" not in pages]
