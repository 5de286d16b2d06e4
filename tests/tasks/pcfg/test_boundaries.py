"""C(l): against a walk over the bracketed tree, and nested for every grammar that ships."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.pcfg import (
    BoundaryPCFG,
    Sampler,
    boundary_tokens,
    format_brackets,
    load_grammar,
    shipped_grammars,
)
from lit_curriculum.tasks.vocabulary import IGNORED_LABEL, PAD_ID


def closed_after(text: str) -> list[int]:
    """Return for each token of a bracketed string how many phrases end with it."""
    return [len(word) - len(word.rstrip(")")) for word in text.split() if not word.startswith("(")]


@pytest.mark.parametrize("name", ["cfg3b", "cfg3f"])
def test_they_are_the_tokens_that_brackets_close_behind(name: str) -> None:
    grammar = load_grammar(name, [16, 17, 18])
    strings = Sampler(grammar).sample(3, "train", 0, 20, ancestry=True)
    for row in range(20):
        ended = closed_after(format_brackets(grammar, strings, row))
        for height in range(1, grammar.depth + 2):
            found = boundary_tokens(strings, grammar.depth, height)[row]
            assert found[: len(ended)].tolist() == [count >= height - 1 for count in ended]
            assert not found[len(ended) :].any()


@settings(max_examples=20, deadline=None)
@given(
    name=st.sampled_from(list(shipped_grammars())), seed=st.integers(0, 2**32), start=st.integers(0, 10**6)
)
def test_each_set_lies_within_the_one_below(name: str, seed: int, start: int) -> None:
    grammar = load_grammar(name, None)
    strings = Sampler(grammar).sample(seed, "train", start, 2, ancestry=True)
    sets = [boundary_tokens(strings, grammar.depth, height) for height in range(1, grammar.depth + 2)]
    for wide, narrow in pairwise(sets):
        assert not (narrow & ~wide).any()
    assert sets[0].sum(1).tolist() == strings.lengths.tolist()
    assert sets[-1].sum(1).tolist() == [1, 1]


@pytest.mark.parametrize("height", [1, 2, 4])
def test_a_batch_asks_for_the_token_after_each_input(height: int) -> None:
    grammar = load_grammar("cfg3f", [16, 17, 18])
    batch = BoundaryPCFG(grammar, height).batch(0, "val", 5, 10)
    strings = Sampler(grammar).sample(0, "val", 5, 10, ancestry=True)
    boundary = boundary_tokens(strings, grammar.depth, height)
    for row, length in enumerate(strings.lengths):
        tokens = strings.tokens[row, :length].tolist()
        assert batch.input_ids[row, :length].tolist() == [1, *tokens[:-1]]
        assert (batch.input_ids[row, length:] == PAD_ID).all()
        expected = [t if asked else IGNORED_LABEL for t, asked in zip(tokens, boundary[row], strict=False)]
        assert batch.labels[row, :length].tolist() == expected
        assert (batch.labels[row, length:] == IGNORED_LABEL).all()
    assert np.array_equal(batch.lengths, strings.lengths)


def test_the_task_is_identified_by_grammar_and_l() -> None:
    prints = {
        BoundaryPCFG(load_grammar(g, [16, 17, 18]), height).fingerprint()
        for g in ("cfg3f", "cfg3h")
        for height in (2, 3)
    }
    assert len(prints) == 4


@pytest.mark.parametrize("height", [0, 6])
def test_a_height_outside_the_grammar_is_refused(height: int) -> None:
    grammar = load_grammar("cfg3f", [16, 17, 18])
    message = f"height: got {height}; allowed: an integer from 1 to 5, the grammar's depth and one"
    with pytest.raises(UsageError, match=message):
        BoundaryPCFG(grammar, height)
    strings = Sampler(grammar).sample(0, "train", 0, 1, ancestry=True)
    with pytest.raises(UsageError, match=message):
        boundary_tokens(strings, grammar.depth, height)
    with pytest.raises(UsageError, match="ancestry"):
        boundary_tokens(Sampler(grammar).sample(0, "train", 0, 1), grammar.depth, 2)
