"""Finding the shipped YAML files, in a source tree or in an installed package."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lit_curriculum.errors import UsageError, bad_value, suggest
from lit_curriculum.files import hash_of_json
from lit_curriculum.reading import as_usage_error, is_there, read_yaml

OVERLAYS = ("smoke", "quick", "paper")
"""Folders of overlays that are named for a scale."""

_PACKAGE = Path(__file__).resolve().parents[1]


def config_folder() -> Path:
    """Return the folder ``lightning_configs``.

    Raises:
        FileNotFoundError: if the installation lacks it.
    """
    for place in (_PACKAGE / "lightning_configs", _PACKAGE.parents[1] / "lightning_configs"):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"lightning_configs is neither in {_PACKAGE} nor in {_PACKAGE.parents[1]}")


def shipped(name: str) -> Path:
    """Return the path of a shipped configuration, e.g. ``paper/sparse_parity_mlp``, or of a user's ``.yaml``.

    Raises:
        UsageError: if there is none of that name.
    """
    if name.endswith(".yaml"):
        if not _is_file(Path(name)):
            raise bad_value("config", name, "an existing file")
        return Path(name)
    path = config_folder() / f"{name}.yaml"
    if not _is_file(path):
        known = [name for name in shipped_names() if not name.startswith("sweeps/")]
        refusal = bad_value("config", name, "a file, or a name that `lit configs` lists")
        raise UsageError(f"{refusal}{suggest(name, known)}")
    return path


def shipped_names() -> list[str]:
    """Return the names of all shipped files, sorted, e.g. ``smoke/lego`` and ``sweeps/implicit_lego``."""
    folder = config_folder()
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))


def named(word: str, key: str) -> str:
    """Return the file that a user means: one that is there, or the shipped one of that name.

    Args:
        word: a path, or a name such as ``pcfg_bert`` or ``smoke/pcfg_bert``.
        key: what an error calls it.

    Returns:
        The word itself for a path, of a file that need not exist.

    Raises:
        UsageError: if there is no such file and no such name.
    """
    path = Path(word)
    if not word or (is_there(path) and not path.is_dir()):
        return word
    names = shipped_names()
    if word in names:
        return str(config_folder() / f"{word}.yaml")
    if path.suffix in (".yaml", ".yml"):
        parts = path.with_suffix("").parts
        ends = ["/".join(parts[start:]) for start in range(len(parts))]
        found = next((end for end in ends if end in names), None)
        if found is None:
            return word
        raise bad_value(key, word, f"an existing file, or the name of the shipped one: {found}")
    if is_there(path):
        return word
    allowed = "a file, or a name that `lit configs` lists"
    raise UsageError(f"{bad_value(key, word, allowed)}{suggest(word, names)}")


def layer(path: Path) -> dict[str, Any]:
    """Return what a configuration's file says; not to be changed.

    Raises:
        UsageError: if it cannot be read, or holds no settings.
    """
    with as_usage_error(path, "config"):
        status = path.stat()
    return _layer(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=64)
def _layer(path: Path, *stamp: int) -> dict[str, Any]:
    """Read a file once for the many runs of a sweep; its time and size tell whether it is another by now."""
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise bad_value(f"config: {path}", content, "settings, each `key: value`")
    try:
        hash_of_json(content)
    except TypeError as error:
        raise UsageError(f"config: {path} has a key that is no text ({error}); allowed: names") from error
    return content


def _is_file(path: Path) -> bool:
    return is_there(path) and path.is_file()


def scale_of(configs: Sequence[str | Path]) -> str | None:
    """Return the scale that shipped configurations set: the last of their overlays decides.

    Args:
        configs: files in the order in which they overlay one another.

    Returns:
        ``laptop`` for a base alone, one of `OVERLAYS` with such an overlay, None without any of ours.
    """
    scale = None
    for config in configs:
        folder = Path(config).resolve().parent
        if folder == config_folder():
            scale = "laptop"
        elif folder.parent == config_folder() and folder.name in OVERLAYS:
            scale = folder.name
    return scale
