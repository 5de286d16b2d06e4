"""LEGO strings: an independent solver agrees, streams share no problem, order and signs are fair."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.counter import GENERATOR_VERSION, Stream
from lit_curriculum.tasks.lego import LEGO_VERSION, Lego
from lit_curriculum.tasks.partition import PARTITION_VERSION

STREAMS = get_args(Stream)
CLAUSE = re.compile(r"([a-z])=([+-])([a-z1]);")
FULL = Lego.create()


def clauses(text: str) -> dict[str, tuple[int, str]]:
    """Parse ``b=-a;a=+1;`` into {variable: (sign, source)}; the whole text must be clauses."""
    parts = CLAUSE.findall(text)
    assert "".join(f"{a}={s}{b};" for a, s, b in parts) == text
    found = {a: (1 if s == "+" else -1, b) for a, s, b in parts}
    assert len(found) == len(parts)
    return found


def solve(text: str) -> list[list[tuple[str, int]]]:
    """Return each chain as (variable, value) from its root on: by look-up, clause after clause."""
    given_clauses = clauses(text)
    after = {source: name for name, (_, source) in given_clauses.items() if source != "1"}
    chains = []
    for name, (value, source) in given_clauses.items():
        if source != "1":
            continue
        chain = [(name, value)]
        while chain[-1][0] in after:
            last, value_of_last = chain[-1]
            follower = after[last]
            chain.append((follower, given_clauses[follower][0] * value_of_last))
        chains.append(chain)
    return chains


def disagreements(task: Lego, seed: int, stream: Stream, index: np.ndarray) -> int:
    """Count strings whose labels are not the solver's, position by position."""
    strings = task.sample(seed, stream, index)
    wrong = 0
    for tokens, targets, labels in zip(strings.tokens, strings.targets, strings.labels, strict=True):
        text = task.text(tokens)
        values = {name: value for chain in solve(text) for name, value in chain}
        ours = {text[place]: 2 * label - 1 for place, label in zip(targets, labels, strict=True)}
        wrong += ours != values
    return wrong


@st.composite
def tasks(draw):
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=3).filter(lambda c: 3 <= sum(c) <= 12))
    return Lego.create(lengths, draw(st.integers(sum(lengths) + 2, 26)))


