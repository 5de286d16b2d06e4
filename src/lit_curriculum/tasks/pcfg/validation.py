"""Checks of a grammar file. Every error is one line that names the rule, or the symbol, that is wrong."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from typing import Any

from lit_curriculum.errors import UsageError, bad_value, shortened, suggest

Rules = dict[int, tuple[tuple[int, ...], ...]]

MAX_SYMBOL = 2**15 - 1
"""Symbols and positions are kept in 16 bits."""

MAX_RULES = 100_000
"""Most right-hand sides of all symbols together."""

MAX_TABLE = 2**26
"""Most entries of a table that the sampler keeps, 128 MiB."""

_DECIMAL = re.compile("[1-9][0-9]{0,9}")

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
    _check_reachable((root,), rules, terminals, where)
    check_sizes((root,), rules, heights, where)
    return terminals, rules, heights


def check_description(
    description: Any, where: str
) -> tuple[tuple[int, ...], tuple[int, ...], Rules, dict[int, int]]:
    """Check what `Grammar.describe` returned, as a manifest keeps it.

    Returns:
        The roots, and what `check_grammar` returns. Terminals that the roots cannot reach are allowed:
        a sub-grammar keeps them all.

    Raises:
        UsageError: for the first fault found.
    """
    if not isinstance(description, dict):
        raise bad_value(where, description, "an object with roots, terminals, rules")
    for key in ("roots", "terminals", "rules"):
        if not isinstance(description.get(key), list):
            raise bad_value(f"{where}: {key}", description.get(key), "a list")
    terminals = _terminals(description["terminals"], where)
    named: dict[int, tuple[tuple[int, ...], ...]] = {}
    for pair in description["rules"]:
        if not (isinstance(pair, list | tuple) and len(pair) == 2):
            raise bad_value(f"{where}: rules", pair, "pairs of a symbol and its right-hand sides")
        left = _symbol(pair[0], f"{where}: rules")
        if left in named:
            raise bad_value(f"{where}: rules", left, "distinct symbols")
        named[left] = _right_hand_sides(left, pair[1], where)
    roots = tuple(_symbol(root, f"{where}: roots") for root in description["roots"])
    if not roots or len(set(roots)) != len(roots) or set(roots) - set(named):
        raise bad_value(f"{where}: roots", roots, "distinct symbols that have rules")
    _check_defined(named, terminals, where)
    heights = _heights(named, terminals, where)
    if len({heights[root] for root in roots}) > 1:
        raise bad_value(f"{where}: roots", roots, "symbols of one height")
    _check_reachable(roots, named, (), where)
    check_sizes(roots, named, heights, where)
    return roots, terminals, named, heights


def check_sizes(roots: tuple[int, ...], rules: Rules, heights: dict[int, int], where: str) -> None:
    """Check a grammar's sizes before anything is allocated for it; numbers grow as a tower of them.

    Raises:
        UsageError: if strings are too long, or tables that the sampler needs are too large.
    """
    most = 10**18
    longest = dict.fromkeys((symbol for symbol, height in heights.items() if height == 0), 1)
    for symbol in sorted(rules, key=heights.__getitem__):
        longest[symbol] = min(most, max(sum(longest[s] for s in right) for right in rules[symbol]))
    length = max(longest[root] for root in roots)
    if length > MAX_SYMBOL:
        raise bad_value(f"{where}: longest string", length, f"at most {MAX_SYMBOL} tokens")
    widest = max(len(right) for rights in rules.values() for right in rights)
    table = len(rules) * max(map(len, rules.values())) * widest
    if table > MAX_TABLE:
        allowed = f"symbols x most rules of one x longest rule at most {MAX_TABLE}"
        raise bad_value(f"{where}: rules", table, allowed)
    levels = (heights[roots[0]] + 1) * (length + widest)
    if levels > MAX_TABLE:
        raise bad_value(f"{where}: depth", levels, f"levels x longest string at most {MAX_TABLE}")


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
            hint = suggest(str(key), known)
            raise UsageError(f"{where}: {key}: unknown key{hint}; allowed: {', '.join(known)}")
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
    count = 0
    for name, rights in value.items():
        # Only the plain decimal form, so that "9" and "09" cannot both be there.
        plain = isinstance(name, str) and _DECIMAL.fullmatch(name)
        left = _symbol(int(name) if plain else name, f"{where}: rules.{shortened(name, 40).strip(chr(39))}")
        rules[left] = _right_hand_sides(left, rights, where)
        count += len(rules[left])
        if count > MAX_RULES:
            raise bad_value(f"{where}: rules", count, f"at most {MAX_RULES} rules")
    return rules


def _right_hand_sides(left: int, rights: Any, where: str) -> tuple[tuple[int, ...], ...]:
    if not isinstance(rights, list) or not rights:
        raise bad_value(f"{where}: rules.{left}", rights, "a list of at least one right-hand side")
    if len(rights) > MAX_RULES:
        raise bad_value(f"{where}: rules.{left}", len(rights), f"at most {MAX_RULES} rules")
    seen: dict[tuple[int, ...], int] = {}
    for position, right in enumerate(rights):
        key = rule_key(where, left, position)
        if not isinstance(right, list) or not right:
            raise bad_value(key, right, "a list of at least one symbol (no rule may be empty)")
        symbols = tuple(_symbol(item, key) for item in right)
        if symbols in seen:
            raise bad_value(key, right, f"rules that differ, here it repeats rules.{left}[{seen[symbols]}]")
        seen[symbols] = position
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
    # Each symbol waits for its children once, however deep the grammar is.
    children = {left: {s for right in rights for s in right if s in rules} for left, rights in rules.items()}
    parents: dict[int, list[int]] = {}
    for left, below in children.items():
        for child in below:
            parents.setdefault(child, []).append(left)
    missing = {left: len(below) for left, below in children.items()}
    ready = deque(left for left, count in missing.items() if not count)
    while ready:
        left = ready.popleft()
        heights[left] = _height_of(left, rules[left], heights, where)
        for parent in parents.get(left, ()):
            missing[parent] -= 1
            if not missing[parent]:
                ready.append(parent)
    waiting = {left: rights for left, rights in rules.items() if left not in heights}
    if waiting:
        raise _recursion(waiting, heights, where)
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
    symbol, path = next(iter(waiting)), dict[int, int]()
    while True:
        path[symbol] = len(path)
        position, right, child = next(
            (position, right, child)
            for position, right in enumerate(waiting[symbol])
            for child in right
            if child not in heights
        )
        if child in path:
            ring = [*map(str, list(path)[path[child] :]), str(child)]
            if len(ring) > 20:
                ring = [*ring[:10], f"... ({len(ring) - 20} more)", *ring[-10:]]
            cycle = " -> ".join(ring)
            return bad_value(rule_key(where, symbol, position), list(right), f"no recursion, here {cycle}")
        symbol = child


def _check_reachable(roots: tuple[int, ...], rules: Rules, terminals: tuple[int, ...], where: str) -> None:
    found = reachable(roots, rules)
    allowed = f"symbols reachable from the root {', '.join(map(str, roots))}"
    for left in rules:
        if left not in found:
            raise bad_value(f"{where}: rules.{left}", left, allowed)
    for terminal in terminals:
        if terminal not in found:
            raise bad_value(f"{where}: terminals", terminal, allowed)
