"""The posterior of a hidden token against a list of all strings of a small grammar."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_curriculum.tasks.pcfg import Grammar, load_grammar, parse_grammar
from lit_curriculum.tasks.pcfg.posterior import token_posterior, visible_probability

TINY = parse_grammar(
    {
        "name": "tiny",
        "root": 7,
        "terminals": [1, 2, 3],
        "rules": {
            "7": [[5, 6], [6, 6, 5]],
            "6": [[4, 4], [4, 4, 4]],
            "5": [[4, 4, 4], [4, 4]],
            "4": [[1, 2], [3, 1, 1], [2, 3]],
        },
    },
    "tiny",
)


def every_string(grammar: Grammar) -> dict[tuple[int, ...], float]:
    """All strings with their probabilities, by expanding every rule."""

    def derive(symbol: int) -> dict[tuple[int, ...], float]:
        if symbol not in grammar.rules:
            return {(grammar.terminals.index(symbol),): 1.0}
        found: dict[tuple[int, ...], float] = {}
        rights = grammar.rules[symbol]
        for right in rights:
            for parts in itertools.product(*(derive(part).items() for part in right)):
                string = tuple(token for text, _ in parts for token in text)
                found[string] = found.get(string, 0.0) + float(np.prod([p for _, p in parts])) / len(rights)
        return found

    total: dict[tuple[int, ...], float] = {}
    for root in grammar.roots:
        for string, p in derive(root).items():
            total[string] = total.get(string, 0.0) + p / len(grammar.roots)
    return total


SMALL = load_grammar("cfg3b", root=(10, 11, 12))
STRINGS = {grammar.name: every_string(grammar) for grammar in (TINY.rooted_at((5, 6)), SMALL)}
GRAMMARS = {grammar.name: grammar for grammar in (TINY.rooted_at((5, 6)), SMALL)}


def test_the_lists_are_distributions() -> None:
    for strings in STRINGS.values():
        assert sum(strings.values()) == pytest.approx(1.0)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_posterior_is_the_share_of_the_strings_that_fit(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(GRAMMARS)))
    grammar, strings = GRAMMARS[name], STRINGS[name]
    string = data.draw(st.sampled_from(sorted(strings)))
    K = len(grammar.terminals)
    hidden = data.draw(st.lists(st.booleans(), min_size=len(string), max_size=len(string)))
    position = data.draw(st.integers(0, len(string) - 1))
    allowed = np.array([[h or k == token for k in range(K)] for token, h in zip(string, hidden, strict=True)])
    fitting = {
        other: p
        for other, p in strings.items()
        if len(other) == len(string)
        and all(i == position or allowed[i, token] for i, token in enumerate(other))
    }
    expected = np.array([sum(p for s, p in fitting.items() if s[position] == k) for k in range(K)])
    answer = token_posterior(grammar, allowed[None], position)[0]
    np.testing.assert_allclose(answer, expected / expected.sum(), atol=1e-12)
    visible = sum(p for s, p in fitting.items() if allowed[position, s[position]])
    np.testing.assert_allclose(visible_probability(grammar, allowed[None])[0], visible, atol=1e-12)


def test_impossible_tokens_are_refused() -> None:
    allowed = np.zeros((1, 4, 3), dtype=bool)
    allowed[..., 1] = True
    with pytest.raises(ValueError, match="no string of cfg3b has the visible tokens"):
        token_posterior(SMALL, allowed, 0)
