from __future__ import annotations

import pickle
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pcfg_reference import accepts, draw, grammar_json, leaves

from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.pcfg import Grammar, Sampler, Strings, load_grammar, parse_grammar, shipped_grammars
from lit_curriculum.tasks.pcfg.sampler import choices_per_word


def terminals(grammar: Grammar, strings: Strings, row: int) -> list[int]:
    return [grammar.terminal(int(t)) for t in strings.tokens[row, : strings.lengths[row]]]


def nodes_at(strings: Strings, row: int, depth: int) -> list[tuple[int, int, int]]:
    """Return (symbol, start, end) of each node of a depth, left to right."""
    tree, length = strings.ancestry, strings.lengths[row]
    assert tree is not None
    columns = (tree.symbol, tree.start, tree.end)
    triples = zip(*(a[row, depth, :length].tolist() for a in columns), strict=True)
    return list(dict.fromkeys(triples))


def check_derivation(
    grammar: Grammar, rules: dict[int, Any], strings: Strings, row: int
) -> list[tuple[int, int]]:
    """Check that a row's ancestry is a derivation of its tokens; return the (symbol, rule) pairs used."""
    used, length = [], int(strings.lengths[row])
    above = nodes_at(strings, row, 0)
    assert len(above) == 1
    assert above[0][0] in grammar.roots
    assert above[0][1:] == (0, length)
    for depth in range(1, grammar.depth + 1):
        below = nodes_at(strings, row, depth)
        # The spans of a level lie side by side and cover the string.
        assert [start for _, start, _ in below] == [0, *(end for _, _, end in below)][:-1]
        assert below[-1][2] == length
        for symbol, start, end in above:
            children = [s for s, first, last in below if start <= first and last <= end]
            used.append((symbol, rules[symbol].index(children)))
        assert sum(len(rules[s][r]) for s, r in used[-len(above) :]) == len(below)
        above = below
    assert [symbol for symbol, _, _ in above] == terminals(grammar, strings, row)
    assert [(start, end) for _, start, end in above] == [(i, i + 1) for i in range(length)]
    return used


@pytest.mark.parametrize("name", shipped_grammars())
def test_strings_are_accepted_by_an_independent_parser_and_their_ancestry_derives_them(name: str):
    grammar, data = load_grammar(name), grammar_json(name)
    rules = {int(s): r for s, r in data["rules"].items()}
    strings = Sampler(grammar).sample(7, "val", 100, 6, ancestry=True)
    for row in range(6):
        assert accepts(data, [22], terminals(grammar, strings, row))
        check_derivation(grammar, rules, strings, row)


def test_the_parser_rejects_what_the_grammar_does_not_derive():
    grammar, data = load_grammar("cfg3b", root=13), grammar_json("cfg3b")
    strings = Sampler(grammar).sample(7, "val", 0, 50)
    for row in range(50):
        tokens = terminals(grammar, strings, row)
        assert accepts(data, [13], tokens)
        assert not accepts(data, [13], tokens[:-1])
        assert not accepts(data, [13], [*tokens, 3])


@pytest.mark.parametrize("name", shipped_grammars())
def test_rule_frequencies_pass_a_chi_square_test(name: str):
    grammar = load_grammar(name)
    rules = {s: [list(r) for r in rights] for s, rights in grammar.rules.items()}
    strings = Sampler(grammar).sample(3, "train", 0, 60, ancestry=True)
    used = Counter(pair for row in range(60) for pair in check_derivation(grammar, rules, strings, row))
    statistic, freedom = 0.0, 0
    for symbol, rights in rules.items():
        counts = np.array([used[symbol, r] for r in range(len(rights))])
        expected = counts.sum() / len(rights)
        statistic += float(((counts - expected) ** 2 / expected).sum())
        freedom += len(rights) - 1
    # A chi-square has mean f and variance 2 f: five of its deviations to either side.
    assert abs(statistic - freedom) < 5 * np.sqrt(2 * freedom)


