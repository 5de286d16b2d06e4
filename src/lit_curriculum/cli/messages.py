"""One clear line out of a parser's many."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar

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


def one_line(text: str, classes: Iterable[type], top_keys: Sequence[str]) -> str:
    """Condense a parser's message to ``key: what is wrong; what is allowed``.

    Args:
        text: the message of the configuration parser, usually several lines.
        classes: the classes a user can name, for their arguments and for spelling suggestions.
        top_keys: keys allowed outside of any class, sections with a dot: ``data``, ``trainer.devices``.
    """
    message = _Message(text, {cls.__name__: cls for cls in classes}, top_keys)
    for line in _lines(text):
        if condensed := message.condensed_at(line):
            return condensed
    if message.reason and any(line and _FRAME.match(line) for line in _lines(text)):
        return shortened_text(message.reason)
    return shortened_text(" ".join(text.split()))


class _Message:
    """A message, read line by line: keys and the class that it named, types that a value could have had.

    Args:
        text: the whole message.
        known: classes by name.
        top_keys: see `one_line`.
    """

    def __init__(self, text: str, known: dict[str, type], top_keys: Sequence[str]) -> None:
        self._text, self._known, self._top_keys = text, known, top_keys
        self._keys: list[str] = []
        self._owner = ""
        self._alternatives: list[str] = []
        self.reason = ""

    def condensed_at(self, line: str) -> str | None:
        """Return the message in one line if this line completes it; keep what the line says if not."""
        if found := _KEY.match(line):
            self._keys.append(found.group(1))
            line = found.group(2)
        if found := _CLASS.search(line):
            # It is that class that is meant, not another type.
            self._owner, self._alternatives = found.group(1), []
        for form, told in self._FORMS:
            if (found := form.search(line)) and (condensed := told(self, found)):
                return condensed
        return self._at_alternatives(line)

    @property
    def _where(self) -> str:
        return ".".join(self._keys)

    @property
    def _class(self) -> str:
        return self._owner.rpartition(".")[2]

    def _ours(self, found: re.Match[str]) -> str:
        made = _GIVEN_CLASS.search(self._text)
        inside = self._where or (made.group(1) if made else "")
        return f"{inside}: {found.string}" if inside else found.string

    def _not_there(self, found: re.Match[str]) -> str:
        why = f"which cannot be imported ({found.group(1)})"
        return f"{self._where}: got {self._owner!r}, {why}; allowed: a class"

    def _no_subclass(self, found: re.Match[str]) -> str:
        value = found.group(1) or _given(self._text) or self._owner
        return f"{self._where}: got {shortened(value)}; allowed: a subclass of {_plain(found.group(2))}"

    def _unknown_option(self, found: re.Match[str]) -> str:
        where, option = self._where, found.group(1)
        if self._class in _BASES:
            return (
                f"{where}.{option}: no configuration before it names {where}.class_path; "
                "allowed: an overlay behind its base, --config BASE --config OVERLAY"
            )
        return _unknown(f"{where}.{option}", option, _arguments(self._owner, self._known), self._owner)

    def _no_class(self, found: re.Match[str]) -> str | None:
        if not set(self._alternatives) <= {"NoneType"}:
            return None
        name = found.group(1)
        hint = suggest(name, self._known)
        return f"{self._where}: got {shortened(name)}; allowed: the name of a class{hint}"

    def _unknown_top(self, found: re.Match[str]) -> str:
        key = found.group(1)
        section, _, word = key.rpartition(".")
        inside = [k.removeprefix(f"{section}.") for k in self._top_keys if k.startswith(f"{section}.")]
        if inside:
            return _unknown(key, word, inside, "")
        return _unknown(key, key.split(".")[0], [k for k in self._top_keys if "." not in k], "")

    def _required(self, found: re.Match[str]) -> str:
        where = f"{self._where}." if self._keys else ""
        return f"{where}{found.group(1)}: missing; {self._class or 'it'} has no default"

    def _at_alternatives(self, line: str) -> str | None:
        """Keep the types of a value that fits none of several: the innermost list of them comes first."""
        if line == "Errors:":
            self._alternatives = []
        elif (found := _ALTERNATIVE.match(line)) and "import path" not in line:
            self._alternatives.append(_plain(found.group(1)))
        elif _GIVEN.match(line) and (allowed := [a for a in self._alternatives if a != "NoneType"]):
            return f"{self._where}: got {shortened(_given(line))}; allowed: {' or '.join(allowed)}"
        elif not self.reason and not _FRAME.match(line):
            of = self._where or self._owner
            self.reason = f"{of}: {line}" if of else line
        return None

    # In this order: a line may have several of these forms.
    _FORMS: ClassVar[tuple[tuple[re.Pattern[str], Callable[[_Message, re.Match[str]], str | None]], ...]] = (
        (_DENIED, lambda self, found: refusal(self._where, found.group(1))),
        (_OURS, _ours),
        (_NOT_THERE, _not_there),
        (_NO_SUBCLASS, _no_subclass),
        (_UNKNOWN_OPTION, _unknown_option),
        (_NO_CLASS, _no_class),
        (
            _EXPECTED,
            lambda self, found: (
                f"{self._where}: got {shortened(found.group(2))}; allowed: {_plain(found.group(1))}"
            ),
        ),
        (_UNKNOWN_TOP, _unknown_top),
        (_UNRECOGNISED, _unknown_top),
        (_MISSING, lambda self, found: f"{found.group(1)}: missing; it has no default"),
        (_REQUIRED, _required),
    )


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
