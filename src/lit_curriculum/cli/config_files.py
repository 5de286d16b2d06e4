"""``--config``: files that overlay one another, read as UTF-8, each key once, lists replaced as a whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ActionConfigFile, Namespace  # type: ignore[attr-defined]
from jsonargparse.typing import register_type

from lit_curriculum.errors import UsageError, suggest
from lit_curriculum.reading import as_usage_error, parse_yaml, read_text
from lit_curriculum.runs.configs import config_folder, named

_HARVEST = "HarvestCheckpoints"
_SWAP = "SwapTeacher"


class ConfigFile(ActionConfigFile):
    """Reads one configuration on top of what is there; a value that begins with ``{`` is YAML itself.

    The parser alone would read in the locale's encoding, take the last of several equal keys, and let an
    entry of a list keep arguments of the entry that stood at its place before.
    """

    @staticmethod
    def apply_config(parser: Any, cfg: Namespace, dest: str, value: Any) -> None:
        """Merge a file, or YAML, into a namespace.

        Args:
            parser: the subcommand's.
            cfg: what earlier files and words have set.
            dest: name of the option; the namespace keeps a list of the files there.
            value: path, name of a shipped configuration, or YAML.

        Raises:
            UsageError: if it cannot be read, is no mapping, or takes a student's teachers away.
        """
        inline = _is_inline(str(value))
        place = str(value) if inline else named(os.path.expanduser(str(value)), dest)
        text = place if inline else read_text(place, dest)
        with as_usage_error(Path("YAML" if inline else place), dest):
            content = parse_yaml(text)
        if content is None:
            content, text = {}, "{}"  # only comments
        if not isinstance(content, dict):
            kind = type(content).__name__
            raise UsageError(
                f"{dest}: {place[:200]} holds a {kind}; allowed: keys such as model, data, trainer"
            )
        _check_keys(parser, content, place)
        _note_dropped_harvest(parser, cfg, content, place)
        taught = _has(_SWAP, _callbacks(cfg))
        forget_replaced_lists(cfg, content)
        files = list(cfg.get(dest) or [])
        if not text.isascii():
            # The parser asks first whether the text is a path, which an ASCII locale cannot even ask.
            text = yaml.safe_dump(content, allow_unicode=False)
        ActionConfigFile.apply_config(parser, cfg, dest, text)
        _keep_track_of_teachers(parser, dest, taught, _callbacks(cfg), place)
        cfg[dest] = files if inline else [*files, place]


def record_classes_beside_paths() -> None:
    """Have a class that stands where a path may, as in ``str | Path | CheckpointBank``, recorded as a class.

    The parser writes the settings by the first type that takes them, and its path took anything, as text:
    config.yaml held ``Namespace(class_path=...`` in one string, which no `lit fit` could read again.
    """
    register_type(Path, _text_of_path, Path, type_check=isinstance)


def _text_of_path(value: Any) -> str:
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{type(value).__name__} is no path")
    return str(value)


def _check_keys(parser: Any, content: dict[Any, Any], place: str) -> None:
    """Refuse unknown keys that hold nothing; the parser drops them, and names all others."""
    known = sorted({action.dest.partition(".")[0] for action in parser._actions})
    for key, value in content.items():
        name = str(key).removesuffix("+")
        if not value and name not in known:
            shown = [word for word in known if word not in ("config", "help", "print_config")]
            raise UsageError(
                f"{place[:200]}: {name[:200]}: unknown key{suggest(name, shown)}; allowed: {', '.join(shown)}"
            )


def forget_replaced_lists(earlier: Any, later: Any) -> None:
    """Take out of earlier settings, at any depth, the lists that later ones replace.

    What is not there cannot be inherited.

    Args:
        earlier: nested namespaces and dicts, changed in place.
        later: nested dicts as a YAML has them; arguments may stand beside ``class_path`` or in ``init_args``.
    """
    inside = _mapping(earlier)
    if inside is None or not isinstance(later, dict):
        return
    for name, value in later.items():
        for place in (inside, _mapping(inside.get("init_args")) or {}):
            if name not in place:
                continue
            if isinstance(value, list) and isinstance(place[name], list):
                place[name] = None
            else:
                forget_replaced_lists(place[name], value)


def drops_harvest(earlier: Any, later: Any) -> bool:
    """Tell whether a later ``trainer.callbacks`` leaves out the `HarvestCheckpoints` that was there."""
    before = _callbacks(earlier)
    after = _callbacks(later)
    if after is None or not before:
        return False
    return _has(_HARVEST, before) and not _has(_HARVEST, after)


def check_teachers_stay(parser: Any, callbacks: Any) -> None:
    """Check that words of the command line leave the `SwapTeacher` of a file where it is.

    Args:
        parser: the subcommand's, which has read all files.
        callbacks: of trainer, with everything that was given.

    Raises:
        UsageError: if another callback stands in its place.
    """
    _keep_track_of_teachers(parser, "trainer.callbacks", True, _as_list(callbacks), "{}")


def _keep_track_of_teachers(
    parser: Any, dest: str, taught: bool, after: list[Any] | None, place: str
) -> None:
    """Refuse a file whose callbacks replace an earlier file's `SwapTeacher`; remember who names one.

    A student of nobody would learn from labels without a word. An empty list of a user's own says just that;
    a shipped overlay's is meant to stand before the one that names the teachers.

    Args:
        parser: the subcommand's, which remembers.
        dest: name of the option.
        taught: whether there was a `SwapTeacher` before.
        after: callbacks with this file.
        place: the file, or YAML.
    """
    named = parser.__dict__.get("swap_file")
    if _has(_SWAP, after):
        parser.__dict__.setdefault("swap_file", place)
    elif taught and named is not None and (after or _is_shipped(place)):
        earlier = _shown(named)
        raise UsageError(
            f"{dest}: {_shown(place)}: its trainer.callbacks drops the {_SWAP} of {earlier}, and the run "
            f"would learn from labels alone; allowed: before {earlier}, or, for labels alone, "
            "trainer.callbacks: []"
        )
    else:
        parser.__dict__.pop("swap_file", None)


def _note_dropped_harvest(parser: Any, cfg: Namespace, content: dict[str, Any], place: str) -> None:
    # The overlays that come with the suite leave it out on purpose: a student is nobody's teacher.
    if not _is_shipped(place) and drops_harvest(cfg, content):
        notes = parser.__dict__.setdefault("notes", [])
        notes.append(
            f"{place[:200]}: its trainer.callbacks replaces the earlier list, so {_HARVEST} is gone and no "
            "bank is written; to append instead: callbacks+:"
        )


def _callbacks(settings: Any) -> list[Any] | None:
    trainer = _mapping((_mapping(settings) or {}).get("trainer")) or {}
    return _as_list(trainer.get("callbacks"))


def _as_list(callbacks: Any) -> list[Any] | None:
    """Return trainer.callbacks, which may be one class alone, as a list; None if there are none."""
    return callbacks if isinstance(callbacks, list) or callbacks is None else [callbacks]


def _has(name: str, callbacks: list[Any] | None) -> bool:
    """Tell whether a list of callbacks has one of this class."""
    paths = [c if isinstance(c, str) else (_mapping(c) or {}).get("class_path") for c in callbacks or []]
    return name in [str(path).rpartition(".")[2] for path in paths]


def _is_inline(place: str) -> bool:
    return place.lstrip().startswith("{")


def _is_shipped(place: str) -> bool:
    return not _is_inline(place) and config_folder() in Path(place).resolve().parents


def _shown(place: str) -> str:
    """Return what a user calls a file: a shipped one by its name."""
    if _is_inline(place):
        return "the command line"
    if not _is_shipped(place):
        return place[:200]
    return Path(place).resolve().relative_to(config_folder()).with_suffix("").as_posix()


def _mapping(value: Any) -> dict[str, Any] | None:
    if isinstance(value, Namespace):
        return vars(value)
    return value if isinstance(value, dict) else None