@pytest.mark.parametrize("n_rules", [2, 3, 4, 5])
def test_every_choice_of_a_word_is_uniform_and_neighbours_are_independent(n_rules: int):
    # The root takes choice 0, token p is choice p + 1: with 30 tokens every place in a word comes up.
    rules = {"9": [[8] * 30], "8": [[t] for t in range(1, n_rules + 1)]}
    grammar = parse_grammar(
        {"name": "x", "root": 9, "terminals": list(range(1, n_rules + 1)), "rules": rules}
    )
    n = 20_000
    chosen = Sampler(grammar).sample(0, "train", 0, n).tokens.astype(int) - 2
    for place in range(29):
        pairs = np.bincount(chosen[:, place] * n_rules + chosen[:, place + 1], minlength=n_rules**2)
        expected = n / n_rules**2
        freedom = n_rules**2 - 1
        assert ((pairs - expected) ** 2 / expected).sum() < freedom + 6 * np.sqrt(2 * freedom)


@pytest.mark.parametrize(
    ("rules", "choices"), [(1, 16), (2, 16), (3, 10), (4, 8), (256, 2), (257, 1), (70_000, 1)]
)
def test_choices_per_word_keep_the_joint_probability_exact_to_sixteen_bits(rules: int, choices: int):
    assert choices_per_word(rules) == choices


@pytest.mark.parametrize("name", shipped_grammars())
@pytest.mark.parametrize(
    ("root", "seed", "index"), [(None, 0, 0), (None, 2**64 - 1, 2**33 + 5), ((13, 15), 5, 9)]
)
def test_string_equals_the_reference_drawn_with_python_integers(
    name: str, root: tuple[int, ...] | None, seed: int, index: int
):
    grammar = load_grammar(name, root)
    strings = Sampler(grammar).sample(seed, "test", index, 2)
    for row in range(2):
        tree = draw(grammar_json(name), list(root or (22,)), seed, "test", index + row)
        assert terminals(grammar, strings, row) == leaves(tree)


GOLDEN = {
    "train": ["323121321321232112332", "123322132112332123321312"],
    "val": ["32213132123321", "312312121123322132123"],
    "test": ["32123213122112332131231", "312211231233123211232132"],
    "probe": ["321123323132321", "31321312312123321321123312"],
}
GOLDEN_LENGTHS = {
    "cfg3b": [266, 281, 247, 222],
    "cfg3b_released": [290, 301, 278, 240],
    "cfg3f": [270, 284, 146, 199],
    "cfg3g": [245, 243, 236, 240],
    "cfg3h": [245, 193, 252, 236],
    "cfg3i": [238, 267, 388, 353],
}


@pytest.mark.parametrize("stream", GOLDEN)
def test_golden_first_strings(stream: Any):
    # A change here retires every run: raise SAMPLER_VERSION (or the counter's version) with it.
    grammar = load_grammar("cfg3b", root=(13, 14, 15))
    strings = Sampler(grammar).sample(0, stream, 0, 2)
    assert ["".join(map(str, terminals(grammar, strings, row))) for row in range(2)] == GOLDEN[stream]


def test_golden_lengths_of_whole_strings():
    lengths = {
        name: Sampler(load_grammar(name)).sample(0, "train", 0, 4).lengths.tolist() for name in GOLDEN_LENGTHS
    }
    assert lengths == GOLDEN_LENGTHS


@settings(max_examples=25, deadline=None)
@given(start=st.integers(0, 2**40), count=st.integers(0, 20), seed=st.integers(0, 2**64 - 1), data=st.data())
def test_a_string_does_not_depend_on_the_batch_it_is_drawn_in(start: int, count: int, seed: int, data: Any):
    sampler = Sampler(load_grammar("cfg3b", root=(13, 14, 15)))
    whole = sampler.sample(seed, "train", start, count, ancestry=True)
    assert whole.tokens.shape == (count, whole.lengths.max(initial=0))
    assert whole.ancestry is not None
    if count:
        row = data.draw(st.integers(0, count - 1))
        alone = sampler.sample(seed, "train", start + row, 1, ancestry=True)
        assert alone.ancestry is not None
        width = alone.tokens.shape[1]
        np.testing.assert_array_equal(whole.tokens[row, :width], alone.tokens[0])
        assert not whole.tokens[row, width:].any()
        for field in ("symbol", "start", "end"):
            mine, other = getattr(whole.ancestry, field)[row], getattr(alone.ancestry, field)[0]
            np.testing.assert_array_equal(mine[:, :width], other)
            assert not mine[:, width:].any()