@given(
    task=tasks(), seed=st.integers(0, 2**64 - 1), stream=st.sampled_from(STREAMS), start=st.integers(0, 2**60)
)
def test_labels_are_those_of_an_independent_solver(task, seed, stream, start):
    assert disagreements(task, seed, stream, np.arange(start, start + 10)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("lengths", [(12,), (8, 4), (4, 4, 4)])
def test_a_hundred_thousand_strings_without_disagreement(lengths):
    assert disagreements(Lego.create(lengths), 1, "train", np.arange(100_000)) == 0


@given(task=tasks(), seed=st.integers(0, 2**32))
def test_targets_follow_the_chains_from_their_roots(task, seed):
    strings = task.sample(seed, "train", np.arange(5))
    for tokens, targets in zip(strings.tokens, strings.targets, strict=True):
        text = task.text(tokens)
        names = [text[place] for place in targets]
        chains = {tuple(name for name, _ in chain) for chain in solve(text)}
        ends = np.cumsum(task.chain_lengths)
        assert {tuple(c) for c in np.split(np.array(names), ends[:-1])} == chains
        assert names[task.last] == names[task.chain_lengths[0] - 1]


def test_a_sample_depends_on_its_number_alone():
    whole = FULL.sample(3, "val", np.arange(40))
    picked = FULL.sample(3, "val", np.array([39, 7, 7]))
    for name in ("tokens", "targets", "labels"):
        np.testing.assert_array_equal(getattr(picked, name), getattr(whole, name)[[39, 7, 7]])


def test_no_two_streams_share_a_problem_whatever_the_seeds_and_the_order_of_clauses():
    """5,760 problems exist; these draws meet nearly all of them, so a shared one would be met."""
    task = Lego.create((4,), 6)
    problems: dict[str, set[frozenset]] = {}
    for seed, stream in enumerate(STREAMS):
        strings = task.sample(seed, stream, np.arange(12_000 if stream == "train" else 3000))
        problems[stream] = {frozenset(clauses(task.text(t)).items()) for t in strings.tokens}
    assert sum(map(len, problems.values())) > 0.9 * 6 * 5 * 4 * 3 * 2**4
    for a, b in itertools.combinations(problems.values(), 2):
        assert not a & b


def test_equal_chains_in_another_order_are_the_same_problem():
    task = Lego.create((2, 2), 5)
    problems = {
        stream: {
            frozenset(clauses(task.text(t)).items()) for t in task.sample(0, stream, np.arange(3000)).tokens
        }
        for stream in STREAMS
    }
    for a, b in itertools.combinations(problems.values(), 2):
        assert not a & b


@pytest.mark.parametrize("stream", STREAMS)
def test_values_names_and_places_are_balanced(stream):
    strings = FULL.sample(5, stream, np.arange(12_000))
    # Standard deviation of a share of 1/2 among 12,000: 0.0046; of 1/12: 0.0025; of 1/26: 0.0018.
    assert np.abs(strings.labels.mean(axis=0) - 1 / 2).max() < 5 * 0.0046
    last_place = Counter((strings.targets[:, -1] // 5).tolist())
    assert max(abs(last_place[i] / 12_000 - 1 / 12) for i in range(12)) < 5 * 0.0025
    roots = np.take_along_axis(strings.tokens, strings.targets, axis=1)[:, 0] - 5
    assert np.abs(np.bincount(roots, minlength=26) / 12_000 - 1 / 26).max() < 5 * 0.0018


def test_with_one_chain_the_last_value_is_the_parity_of_all_minus_signs():
    """Errata: the paper says that it can only be deduced after all others. With two chains it is not."""
    strings = FULL.sample(0, "train", np.arange(500))
    minus = np.array([FULL.text(t).count("-") for t in strings.tokens])
    np.testing.assert_array_equal(strings.labels[:, FULL.last], 1 - minus % 2)
    two = Lego.create((8, 4))
    strings = two.sample(0, "train", np.arange(4000))
    minus = np.array([two.text(t).count("-") for t in strings.tokens])
    for last in (7, 11):
        # Standard deviation of a share of 1/2 among 4,000: 0.008.
        assert abs(np.mean(strings.labels[:, last] == 1 - minus % 2) - 0.5) < 5 * 0.008


PRINTED = "j=-f;f=-b;y=+t;o=+e;d=+y;v=+d;h=-o;b=-i;i=+1;t=+1;e=-j;l=-h;"


def test_in_the_printed_example_the_final_variable_needs_three_of_eleven_others():
    """Errata: section 3.2 says that its value can only be deduced after all other values."""
    chains = {len(chain): [name for name, _ in chain] for chain in solve(PRINTED)}
    assert chains[4] == ["t", "y", "d", "v"]
    assert "".join(chains[8]) == "ibfjeohl"


def test_without_punctuation_the_same_strings_lack_two_tokens_a_clause():
    long, short = Lego.create((5,), 9), Lego.create((5,), 9, punctuation=False)
    a, b = (task.sample(2, "test", np.arange(50)) for task in (long, short))
    np.testing.assert_array_equal(a.labels, b.labels)
    for long_tokens, short_tokens in zip(a.tokens, b.tokens, strict=True):
        assert re.sub("[=;]", "", long.text(long_tokens)) == short.text(short_tokens)
    np.testing.assert_array_equal(a.targets * 3, b.targets * 5)
    assert (long.length, short.length, long.vocabulary_size) == (25, 15, 14)


# The first sample of seed 0 a stream, four variables of six names. See the three version numbers.
GOLDEN = {
    "train": ("e=+f;f=+c;a=+e;c=-1;", [0, 0, 0, 0]),
    "val": ("e=-1;d=-e;f=+c;c=+d;", [0, 1, 1, 1]),
    "test": ("e=+1;a=-e;f=-d;d=+a;", [1, 0, 0, 1]),
    "probe": ("d=+e;f=+d;a=+1;e=+a;", [1, 1, 1, 1]),
}


@pytest.mark.parametrize("stream", STREAMS)
def test_golden_first_samples(stream):
    assert (GENERATOR_VERSION, PARTITION_VERSION, LEGO_VERSION) == (1, 1, 1)
    task = Lego.create((4,), 6)
    strings = task.sample(0, stream, np.arange(1))
    assert (task.text(strings.tokens[0]), strings.labels[0].tolist()) == GOLDEN[stream]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"chain_lengths": ()}, "chain_lengths: got []; allowed: one or more integers of at least 1"),
        ({"chain_lengths": (3, 0)}, "chain_lengths: got [3, 0]; allowed: one or more integers of at least 1"),
        ({"n_names": 11}, "n_names: got 11; allowed: from the 12 variables of a string to 26"),
        ({"n_names": 27}, "n_names: got 27; allowed: from the 12 variables of a string to 26"),
    ],
)
def test_wrong_arguments_are_named_in_one_line(arguments, message):
    with pytest.raises(UsageError) as caught:
        Lego.create(**arguments)
    assert str(caught.value) == message


def test_a_stream_without_problems_is_refused():
    """Two problems, one variable of one name: some of four streams must have none."""
    with pytest.raises(UsageError, match=r"^n_names: got 1 with chain_lengths \[1\]; allowed: .* has none$"):
        [Lego.create((1,), 1).sample(0, stream, np.arange(3)) for stream in STREAMS]


def test_description_identifies_the_task():
    assert FULL.fingerprint() == Lego.create((12,), 26).fingerprint()
    others = [Lego.create((8, 4)), Lego.create((12,), 25), Lego.create(punctuation=False)]
    assert len({task.fingerprint() for task in (FULL, *others)}) == 4


@pytest.mark.parametrize("lengths", [(3, 2), (4, 3), (2, 2), (5,), (3, 2, 2), (2, 4), (1, 2), (4, 1)])
def test_counting_accuracy_is_that_of_the_best_guess_among_all_strings(lengths: tuple[int, ...]) -> None:
    """Every assignment of signs, grouped by what is known without a look-up."""
    answers: dict[tuple[int, ...], Counter[int]] = {}
    n = sum(lengths)
    roots = set(itertools.accumulate((0, *lengths[:-1])))
    own = lengths[0] - 1
    for signs in itertools.product((1, -1), repeat=n):
        others = sorted(signs[v] for v in range(n) if v not in roots and v != own)
        known = (signs[own], *sorted(signs[v] for v in roots), *others)
        answers.setdefault(known, Counter())[math.prod(signs[: own + 1])] += 1
    best = sum(max(counts.values()) for counts in answers.values()) / 2**n
    assert Lego.create(lengths).counting_accuracy == pytest.approx(best)
