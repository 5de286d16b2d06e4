"""The page of what a configuration can say, made of signatures and docstrings.

``python -m docs.tools.configuration`` writes it; a test compares.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Union

from docstring_parser import parse
from jsonargparse import ArgumentParser

PAGE = Path(__file__).resolve().parents[1] / "reference" / "configuration.md"

_HEAD = """# Configuration

Every key of every class that a configuration can name, made of their signatures by
`python -m docs.tools.configuration`; a test compares. What Trainer takes is on
[a page of its own](../trainer_options.md).

A class is named by `class_path`, its keys stand below `init_args`:

```yaml
model:
  class_path: SparseParityMLP
  init_args: {d: 50, width: 3000}
```

On the command line the same is `--model SparseParityMLP --model.d 50 --model.width 3000`.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the page."""
    from lit_curriculum import callbacks, experiments
    from lit_curriculum.distillation import Strategy
    from lit_curriculum.training.base_data import CurriculumData

    parts = [_HEAD, "## Data of every experiment\n", section(CurriculumData, keys(CurriculumData))]
    shared = keys(CurriculumData)
    for name in experiments.__all__:
        package = import_module(f"lit_curriculum.experiments.{name}")
        parts.append(f"## {name}\n")
        for cls in (getattr(package, exported) for exported in package.__all__):
            rows = [row for row in keys(cls) if not issubclass(cls, CurriculumData) or row not in shared]
            parts.append(section(cls, rows, after_shared=issubclass(cls, CurriculumData)))
    parts.append("## Callbacks\n")
    parts += [section(cls, keys(cls)) for cls in map(callbacks.__dict__.get, callbacks.__all__)]
    parts.append("## Strategies\n\nWhat `SwapTeacher.strategy` takes.\n")
    parts += [section(cls, keys(cls)) for cls in strategies(Strategy)]
    return "\n".join(parts)


def strategies(base: type) -> Iterator[type]:
    """Yield the strategies of the suite, by their names."""
    for cls in sorted(base.__subclasses__(), key=lambda cls: cls.__name__):
        if cls.__module__.startswith("lit_curriculum."):
            yield cls


def section(cls: Any, rows: list[tuple[str, ...]], after_shared: bool = False) -> str:
    """Return a class's heading, the first sentence of its docstring and its keys as a table."""
    text = [f"### {cls.__name__}\n", f"{sentence(inspect.getdoc(cls) or '')}\n"]
    if after_shared:
        text.append("And the keys of [every experiment's data](#data-of-every-experiment).\n")
    if rows:
        text += ["| key | type | default | |", "|---|---|---|---|"]
        text += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([*text, ""])


def keys(cls: Any) -> list[tuple[str, ...]]:
    """Return name, type, default and meaning of each key, a base's after the class's own."""
    rows: dict[str, tuple[str, ...]] = {}
    # A base's argument that the class itself gives is no key; the parser knows.
    known = ArgumentParser().add_class_arguments(cls, fail_untyped=False)
    for owner, function in constructors(cls):
        meanings = {item.arg_name: item.description or "" for item in parse(owner.__doc__ or "").params}
        hints = typing.get_type_hints(function)
        for name, parameter in list(inspect.signature(function).parameters.items())[1:]:
            if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) or name in rows:
                continue
            if name not in known:
                continue
            default = "required" if parameter.default is parameter.empty else shown(parameter.default)
            row = (f"`{name}`", f"`{type_name(hints[name])}`", default, sentence(meanings.get(name, "")))
            rows[name] = row
    return list(rows.values())


def constructors(cls: Any) -> Iterator[tuple[Any, Callable[..., Any]]]:
    """Yield a class and its constructor, and, while that passes on what it does not know, its base's."""
    for owner in cls.__mro__:
        function = owner.__dict__.get("__init__")
        if function is None:
            continue
        yield owner, function
        kinds = {parameter.kind for parameter in inspect.signature(function).parameters.values()}
        if inspect.Parameter.VAR_KEYWORD not in kinds:
            return


def sentence(text: str) -> str:
    """Return the first sentence of a text, in one line."""
    flat = " ".join(text.split("\n\n", maxsplit=1)[0].split())
    return re.split(r"(?<=[.])(?<!e\.g\.)\s+(?=[A-Z`])", flat)[0]


def shown(value: Any) -> str:
    """Return a default as YAML has it."""
    if value is None or isinstance(value, bool):
        return f"`{'null' if value is None else str(value).lower()}`"
    if isinstance(value, tuple | list):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value.__name__ if inspect.isclass(value) else value}`"


def type_name(hint: Any) -> str:
    """Return a type as a reader of YAML knows it."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is type(None):
        return "null"
    if origin is Literal:
        return " or ".join(map(str, inner))
    if origin in (Union, types.UnionType):
        return " or ".join(map(type_name, inner))
    if origin is not None and inner and inner[0] is not Ellipsis:
        name = getattr(origin, "__name__", str(origin))
        if "Callable" in str(origin):
            return f"a class of {type_name(inner[-1])}"
        kind = "dict" if "apping" in name or name == "dict" else "list"
        return f"{kind}[{', '.join(type_name(part) for part in inner if part is not Ellipsis)}]"
    return getattr(hint, "__name__", str(hint))


if __name__ == "__main__":
    main()
