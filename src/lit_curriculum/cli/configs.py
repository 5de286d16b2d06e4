"""``lit configs``: the shipped configurations, listed, printed, or copied for editing."""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterable
from pathlib import Path

from lit_curriculum.errors import UsageError, bad_value, suggest
from lit_curriculum.files import write_text
from lit_curriculum.reading import is_there, read_text
from lit_curriculum.runs.configs import config_folder, shipped_names
from lit_curriculum.runs.folder import check_writable


def configs(options: argparse.Namespace) -> int:
    """List all configurations with what each is, or print or copy those that are named.

    Raises:
        UsageError: for an unknown name, a copy of nothing, or one over a file that is there.
    """
    if options.copy is not None:
        for path in copy(options.names, Path(options.copy)):
            print(path)
        return 0
    if options.names:
        print("".join(read_text(_path(name), "NAME") for name in options.names), end="")
        return 0
    names = shipped_names()
    width = max(map(len, names))
    for name in names:
        print(f"{name:<{width}}  {title(read_text(_path(name), 'config'))}".rstrip())
    return 0


def title(text: str) -> str:
    """Return the first sentence of the comment that a YAML begins with, without its line breaks."""
    lines = text.splitlines()
    block = lines[: next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))]
    comment = " ".join(line.lstrip("#").strip() for line in block)
    return textwrap.shorten(re.split(r"(?<=\.)\s", comment, maxsplit=1)[0], 120, placeholder=" ...")


def copy(names: Iterable[str], folder: Path) -> list[Path]:
    """Copy configurations into a folder, each below its own subfolder; return the copies.

    Args:
        names: as `shipped_names` has them, at least one.
        folder: made if it is not there.

    Raises:
        UsageError: for no or an unknown name, or a copy that would replace a file; nothing is copied then.
    """
    pairs = [(_path(name), folder / f"{name}.yaml") for name in dict.fromkeys(names)]
    if not pairs:
        raise bad_value("NAME", "", "at least one name that `lit configs` lists")
    for _, target in pairs:
        if is_there(target):
            raise bad_value("--copy", str(folder), f"a folder without {target.relative_to(folder)}")
        check_writable("--copy", target.parent)
    for source, target in pairs:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_text(target, read_text(source, "NAME"))
    return [target for _, target in pairs]


def _path(name: str) -> Path:
    names = shipped_names()
    if name not in names:
        refusal = bad_value("NAME", name, "a name that `lit configs` lists")
        raise UsageError(f"{refusal}{suggest(name, names)}")
    return config_folder() / f"{name}.yaml"
