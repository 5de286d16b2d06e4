"""``lit new experiment | figure``: skeletons that run as they are, to be edited."""

from __future__ import annotations

import argparse
import keyword
import re
import shlex
import sys
import sysconfig
from importlib.machinery import PathFinder
from importlib.resources import files
from pathlib import Path
from string import Template

from lit_curriculum.errors import UsageError, bad_value, suggest
from lit_curriculum.files import write_text
from lit_curriculum.reading import is_there
from lit_curriculum.runs.folder import check_writable

_FILES = {
    "experiment": {
        "experiment.py": "{name}.py",
        "config.yaml": "{name}.yaml",
        "smoke.yaml": "{name}_smoke.yaml",
        "test.py": "test_{name}.py",
    },
    "figure": {"figure.py": "{name}.py"},
}
_NEXT = {
    "experiment": "lit fit --config {name}.yaml --trust {name} --run_dir out/{name}",
    "figure": "python {name}.py smoke",
}


def new(options: argparse.Namespace) -> int:
    """Write the files of a skeleton, and say how to run it.

    Raises:
        UsageError: for another kind, a name that Python cannot import, or a file that is there already;
            nothing is written then.
    """
    if options.kind not in _FILES:
        allowed = f"{' or '.join(_FILES)}{suggest(options.kind, tuple(_FILES))}"
        raise bad_value("KIND", options.kind, allowed)
    if not options.out.strip():
        raise bad_value("--out", options.out, "a folder")
    folder = Path(options.out)
    _check_name(options.name)
    check_writable("--out", folder)
    written = write(options.kind, options.name, folder)
    for path in written:
        print(path)
    where = "" if options.out == "." else f"cd {shlex.quote(str(folder))} && "
    print(f"next: {where}{_NEXT[options.kind].format(name=options.name)}")
    return 0


def write(kind: str, name: str, folder: Path) -> list[Path]:
    """Write a skeleton below a folder; return its files.

    Args:
        kind: ``experiment`` or ``figure``.
        name: a module's, in small letters.
        folder: made if it is not there.

    Raises:
        UsageError: if one of the files is there already.
    """
    words = {"name": name, "Class": "".join(part.capitalize() for part in name.split("_"))}
    texts = {
        folder / target.format(name=name): Template(_skeleton(kind, source)).substitute(words)
        for source, target in _FILES[kind].items()
    }
    for path in texts:
        if is_there(path):
            raise UsageError(f"NAME: got {name!r}, but {path} is there already; allowed: another name")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    return list(texts)


def _skeleton(kind: str, source: str) -> str:
    return (files("lit_curriculum.cli") / "skeletons" / kind / f"{source}.txt").read_text(encoding="utf-8")


def _check_name(name: str) -> None:
    allowed = "a module's name: a small letter, then small letters, digits and _"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise bad_value("NAME", name, allowed)
    if name in sys.stdlib_module_names or name == "lit_curriculum" or _is_installed(name):
        raise bad_value("NAME", name, "a name that no module of Python's or of an installed package has")


def _is_installed(name: str) -> bool:
    places = [sysconfig.get_path(place) for place in ("purelib", "platlib")]
    found = PathFinder.find_spec(name, places)
    return found is not None and found.origin is not None  # a folder without a file comes after a module
