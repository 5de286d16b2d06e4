"""One clear line out of a parser's many."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Sequence

from lit_curriculum.cli.trust import refusal
from lit_curriculum.errors import UsageError, shortened, suggest

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
_LITERAL = re.compile(r"(?:typing\.)?Literal\[(.+)\]")
_DENIED = re.compile(r"Importing '([^']+)' is not allowed")
_NOT_THERE = re.compile(r"(module '[^']+' has no attribute '[^']+'|No module named '[^']+')")
_NO_SUBCLASS = re.compile(r"(?:does not correspond to|Expected '([^']+)' to be) a subclass of (.+?)\.*$")
_NOTHING = re.compile(r"Expected a path but .* either not accessible or invalid$")
_CALLABLE = re.compile(r"^Type \S.* expects a function or a callable class: (.*)$")
_MADE_OF = re.compile(r"\. Got value: (?:Namespace\(class_path='([^']+)'.*|([\w.]+))$")
_FRAME = re.compile(r"^(Does not validate|Subtypes: |Errors:|Given value|Problem with given class_path|$)")
_OURS = re.compile(r"^[\w.]+: got .+; allowed: .+$")
_GIVEN_CLASS = re.compile(r"Given value: Namespace\(class_path='(?:\w+\.)*(\w+)'")
_NESTED = re.compile(r"^NestedArg\(key='[^']*', val='?(.*?)'?\)$")
# What a section is before a configuration names a class for it.
_BASES = ("CurriculumModule", "CurriculumData")
_TYPE = re.compile(r"<class '(?:[\w.]+\.)?(\w+)'>|(?:\b[\w]+\.)+(\w+)")


def one_line(  # noqa: PLR0911, PLR0912 - one branch for each form a message can take
    text: str, classes: Iterable[type], top_keys: Sequence[str]
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
    reason = ""
    for line in _lines(text):
        if found := _KEY.match(line):
            keys.append(found.group(1))
            line = found.group(2)  # noqa: PLW2901 - the rest of the line is parsed like a line
        if found := _CLASS.search(line):
            owner, alternatives = found.group(1), []  # it is that class that is meant, not another type
        where = ".".join(keys)
        if found := _DENIED.search(line):
            return refusal(where, found.group(1))
        if _OURS.match(line):
            inside = where or (made.group(1) if (made := _GIVEN_CLASS.search(text)) else "")
            return f"{inside}: {line}" if inside else line
        if found := _NOT_THERE.search(line):
            return f"{where}: got {owner!r}, which cannot be imported ({found.group(1)}); allowed: a class"
        if found := _NO_SUBCLASS.search(line):
            value = found.group(1) or _given(text) or owner
            return f"{where}: got {shortened(value)}; allowed: a subclass of {_plain(found.group(2))}"
        if found := _UNKNOWN_OPTION.search(line):
            if owner.rpartition(".")[2] in _BASES:
                return (
                    f"{where}.{found.group(1)}: no configuration before it names {where}.class_path; "
                    "allowed: an overlay behind its base, --config BASE --config OVERLAY"
                )
            return _unknown(f"{where}.{found.group(1)}", found.group(1), _arguments(owner, known), owner)
        if (found := _NO_CLASS.search(line)) and set(alternatives) <= {"NoneType"}:
            name = found.group(1)
            return f"{where}: got {shortened(name)}; allowed: the name of a class{suggest(name, known)}"
        if found := _EXPECTED.search(line):
            return f"{where}: got {shortened(found.group(2))}; allowed: {_plain(found.group(1))}"
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
            name = owner.rpartition(".")[2]
            return f"{where + '.' if where else ''}{found.group(1)}: missing; {name or 'it'} has no default"
        # A value that fits none of several types: the innermost list of types comes first.
        if line == "Errors:":
            alternatives = []
        elif (found := _ALTERNATIVE.match(line)) and "import path" not in line:
            alternatives.append(_plain(found.group(1)))
        elif _GIVEN.match(line) and (allowed := [a for a in alternatives if a != "NoneType"]):
            return f"{where}: got {shortened(_given(line))}; allowed: {' or '.join(allowed)}"
        elif not reason and not _FRAME.match(line):
            reason = f"{where or owner}: {line}" if where or owner else line
    if reason and any(line and _FRAME.match(line) for line in _lines(text)):
        return shortened_text(reason)
    return shortened_text(" ".join(text.split()))


def shortened_text(text: str, most: int = 600) -> str:
    """Return a line, its middle left out where it is very long."""
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 2 :]}"


def _lines(text: str) -> Iterator[str]:
    """Yield the lines that say something, without indentation and bullets."""
    for raw in text.splitlines():
        line = raw.strip().lstrip("- ")
        if found := _CALLABLE.match(line):
            line = found.group(1)
            if made := _MADE_OF.search(line):
                yield f"Problem with given class_path '{made.group(1) or made.group(2)}':"
                line = line[: made.start()]
        if _NOTHING.search(line):
            continue
        yield line


def _given(text: str) -> str:
    """Return the last value that a text says was given."""
    found = [_GIVEN.match(line.strip()) for line in text.splitlines()]
    values = [match.group(1).partition(". Got value: ")[0] for match in found if match]
    if not values:
        return ""
    nested = _NESTED.match(values[-1])
    return nested.group(1) if nested else values[-1]


def _unknown(key: str, word: str, allowed: list[str], owner: str) -> str:
    hint = suggest(word, allowed)
    name = owner.rpartition(".")[2]
    listed = f"; allowed{' for ' + name if name else ''}: {', '.join(allowed)}" if allowed else ""
    return f"{key}: unknown key{hint}{listed}"


def _arguments(path: str, known: dict[str, type]) -> list[str]:
    """Return the constructor arguments of a class, those it passes on to its bases included."""
    module, _, name = path.rpartition(".")
    cls = known.get(name) or getattr(sys.modules.get(module), name, None)
    names: list[str] = []
    for base in inspect.getmro(cls) if inspect.isclass(cls) else ():
        if "__init__" in vars(base) and base is not object:
            parameters = inspect.signature(vars(base)["__init__"]).parameters.values()
            names += [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "self"]
            if not any(p.kind is p.VAR_KEYWORD for p in parameters):
                break
    return list(dict.fromkeys(names))


def _plain(text: str) -> str:
    return _LITERAL.sub(r"one of \1", _TYPE.sub(r"\1\2", text))


def usage_error_in(error: BaseException | None) -> UsageError | None:
    """Return the wrong input within the parser's own account of what a constructor raised."""
    while error is not None and not isinstance(error, UsageError):
        error = error.__cause__ or error.__context__
    return error
