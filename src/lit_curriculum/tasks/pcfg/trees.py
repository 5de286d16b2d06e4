"""A string's tree as text, for people."""

from __future__ import annotations

from lit_curriculum.errors import bad_value
from lit_curriculum.tasks.pcfg.grammar import Grammar
from lit_curriculum.tasks.pcfg.sampler import Strings


def format_string(grammar: Grammar, strings: Strings, row: int) -> str:
    """Return one string as its terminal symbols with spaces between."""
    length = int(strings.lengths[row])
    return " ".join(str(grammar.terminal(int(token))) for token in strings.tokens[row, :length])


def format_tree(grammar: Grammar, strings: Strings, row: int, max_depth: int | None = None) -> str:
    """Return one string's tree, a node a line, indented by depth (counted from the root).

    A line reads ``symbol [start, end)``, with the span's positions counted from 0. The lowest nodes shown
    carry their tokens.

    Args:
        grammar: the grammar that the strings were drawn from.
        strings: a batch drawn with ``ancestry=True``.
        row: which string.
        max_depth: deepest level shown; default the parents of the tokens.

    Raises:
        UsageError: if the batch has no ancestry, or the depth is not one of a non-terminal.
    """
    if strings.ancestry is None:
        raise bad_value("ancestry", None, "strings drawn with ancestry=True")
    lowest = grammar.depth - 1 if max_depth is None else max_depth
    if not 0 <= lowest < grammar.depth:
        raise bad_value("max_depth", max_depth, f"0 to {grammar.depth - 1}, counted from the root")
    tree, tokens = strings.ancestry, format_string(grammar, strings, row).split()
    lines = []
    for i in range(len(tokens)):
        for depth in range(lowest + 1):
            start, end = int(tree.start[row, depth, i]), int(tree.end[row, depth, i])
            # A node's line comes where its span begins, its ancestors' before it: that is the tree's order.
            if start == i:
                shown = f": {' '.join(tokens[start:end])}" if depth == lowest else ""
                lines.append(f"{'  ' * depth}{tree.symbol[row, depth, i]} [{start}, {end}){shown}")
    return "\n".join(lines)


def format_brackets(grammar: Grammar, strings: Strings, row: int) -> str:
    """Return one string's tree on one line, ``(13 (11 (8 3 2) (7 3 1)) ...)``.

    Raises:
        UsageError: if the batch has no ancestry.
    """
    if strings.ancestry is None:
        raise bad_value("ancestry", None, "strings drawn with ancestry=True")
    tree, words = strings.ancestry, []
    for i, token in enumerate(format_string(grammar, strings, row).split()):
        depths = range(grammar.depth)
        opened = "".join(f"({tree.symbol[row, d, i]} " for d in depths if tree.start[row, d, i] == i)
        closed = ")" * sum(int(tree.end[row, d, i]) == i + 1 for d in depths)
        words.append(f"{opened}{token}{closed}")
    return " ".join(words)
