"""Checks of a grammar file. Every error is one line that names the rule, or the symbol, that is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lit_curriculum.errors import UsageError, bad_value, suggest

Rules = dict[int, tuple[tuple[int, ...], ...]]

MAX_SYMBOL = 2**15 - 1
"""Symbols and positions are kept in 16 bits."""

_REQUIRED = ("name", "root", "terminals", "rules")
_OPTIONAL = ("source",)


def check_grammar(data: Any, where: str) -> tuple[tuple[int, ...], Rules, dict[int, int]]:
    """Check a grammar's JSON value.

    Args:
        data: the decoded file.
        where: what errors call it: a shipped name or a path.

    Returns:
        The terminals in increasing order, the rules in the file's order, and each symbol's height: the
        number of edges between it and any leaf below it (terminals have height 0).

    Raises:
        UsageError: for the first fault found.
    """
    _check_keys(data, where)
    terminals = _terminals(data["terminals"], where)
    rules = _rules(data["rules"], where)
    root = _symbol(data["root"], f"{where}: root")
    if root not in rules:
        raise bad_value(f"{where}: root", root, "a symbol that has rules")
    _check_defined(rules, terminals, where)
    heights = _heights(rules, terminals, where)
    _check_reachable(root, rules, terminals, where)
    return terminals, rules, heights


def reachable(roots: Iterable[int], rules: Rules) -> set[int]:
    """Return the symbols that occur in some derivation from ``roots``, these included."""
    found, open_symbols = set(roots), list(roots)
    while open_symbols:
        for right in rules.get(open_symbols.pop(), ()):
            fresh = set(right) - found
            found |= fresh
            open_symbols.extend(fresh)
    return found


def rule_key(where: str, left: int, position: int) -> str:
    """Return how errors name a rule: ``cfg3b: rules.9[1]`` is the second rule of symbol 9."""
    return f"{where}: rules.{left}[{position}]"


def _check_keys(data: Any, where: str) -> None:
    if not isinstance(data, dict):
        raise bad_value(where, data, "a JSON object with name, root, terminals, rules")
    for key in _REQUIRED:
        if key not in data:
            raise UsageError(f"{where}: {key}: missing; allowed: all of {', '.join(_REQUIRED)}")
    known = _REQUIRED + _OPTIONAL
    for key in data:
        if key not in known:
            raise UsageError(f"{where}: {key}: unknown key{suggest(key, known)}; allowed: {', '.join(known)}")
    for key in ("name", "source"):
        if not isinstance(data.get(key, ""), str):
            raise bad_value(f"{where}: {key}", data[key], "a string")


def _symbol(value: Any, key: str) -> int:
    # bool is an int to isinstance; true is not a symbol.
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_SYMBOL:
        raise bad_value(key, value, f"a symbol, that is an integer from 1 to {MAX_SYMBOL}")
    return value


def _terminals(value: Any, where: str) -> tuple[int, ...]:
    key = f"{where}: terminals"
    if not isinstance(value, list) or not value:
        raise bad_value(key, value, "a list of at least one symbol")
    terminals = [_symbol(item, key) for item in value]
    if len(set(terminals)) != len(terminals):
        raise bad_value(key, value, "distinct symbols")
    return tuple(sorted(terminals))


def _rules(value: Any, where: str) -> Rules:
    if not isinstance(value, dict) or not value:
        raise bad_value(f"{where}: rules", value, "an object: symbol -> list of right-hand sides")
    rules: Rules = {}
    for name, rights in value.items():
        key = f"{where}: rules.{name}"
        # Only the plain decimal form, so that "9" and "09" cannot both be there.
        left = _symbol(int(name) if name.isascii() and name.isdigit() and name[0] != "0" else name, key)
        if not isinstance(rights, list) or not rights:
            raise bad_value(key, rights, "a list of at least one right-hand side")
        rules[left] = _right_hand_sides(left, rights, where)
    return rules


def _right_hand_sides(left: int, rights: list[Any], where: str) -> tuple[tuple[int, ...], ...]:
    seen: list[tuple[int, ...]] = []
    for position, right in enumerate(rights):
        key = rule_key(where, left, position)
        if not isinstance(right, list) or not right:
            raise bad_value(key, right, "a list of at least one symbol (no rule may be empty)")
        symbols = tuple(_symbol(item, key) for item in right)
        if symbols in seen:
            raise bad_value(
                key, right, f"rules that differ, here it repeats rules.{left}[{seen.index(symbols)}]"
            )
        seen.append(symbols)
    return tuple(seen)


def _check_defined(rules: Rules, terminals: tuple[int, ...], where: str) -> None:
    for terminal in terminals:
        if terminal in rules:
            raise bad_value(
                f"{where}: rules.{terminal}", terminal, "rules of non-terminals, this is a terminal"
            )
    known = set(terminals) | set(rules)
    for left, rights in rules.items():
        for position, right in enumerate(rights):
            for symbol in right:
                if symbol not in known:
                    raise bad_value(
                        rule_key(where, left, position),
                        list(right),
                        f"terminals and symbols that have rules, here {symbol} is undefined",
                    )


def _heights(rules: Rules, terminals: tuple[int, ...], where: str) -> dict[int, int]:
    """Give every symbol its height, children first; what is left over in the end derives itself."""
    heights = dict.fromkeys(terminals, 0)
    waiting = dict(rules)
    while waiting:
        ready = [a for a, rights in waiting.items() if all(s in heights for right in rights for s in right)]
        if not ready:
            raise _recursion(waiting, heights, where)
        for left in ready:
            heights[left] = _height_of(left, waiting.pop(left), heights, where)
    return heights


def _height_of(left: int, rights: tuple[tuple[int, ...], ...], heights: dict[int, int], where: str) -> int:
    expected = heights[rights[0][0]]
    for position, right in enumerate(rights):
        for symbol in right:
            if heights[symbol] != expected:
                raise bad_value(
                    rule_key(where, left, position),
                    list(right),
                    f"leaves all at one depth, here {symbol} has height {heights[symbol]} "
                    f"where {rights[0][0]} in rules.{left}[0] has {expected}",
                )
    return expected + 1


def _recursion(waiting: Rules, heights: dict[int, int], where: str) -> UsageError:
    """Walk along symbols without a height until one comes up again: that rule closes a cycle."""
    symbol, path = next(iter(waiting)), []
    while True:
        path.append(symbol)
        position, right, child = next(
            (position, right, child)
            for position, right in enumerate(waiting[symbol])
            for child in right
            if child not in heights
        )
        if child in path:
            cycle = " -> ".join(map(str, [*path[path.index(child) :], child]))
            return bad_value(rule_key(where, symbol, position), list(right), f"no recursion, here {cycle}")
        symbol = child


def _check_reachable(root: int, rules: Rules, terminals: tuple[int, ...], where: str) -> None:
    found = reachable([root], rules)
    for left in rules:
        if left not in found:
            raise bad_value(f"{where}: rules.{left}", left, f"symbols reachable from the root {root}")
    for terminal in terminals:
        if terminal not in found:
            raise bad_value(f"{where}: terminals", terminal, f"symbols reachable from the root {root}")
