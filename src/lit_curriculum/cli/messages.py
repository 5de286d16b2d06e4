"""One clear line out of a parser's many."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable

from lit_curriculum.errors import suggest

_KEY = re.compile(r"""^-?\s*Parser key ["']([^"']+)["']:?\s*(.*)$""")
_UNKNOWN_OPTION = re.compile(r"Option '([^']+)' is not accepted")
_CLASS = re.compile(r"Problem with given class_path '([^']+)'")
_EXPECTED = re.compile(r"Expected (?:an? )?(.+?)\. Got value: (.*)$")
_NO_CLASS = re.compile(r"Expected a dot import path string: (\S+)")
_UNKNOWN_TOP = re.compile(r"does not accept (?:option|nested key|key) '([^']+)'")
_UNRECOGNISED = re.compile(r"unrecognized arguments: --([\w.]+)")
_MISSING = re.compile(r"""(?:Key|option) ["']?([\w.]+)["']? is required""")
_REQUIRED = re.compile(r"the following arguments are required: (.+)$")
_ALTERNATIVE = re.compile(r"^Expected an? (.+)$")
_GIVEN = re.compile(r"^Given value: (.*)$")
_LITERAL = re.compile(r"typing\.Literal\[(.+)\]")
_TYPE = re.compile(r"<class '(?:[\w.]+\.)?(\w+)'>")


def one_line(  # noqa: PLR0911, PLR0912 - one branch for each form a message can take
    text: str, classes: Iterable[type], top_keys: Iterable[str]
) -> str:
    """Condense a parser's message to ``key: what is wrong; what is allowed``.

    Args:
        text: the message of the configuration parser, usually several lines.
        classes: the classes a user can name, for their arguments and for spelling suggestions.
        top_keys: keys allowed outside of any class, sections with a dot: ``data``, ``trainer.devices``.
    """
    known = {cls.__name__: cls for cls in classes}
    keys: list[str] = []
    owner = ""
    alternatives: list[str] = []
    for line in (line.strip().lstrip("- ") for line in text.splitlines()):
        if found := _KEY.match(line):
            keys.append(found.group(1))
            line = found.group(2)  # noqa: PLW2901 - the rest of the line is parsed like a line
        if found := _CLASS.search(line):
            owner = found.group(1).rsplit(".", 1)[-1]
        where = ".".join(keys)
        if found := _UNKNOWN_OPTION.search(line):
            return _unknown(f"{where}.{found.group(1)}", found.group(1), _arguments(known.get(owner)), owner)
        if found := _NO_CLASS.search(line):
            name = found.group(1)
            return f"{where}: got {name!r}; allowed: the name of a class{suggest(name, known)}"
        if found := _EXPECTED.search(line):
            return f"{where}: got {found.group(2)!r}; allowed: {_plain(found.group(1))}"
        if found := _UNKNOWN_TOP.search(line) or _UNRECOGNISED.search(line):
            key = found.group(1)
            section, _, word = key.rpartition(".")
            inside = [k.removeprefix(f"{section}.") for k in top_keys if k.startswith(f"{section}.")]
            if inside:
                return _unknown(key, word, inside, "")
            return _unknown(key, key.split(".")[0], [k for k in top_keys if "." not in k], "")
        if found := _MISSING.search(line):
            return f"{found.group(1)}: missing; it has no default"
        if found := _REQUIRED.search(line):
            return f"{where + '.' if where else ''}{found.group(1)}: missing; {owner or 'it'} has no default"
        # A value that fits none of several types: the innermost list of types comes first.
        if line == "Errors:":
            alternatives = []
        elif found := _ALTERNATIVE.match(line):
            alternatives.append(_plain(found.group(1)))
        elif (found := _GIVEN.match(line)) and alternatives:
            allowed = " or ".join(a for a in alternatives if a != "NoneType")
            return f"{where}: got {found.group(1)!r}; allowed: {allowed}"
    return " ".join(text.split())


def _unknown(key: str, word: str, allowed: list[str], owner: str) -> str:
    hint = suggest(word, allowed)
    listed = f"; allowed{' for ' + owner if owner else ''}: {', '.join(allowed)}" if allowed else ""
    return f"{key}: unknown key{hint}{listed}"


def _arguments(cls: type | None) -> list[str]:
    """Return the constructor arguments of a class, those it passes on to its bases included."""
    names: list[str] = []
    for base in cls.__mro__ if cls else ():
        if base.__module__.startswith("lit_curriculum") and "__init__" in vars(base):
            parameters = inspect.signature(vars(base)["__init__"]).parameters.values()
            names += [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "self"]
            if not any(p.kind is p.VAR_KEYWORD for p in parameters):
                break
    return list(dict.fromkeys(names))


def _plain(text: str) -> str:
    return _LITERAL.sub(r"one of \1", _TYPE.sub(r"\1", text))
