"""Independent second versions, slow and plain, that work on the grammar file's JSON alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lit_curriculum.tasks.pcfg.grammar as grammar_module
from lit_curriculum.tasks.counter import random_words

Tree = tuple[int, list[Any]]


def grammar_json(name: str) -> dict[str, Any]:
    """Return a shipped grammar's file, decoded."""
    folder = Path(grammar_module.__file__).parent / "grammars"
    data: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return data


def draw(data: dict[str, Any], roots: list[int], seed: int, stream: Any, index: int) -> Tree:
    """Draw one string's tree as the sampler's docstring says, with Python integers."""
    rules = {int(symbol): rights for symbol, rights in data["rules"].items()}
    reached, todo = set(roots), list(roots)
    while todo:
        fresh = {s for right in rules.get(todo.pop(), []) for s in right} - reached
        reached |= fresh
        todo += fresh
    most = max([len(roots), 2, *(len(rules[s]) for s in reached if s in rules)])
    per_word = max(q for q in range(1, 17) if q == 1 or most**q <= 2**16)
    words = iter(int(w) for w in random_words(seed, stream, index, 1, 4096)[0])
    state = {"fraction": 0, "left": 0}

    def choose(n: int) -> int:
        if state["left"] == 0:
            state["fraction"], state["left"] = next(words), per_word
        state["left"] -= 1
        product = state["fraction"] * n
        state["fraction"] = product % 2**32
        return product // 2**32

    root: Tree = (roots[choose(len(roots))] if len(roots) > 1 else roots[0], [])
    level = [root]
    while any(symbol in rules for symbol, _ in level):
        for symbol, children in level:
            rights = rules[symbol]
            children.extend((s, []) for s in rights[choose(len(rights))])
        level = [child for _, children in level for child in children]
    return root


def leaves(tree: Tree) -> list[int]:
    """Return a tree's tokens as terminal symbols."""
    symbol, children = tree
    return [leaf for child in children for leaf in leaves(child)] if children else [symbol]


def accepts(data: dict[str, Any], roots: list[int], tokens: list[int]) -> bool:
    """Tell whether a root derives the tokens: a chart parser that knows nothing of levels.

    ``ends[symbol][i]`` is the set of positions where a span of the symbol that starts at i can end. Rules
    are applied until nothing new is found.
    """
    rules = {int(symbol): rights for symbol, rights in data["rules"].items()}
    ends: dict[int, dict[int, set[int]]] = {}
    for i, token in enumerate(tokens):
        ends.setdefault(token, {}).setdefault(i, set()).add(i + 1)
    grown = True
    while grown:
        grown = False
        for symbol, rights in rules.items():
            for right in rights:
                for i in list(ends.get(right[0], {})):
                    reached = {i}
                    for part in right:
                        reached = {e for s in reached for e in ends.get(part, {}).get(s, ())}
                    known = ends.setdefault(symbol, {}).setdefault(i, set())
                    if not reached <= known:
                        known |= reached
                        grown = True
    return any(len(tokens) in ends.get(root, {}).get(0, ()) for root in roots)
