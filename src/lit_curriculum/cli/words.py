"""Words of a command line, before a parser sees them: options once, lists as overlays, home folders."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

import yaml

from lit_curriculum.errors import UsageError, bad_value, shortened
from lit_curriculum.reading import is_there, parse_yaml, read_text

CONFIG_HELP = "YAML file, or a name that lit configs lists; later ones overlay"
_REPEATABLE = ("--config", "-c", "--trust", "--over", "--set")

# A launcher's, read as numbers by Lightning when it is imported.
_NUMBERS = ("RANK", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS")


def check_environment() -> None:
    """Check what a launcher such as torchrun or srun leaves in the environment.

    Raises:
        UsageError: naming the variable.
    """
    for name in _NUMBERS:
        value = os.environ.get(name)
        if value is not None and not (value.isascii() and value.isdigit()):
            raise bad_value(name, value, "an integer, as a launcher sets it, or the variable unset")


def check_words(words: Sequence[str]) -> None:
    """Check what no parser should see.

    Raises:
        UsageError: for a NUL byte, or an option that is given twice, of which one would be lost.
    """
    seen: set[str] = set()
    for word in words:
        if "\0" in word:
            raise UsageError(f"command line: {shortened(word)} holds a NUL byte; allowed: text")
        name = word.partition("=")[0]
        if name.endswith("+"):
            # What follows is about the entry that this one appends.
            seen = {other for other in seen if not other.startswith(name[:-1])}
        elif name.startswith("--") and len(name) > 2 and name not in _REPEATABLE:
            if name in seen:
                raise UsageError(f"{name}: given twice; allowed: once")
            seen.add(name)


def check_configs(words: Sequence[str]) -> None:
    """Check that the files of ``--config`` can be read, before Lightning is imported for them.

    Raises:
        UsageError: naming the first that cannot.
    """
    from lit_curriculum.runs.configs import named

    given = [words[place] for place, word in enumerate(words[:-1], 1) if word in ("--config", "-c")]
    given += [word.partition("=")[2] for word in words if word.startswith("--config=")]
    for value in given:
        if not value.lstrip().startswith("{"):
            found = named(os.path.expanduser(value), "config")
            if not is_there(found):
                raise bad_value("config", value, "an existing file, or a name that `lit configs` lists")
            read_text(found, "config")


def lists_as_overlays(words: Sequence[str]) -> list[str]:
    """Return words in which ``--key=[list of classes]`` has become an overlay, for which lists are replaced.

    The parser alone would let the entries inherit arguments from those at their places before.
    """
    result: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, given, text = word.partition("=")
        if not given and name.startswith("--") and rest and rest[0].lstrip().startswith("["):
            text = rest[0]
        value: Any = _list_of_classes(text) if name.startswith("--") and not name.endswith("+") else None
        if value is None:
            result.append(word)
            continue
        if not given:
            rest.pop(0)
        for key in reversed(name[2:].split(".")):
            value = {key: value}
        result += ["--config", yaml.safe_dump(value, default_flow_style=True, width=10**6)]
    return result


def expand_home(settings: Any, key: str = "") -> Any:
    """Return settings in which paths that begin with ``~`` begin with a home folder.

    Args:
        settings: a string, or lists, dicts and namespaces of them, of which the last two change in place.
        key: what an error calls them.

    Raises:
        UsageError: for the ``~name`` of nobody.
    """
    if isinstance(settings, str):
        return _at_home(settings, key) if settings.startswith("~") else settings
    if isinstance(settings, list):
        settings[:] = [expand_home(inner, key) for inner in settings]
        return settings
    inside = vars(settings) if isinstance(settings, argparse.Namespace) else settings
    if isinstance(inside, dict):
        for name, inner in inside.items():
            below = f"{key}{name}" if key in ("", "--") else f"{key}.{name}"
            inside[name] = expand_home(inner, key if name == "init_args" else below)
    return settings


def check_path(key: str, path: str | None) -> None:
    """Check that a path is one.

    Raises:
        UsageError: for a blank one, a NUL byte, a name that is too long, or letters that the locale lacks.
    """
    if path is None:
        return
    if not path.strip() or "\0" in path:
        raise bad_value(key, path, "a path")
    try:
        encoded = os.fsencode(path)
    except UnicodeEncodeError as error:
        encoding = sys.getfilesystemencoding()
        raise bad_value(key, path, f"letters of this locale ({encoding}), or PYTHONUTF8=1") from error
    if max(map(len, encoded.split(b"/"))) > 255 or len(encoded) > 4095:
        raise bad_value(key, path, "names of at most 255 bytes")


def write_any_letter() -> None:
    r"""Let standard output and error write what their encoding lacks as ``\u03b1`` instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _at_home(path: str, key: str) -> str:
    if path != "~" and "/" not in path:
        return path
    expanded = os.path.expanduser(path)
    if expanded.startswith("~"):
        raise bad_value(key, path, "a path whose ~ stands for a home folder; ./~ for a folder of that name")
    return expanded


def _list_of_classes(text: str) -> list[Any] | None:
    if not text.lstrip().startswith("["):
        return None
    try:
        value = parse_yaml(text)
    except yaml.YAMLError:
        return None  # the parser says what is wrong with it
    if isinstance(value, list) and any(isinstance(entry, dict) for entry in value):
        return value
    return None