@st.composite
def small_grammars(draw_value: Any) -> dict[str, Any]:
    """Any level grammar of up to three levels, with unary rules and any number of rules."""
    levels, symbol, rules = [[1, 2]], 3, {}
    for _ in range(draw_value(st.integers(1, 3))):
        below, level = levels[-1], []
        for _ in range(draw_value(st.integers(1, 2))):
            right = st.lists(st.sampled_from(below), min_size=1, max_size=4)
            rules[symbol] = draw_value(st.lists(right, min_size=1, max_size=5, unique_by=tuple))
            level.append(symbol)
            symbol += 1
        levels.append(level)
    # The first rule of each level's first symbol, and of the root, reaches everything below.
    for below, level in zip(levels, [*levels[1:], [symbol]], strict=True):
        first = rules.setdefault(level[0], [])
        rules[level[0]] = [list(below), *(r for r in first if r != below)]
    return {
        "name": "drawn",
        "root": symbol,
        "terminals": [1, 2],
        "rules": {str(s): r for s, r in rules.items()},
    }


@settings(max_examples=40, deadline=None)
@given(data=small_grammars(), seed=st.integers(0, 1000))
def test_any_level_grammar_is_sampled_as_the_reference_does(data: dict[str, Any], seed: int):
    grammar = parse_grammar(data)
    rules = {s: [list(r) for r in rights] for s, rights in grammar.rules.items()}
    strings = Sampler(grammar).sample(seed, "train", 0, 3, ancestry=True)
    for row in range(3):
        assert terminals(grammar, strings, row) == leaves(draw(data, [data["root"]], seed, "train", row))
        check_derivation(grammar, rules, strings, row)
        assert grammar.min_length <= strings.lengths[row] <= grammar.max_length


def test_right_boundaries_are_nested_and_count_the_nodes():
    grammar = load_grammar("cfg3f", root=16)
    strings = Sampler(grammar).sample(0, "probe", 0, 20, ancestry=True)
    assert strings.ancestry is not None
    boundary = strings.ancestry.right_boundary
    for depth in range(grammar.depth):
        # Where a node ends, its last child ends as well.
        assert (boundary[:, depth] <= boundary[:, depth + 1]).all()
        for row in range(20):
            assert boundary[row, depth].sum() == len(nodes_at(strings, row, depth))
    np.testing.assert_array_equal(boundary[:, -1].sum(axis=1), strings.lengths)
    np.testing.assert_array_equal(boundary[:, 0].argmax(axis=1), strings.lengths - 1)


def test_streams_and_seeds_differ():
    sampler = Sampler(load_grammar())
    drawn = [
        sampler.sample(s, stream, 0, 1).tokens.tobytes()
        for s in (0, 1)
        for stream in ("train", "val", "test")
    ]
    assert len(set(drawn)) == 6


def test_padding_share():
    strings = Sampler(load_grammar()).sample(0, "train", 0, 64)
    assert strings.padding_share == pytest.approx((strings.tokens == 0).mean())
    assert Sampler(load_grammar()).sample(0, "train", 0, 0).padding_share == 0


def test_sampler_can_be_pickled():
    sampler = pickle.loads(pickle.dumps(Sampler(load_grammar())))
    np.testing.assert_array_equal(
        sampler.sample(0, "train", 0, 3).tokens, Sampler(load_grammar()).sample(0, "train", 0, 3).tokens
    )


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ((-1, "train", 0, 1), "seed"),
        ((0, "trian", 0, 1), "stream"),
        ((0, "train", -1, 1), "start"),
        ((0, "train", 0, -1), "start"),
    ],
)
def test_wrong_arguments(arguments: Any, key: str):
    with pytest.raises(UsageError, match=f"^{key}"):
        Sampler(load_grammar()).sample(*arguments)
