"""Context-free grammars whose leaves all lie at one depth (progressive, section 4 and appendix D.1, D.4).

Two ways to name a level, and this package never mixes them: ``depth`` counts edges from the root (root 0,
tokens `Grammar.depth`), ``height`` counts edges from the leaves (tokens 0, root `Grammar.depth`). For one
node they add up to `Grammar.depth`. The paper's Definition 4.3 counts depths, its appendix E heights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from lit_curriculum.errors import bad_value, suggest
from lit_curriculum.files import hash_of_json
from lit_curriculum.reading import is_there, read_json
from lit_curriculum.tasks.pcfg.validation import Rules, check_description, check_grammar, reachable
from lit_curriculum.tasks.vocabulary import FIRST_TERMINAL_ID, vocabulary_size

_FOLDER = Path(__file__).parent / "grammars"

DEFAULT_GRAMMAR = "cfg3b"


@dataclass(frozen=True)
class Grammar:
    """A validated grammar; build one with `load_grammar` or `parse_grammar`.

    Attributes:
        name: what the file calls it.
        roots: start symbols, all of one height; with several, each is equally likely.
        terminals: terminal symbols in increasing order.
        rules: right-hand sides of each non-terminal, in the file's order, each equally likely. The order is
            part of what a sample is.
        heights: height of every symbol.
        source: where the rules come from.
    """

    name: str
    roots: tuple[int, ...]
    terminals: tuple[int, ...]
    rules: Rules
    heights: dict[int, int]
    source: str = ""

    @property
    def depth(self) -> int:
        """Depth of the tokens, which is the root's height: 6 for the shipped grammars."""
        return self.heights[self.roots[0]]

    @property
    def vocabulary_size(self) -> int:
        """Number of token ids, with padding and [mask]."""
        return vocabulary_size(len(self.terminals))

    @cached_property
    def symbols_at_depth(self) -> tuple[tuple[int, ...], ...]:
        """Symbols of each depth 0 .. `depth`, in increasing order."""
        levels: list[list[int]] = [[] for _ in range(self.depth + 1)]
        for symbol, height in self.heights.items():
            levels[self.depth - height].append(symbol)
        return tuple(tuple(sorted(level)) for level in levels)

    @cached_property
    def longest(self) -> dict[int, int]:
        """Most tokens that each symbol can derive."""
        return self._extreme_lengths(max)

    @cached_property
    def shortest(self) -> dict[int, int]:
        """Fewest tokens that each symbol can derive."""
        return self._extreme_lengths(min)

    @property
    def max_length(self) -> int:
        """Length of the longest string."""
        return max(self.longest[root] for root in self.roots)

    @property
    def min_length(self) -> int:
        """Length of the shortest string."""
        return min(self.shortest[root] for root in self.roots)

    def _extreme_lengths(self, choose: Any) -> dict[int, int]:
        lengths: dict[int, int] = {}
        for symbol in sorted(self.heights, key=self.heights.__getitem__):
            rights = self.rules.get(symbol)
            lengths[symbol] = (
                1 if rights is None else choose(sum(lengths[s] for s in right) for right in rights)
            )
        return lengths

    def token_id(self, terminal: int) -> int:
        """Return the token id of a terminal symbol."""
        return FIRST_TERMINAL_ID + self.terminals.index(terminal)

    def terminal(self, token_id: int) -> int:
        """Return the terminal symbol of a token id (not of padding or [mask])."""
        return self.terminals[token_id - FIRST_TERMINAL_ID]

    def rooted_at(self, root: int | Sequence[int], key: str = "root") -> Grammar:
        """Return the sub-grammar that starts from inner symbols, without what they cannot reach.

        All terminals stay, so that token ids do not change. ``cfg3b`` from (13, 14, 15) gives strings of 12
        to 27 tokens.

        Args:
            root: one non-terminal, or several of one height that are equally likely.
            key: what an error calls it.

        Raises:
            UsageError: if one is not a non-terminal of this grammar, is repeated, or heights differ.
        """
        roots = (root,) if isinstance(root, int) else tuple(root)
        if not roots or any(symbol not in self.rules for symbol in roots):
            raise bad_value(key, root, f"non-terminals of {self.name}: {sorted(self.rules)}")
        if len(set(roots)) != len(roots):
            raise bad_value(key, root, "distinct symbols")
        if len({self.heights[symbol] for symbol in roots}) > 1:
            listed = ", ".join(f"{symbol} has {self.heights[symbol]}" for symbol in roots)
            raise bad_value(key, root, f"symbols of one height, here {listed}")
        kept = reachable(roots, self.rules) | set(self.terminals)
        return replace(
            self,
            roots=roots,
            rules={symbol: rights for symbol, rights in self.rules.items() if symbol in kept},
            heights={symbol: height for symbol, height in self.heights.items() if symbol in kept},
        )

    def describe(self) -> dict[str, Any]:
        """Return what identifies the distribution and its samples, for manifests and hashes.

        The name and the source are left out: a copy of a grammar under another name is the same grammar.
        """
        return {
            "roots": list(self.roots),
            "terminals": list(self.terminals),
            "rules": [[symbol, [list(r) for r in self.rules[symbol]]] for symbol in sorted(self.rules)],
        }

    def fingerprint(self) -> str:
        """Return the SHA-256 of `describe`."""
        return hash_of_json(self.describe())


def shipped_grammars() -> list[str]:
    """Return the names that `load_grammar` knows without a path."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


def load_grammar(
    grammar: str | Path = DEFAULT_GRAMMAR, root: int | Sequence[int] | None = None, key: str = "root"
) -> Grammar:
    """Load a shipped grammar by name, or a file.

    Args:
        grammar: a name from `shipped_grammars`, or the path of a JSON file (``docs/grammars.md``).
        root: start from these symbols instead (`Grammar.rooted_at`).
        key: what an error calls them.

    Raises:
        UsageError: if there is no such grammar, or naming the rule that is wrong.
    """
    shipped = shipped_grammars()
    path = _FOLDER / f"{grammar}.json" if grammar in shipped else Path(grammar)
    if not is_there(path):
        raise bad_value(
            "grammar",
            str(grammar),
            f"{', '.join(shipped)}, or the path of a file{suggest(str(grammar), shipped)}",
        )
    loaded = parse_grammar(read_json(path, "grammar"), str(grammar))
    return loaded if root is None else loaded.rooted_at(root, key)


def parse_grammar(data: Any, where: str = "grammar") -> Grammar:
    """Check a decoded grammar file and return the grammar.

    Raises:
        UsageError: naming the rule that is wrong, with ``where`` in front.
    """
    terminals, rules, heights = check_grammar(data, where)
    return Grammar(data["name"], (data["root"],), terminals, rules, heights, data.get("source", ""))


def grammar_from_description(description: Any) -> Grammar:
    """Return the grammar that `Grammar.describe` describes, e.g. in the manifest of a checkpoint bank.

    Raises:
        UsageError: if it is no such description.
    """
    return Grammar("described", *check_description(description, "grammar"))
