"""YAML as a configuration needs it: what a library would take without a word, or loop over, is refused.

Refused are a key given twice, nesting deeper than `MAX_DEPTH`, more than `MAX_VALUES` values with aliases
written out, numbers of more than `MAX_DIGITS` characters, and every tag but those of plain values. A date is
text: no setting is one, and a run's name may look like one.
"""

from __future__ import annotations

from typing import Any

import yaml

MAX_DEPTH = 100
"""Deepest nesting of YAML, and of JSON."""

MAX_VALUES = 1_000_000
"""Most values of a YAML file, its aliases written out."""

MAX_DIGITS = 1000
"""Most characters of a number: Python prints and converts longer ones slowly, or not at all."""

_TAG = "tag:yaml.org,2002:"
_NUMBERS = (f"{_TAG}int", f"{_TAG}float")
_ALLOWED = {f"{_TAG}{name}" for name in ("null", "bool", "str", "seq", "map", "merge")} | {*_NUMBERS}


def parse_yaml(text: str) -> Any:
    """Return the value of a YAML text.

    Raises:
        yaml.YAMLError: for what is no YAML, or what the module's docstring names.
    """
    try:
        return yaml.load(text, _StrictLoader)
    except RecursionError as error:
        raise yaml.YAMLError(f"nested deeper than {MAX_DEPTH}") from error
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # The library's own accidents: `%YAML 1.(5000 digits)`, "\\Uffffffff", an empty `!!int`.
        raise yaml.YAMLError(f"a value that cannot be read ({error})") from error


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader with the refusals of the module's docstring, made before a value is constructed."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.YAMLError(f"nested deeper than {MAX_DEPTH}")
        node = super().compose_node(parent, index)
        self.depth -= 1
        if node is not None and node.tag not in _ALLOWED:
            raise yaml.YAMLError(f"{_line(node)}: tag {node.tag!r}; allowed: plain values without tags")
        if isinstance(node, yaml.ScalarNode) and node.tag in _NUMBERS and len(node.value) > MAX_DIGITS:
            raise yaml.YAMLError(f"{_line(node)}: a number of more than {MAX_DIGITS} characters")
        return node

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for name, _ in node.value:
            # `<<` may be there several times; it is no key.
            if isinstance(name, yaml.ScalarNode) and name.tag != f"{_TAG}merge":
                key = self.construct_object(name)
                if key in seen:
                    raise yaml.YAMLError(f"{_line(name)}: key {name.value!r} is given twice; allowed: once")
                seen.add(key)
        return node

    def get_single_node(self) -> Any:
        node = super().get_single_node()
        if node is not None:
            _expanded_size(node, {})
        return node


# A copy of the table without dates: the library's own stays as it is.
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != f"{_TAG}timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _line(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"


def _expanded_size(node: yaml.Node, known: dict[int, int | None]) -> int:
    """Return how many values a node stands for once its aliases are written out.

    A few lines of aliases of aliases stand for billions; an alias of what it is part of, for no end of them.
    """
    if id(node) in known:
        size = known[id(node)]
        if size is None:
            raise yaml.YAMLError("an alias stands for what it is part of")
        return size
    known[id(node)] = None
    size = 1
    if isinstance(node, yaml.CollectionNode):
        for value in node.value:
            size += sum(_expanded_size(p, known) for p in (value if isinstance(value, tuple) else [value]))
    if size > MAX_VALUES:
        raise yaml.YAMLError(f"more than {MAX_VALUES:,} values")
    known[id(node)] = size
    return size
