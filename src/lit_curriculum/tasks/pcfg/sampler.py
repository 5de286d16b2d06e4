"""Strings of a grammar, drawn by counter: string ``i`` of a stream is f(seed, stream, i).

A string is expanded level by level, each level from left to right. The c-th choice of a string, counted
from 0 in that order (a choice among several roots comes first; a symbol with one rule takes its turn like
any other), is drawn like this:

    word  = random word c // q of the sample (`counter`, purpose "sample")
    x     = word / 2^32, a number in [0, 1)
    rule  = the leading digit of x in base (number of rules), and x becomes the remaining fraction

so one word serves q choices in turn. q is the largest number for which (most rules of a symbol)^q <= 2^16:
16 for cfg3b, 10 for three rules, 8 for four. With a power of two the choices are exactly uniform and
independent; otherwise the q choices of a word have together a probability within a factor 1 +- 2^-16 of
the uniform one. Nothing is ever rejected, so the words that a string takes are known from its choices.

Change anything here that alters a string and `SAMPLER_VERSION` must be raised.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from lit_curriculum.errors import bad_value
from lit_curriculum.tasks.counter import Stream, check_seed, stream_word
from lit_curriculum.tasks.counter import philox as _philox
from lit_curriculum.tasks.pcfg.grammar import Grammar
from lit_curriculum.tasks.vocabulary import FIRST_TERMINAL_ID, PAD_ID

SAMPLER_VERSION = 1

_CHOICES_PER_WORD_BOUND = 2**16
_LOW = 0xFFFFFFFF


@dataclass(frozen=True)
class Ancestry:
    """For every token and depth: the symbol above it and that symbol's span.

    All arrays are int16 of shape (n, depth + 1, L); entry [s, d, i] is about the node at depth d (counted
    from the root; the token itself is at the last depth) above token i of string s. Padding has symbol 0
    and the empty span (0, 0).

    Attributes:
        symbol: the grammar's symbol (at the last depth the terminal, not its token id).
        start: first position of the node's span.
        end: one past its last position; a token i with ``end - 1 == i`` is the span's right boundary
            (progressive, Definition 4.3).
    """

    symbol: npt.NDArray[np.int16]
    start: npt.NDArray[np.int16]
    end: npt.NDArray[np.int16]

    @cached_property
    def right_boundary(self) -> npt.NDArray[np.bool_]:
        """Where a token is the last one of its span, shape (n, depth + 1, L); never at padding."""
        result: npt.NDArray[np.bool_] = self.end == np.arange(1, self.end.shape[-1] + 1)
        return result


@dataclass(frozen=True)
class Strings:
    """A batch of strings.

    Attributes:
        tokens: token ids (`tasks.vocabulary`), int16 (n, L), padded on the right; L is the longest length.
        lengths: tokens of each string, int64 (n,).
        ancestry: every token's symbols and spans, if asked for.
    """

    tokens: npt.NDArray[np.int16]
    lengths: npt.NDArray[np.int64]
    ancestry: Ancestry | None = None

    @property
    def padding_share(self) -> float:
        """Share of positions that are padding, from 0 to below 1."""
        return 1.0 - float(self.lengths.sum()) / self.tokens.size if self.tokens.size else 0.0


class Sampler:
    """Draws strings of one grammar. Holds only the grammar and its tables, so it can be pickled.

    Args:
        grammar: what to draw from.
    """

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        # Symbols are numbered 0, 1, ... in the tables; the children of height 1 are token ids already.
        symbols = sorted(grammar.rules)
        number = {symbol: i for i, symbol in enumerate(symbols)}
        number |= {terminal: grammar.token_id(terminal) for terminal in grammar.terminals}
        most_rules = max(len(rights) for rights in grammar.rules.values())
        widest = max(len(right) for rights in grammar.rules.values() for right in rights)
        self._symbols = np.array(symbols, dtype=np.int16)
        self._terminals = np.array([0] * FIRST_TERMINAL_ID + list(grammar.terminals), dtype=np.int16)
        self._roots = np.array([number[root] for root in grammar.roots], dtype=np.int64)
        self._n_rules = np.array([len(grammar.rules[s]) for s in symbols], dtype=np.uint64)
        self._sizes = np.zeros((len(symbols), most_rules), dtype=np.int64)
        # Unused places hold PAD_ID: the kernel always writes ``widest`` children and moves on by the size.
        self._children = np.full((len(symbols), most_rules, widest), PAD_ID, dtype=np.int16)
        for i, symbol in enumerate(symbols):
            for r, right in enumerate(grammar.rules[symbol]):
                self._sizes[i, r] = len(right)
                self._children[i, r, : len(right)] = [number[child] for child in right]
        self._per_word = choices_per_word(max(most_rules, len(grammar.roots)))

    def sample(self, seed: int, stream: Stream, start: int, count: int, ancestry: bool = False) -> Strings:
        """Return the strings ``start .. start + count - 1`` of a stream.

        Args:
            seed: data seed.
            stream: which stream.
            start: number of the first string, at least 0.
            count: how many, at least 0.
            ancestry: also return every token's symbols and spans.

        Raises:
            UsageError: for a seed, stream, start or count that is out of range.
        """
        check_seed("seed", seed)
        if start < 0 or count < 0:
            raise bad_value("start, count", (start, count), "integers of at least 0")
        depth, longest = self.grammar.depth, self.grammar.max_length
        width = longest + self._children.shape[2]
        tokens = np.zeros((count, width), dtype=np.int16)
        lengths = np.zeros(count, dtype=np.int64)
        shape = (count if ancestry else 0, depth + 1, longest)
        nodes, starts, ends = (np.zeros(shape, dtype=np.int16) for _ in range(3))
        _expand(
            np.uint64(seed),
            np.uint64(stream_word(stream)),
            np.uint64(start),
            self._roots,
            self._n_rules,
            self._sizes,
            self._children,
            self._per_word,
            depth,
            tokens,
            lengths,
            nodes,
            starts,
            ends,
        )
        trim = int(lengths.max(initial=0))
        tree = self._ancestry(nodes[..., :trim], starts[..., :trim], ends[..., :trim]) if ancestry else None
        return Strings(tokens[:, :trim], lengths, tree)

    def _ancestry(self, nodes: Any, starts: Any, ends: Any) -> Ancestry:
        # An inner node's number 0 is a symbol, so padding is told by its empty span.
        symbol = np.where(ends > 0, self._symbols[nodes.clip(max=len(self._symbols) - 1)], 0).astype(np.int16)
        symbol[:, -1] = self._terminals[nodes[:, -1]]
        return Ancestry(symbol, starts, ends)

    def describe(self) -> dict[str, Any]:
        """Return what identifies the strings, for manifests and hashes."""
        return {"grammar": self.grammar.describe(), "sampler_version": SAMPLER_VERSION}


def choices_per_word(most_rules: int) -> int:
    """Return q, how many choices one random word serves: the largest with most_rules^q <= 2^16, 1 to 16."""
    q = 1
    while q < 16 and max(most_rules, 2) ** (q + 1) <= _CHOICES_PER_WORD_BOUND:
        q += 1
    return q


@njit(cache=True, nogil=True)
def _expand(
    seed: Any,
    word_3: Any,
    start: Any,
    roots: Any,
    n_rules: Any,
    sizes: Any,
    children: Any,
    per_word: int,
    depth: int,
    tokens: Any,
    lengths: Any,
    nodes: Any,
    starts: Any,
    ends: Any,
) -> None:  # pragma: no cover - compiled
    """Fill tokens (n, width) and lengths (n,); nodes, starts and ends (n, depth + 1, L) unless n is 0."""
    mask, half = np.uint64(_LOW), np.uint64(32)
    n, width = tokens.shape
    widest = children.shape[2]
    # Row d holds the symbols at depth d, and for each how many children the chosen rule gave it.
    level = np.zeros((depth + 1, width), dtype=np.int16)
    chosen = np.zeros((depth, width), dtype=np.int16)
    words = np.zeros(4, dtype=np.uint64)
    for row in range(n):
        index = start + np.uint64(row)
        block, word, left = np.uint64(0), 4, 0
        fraction = np.uint64(0)
        size, level[0, 0] = 1, roots[0]
        for d in range(-1 if len(roots) > 1 else 0, depth):
            filled = 0
            for node in range(size):
                if left == 0:
                    if word == 4:
                        words[0], words[1], words[2], words[3] = _philox(
                            index & mask, index >> half, block, word_3, seed & mask, seed >> half
                        )
                        block, word = block + np.uint64(1), 0
                    fraction, left = words[word], per_word
                    word += 1
                left -= 1
                if d < 0:
                    # The choice among several roots.
                    fraction *= np.uint64(len(roots))
                    level[0, 0], filled = roots[np.int64(fraction >> half)], 1
                else:
                    symbol = level[d, node]
                    fraction *= n_rules[symbol]
                    rule = np.int64(fraction >> half)
                    for k in range(widest):
                        level[d + 1, filled + k] = children[symbol, rule, k]
                    chosen[d, node] = sizes[symbol, rule]
                    filled += sizes[symbol, rule]
                fraction &= mask
            size = filled
        lengths[row] = size
        tokens[row, :size] = level[depth, :size]
        if nodes.shape[0] > 0:
            _spans(level, chosen, depth, size, nodes[row], starts[row], ends[row])


@njit(cache=True, nogil=True)
def _spans(
    level: Any, chosen: Any, depth: int, length: int, nodes: Any, starts: Any, ends: Any
) -> None:  # pragma: no cover - compiled
    """Fill nodes, starts and ends (depth + 1, L) of one string, from the tokens up."""
    for i in range(length):
        nodes[depth, i], starts[depth, i], ends[depth, i] = level[depth, i], i, i + 1
    for up in range(depth):
        d = depth - 1 - up
        first, node = 0, 0
        while first < length:
            # The span of a node runs over its children's spans, which are known one level below.
            last = first
            for _ in range(chosen[d, node]):
                last = ends[d + 1, last]
            for i in range(first, last):
                nodes[d, i], starts[d, i], ends[d, i] = level[d, node], first, last
            first, node = last, node + 1
