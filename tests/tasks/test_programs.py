"""Synthetic programs: Python itself executes them, streams share none, statements are fair."""

from __future__ import annotations

import itertools
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.counter import GENERATOR_VERSION, Stream
from lit_curriculum.tasks.partition import PARTITION_VERSION
from lit_curriculum.tasks.programs import CLS_ID, PROGRAMS_VERSION, VOCABULARY_SIZE, Programs

STREAMS = get_args(Stream)


def executed(text: str) -> list[int]:
    """Return the register after every statement, modulo ten, as Python's own interpreter has it."""
    register: dict[str, int] = {}
    values = []
    for statement in text.split("; "):
        exec(statement, {"__builtins__": {}}, register)
        register["x"] %= 10
        values.append(register["x"])
    return values


def disagreements(task: Programs, seed: int, stream: Stream, start: int, count: int) -> int:
    """Count programs whose values are not Python's."""
    tokens, values = task.sample(seed, stream, start, count)
    return sum(executed(task.text(t)) != v.tolist() for t, v in zip(tokens, values, strict=True))


@given(
    n=st.integers(2, 20),
    seed=st.integers(0, 2**64 - 1),
    stream=st.sampled_from(STREAMS),
    start=st.integers(0, 2**60),
)
def test_values_are_those_of_pythons_interpreter(n, seed, stream, start):
    assert disagreements(Programs.create(n), seed, stream, start, 10) == 0


@pytest.mark.slow
def test_a_hundred_thousand_programs_without_disagreement():
    assert disagreements(Programs.create(10), 1, "train", 0, 100_000) == 0


def test_text_is_the_papers_example():
    tokens = np.array([10, 7, 12, 1, 13, 3, 14, 2, 11, 5])
    text = Programs.create(5).text(tokens)
    assert text == "x = 7; x -= 1; x *= 3; x //= 2; x += 5"
    assert executed(text) == [7, 6, 8, 4, 9]


def test_there_are_sixteen_tokens_and_a_program_uses_all_but_cls():
    tokens, _ = Programs.create(10).sample(0, "train", 0, 300)
    assert set(tokens.flatten().tolist()) == set(range(CLS_ID))
    assert VOCABULARY_SIZE == 16


def test_a_sample_depends_on_its_number_alone():
    task = Programs.create(6)
    tokens, values = task.sample(9, "val", 100, 30)
    again, values_again = task.sample(9, "val", 117, 1)
    np.testing.assert_array_equal(again[0], tokens[17])
    np.testing.assert_array_equal(values_again[0], values[17])


def test_no_two_streams_share_a_program_whatever_the_seeds():
    """390 programs of two statements exist; these draws meet nearly all."""
    task = Programs.create(2)
    found = {}
    for seed, stream in enumerate(STREAMS):
        tokens, _ = task.sample(seed, stream, 0, 4000 if stream == "train" else 1000)
        found[stream] = set(map(tuple, tokens.tolist()))
    assert sum(map(len, found.values())) > 0.95 * 390
    for a, b in itertools.combinations(found.values(), 2):
        assert not a & b


def test_operators_and_digits_are_equally_likely():
    tokens, _ = Programs.create(11).sample(2, "train", 0, 4000)
    assert (tokens[:, 0] == 10).all()
    operators, digits = tokens[:, 2::2].flatten() - 11, tokens[:, 3::2].flatten()
    # 40,000 statements: a share of 1/4 has a standard deviation of 0.0022; of 1/9 among 10,000, 0.0031.
    assert np.abs(np.bincount(operators, minlength=4) / 40_000 - 1 / 4).max() < 5 * 0.0022
    for operator in range(4):
        of_it = np.bincount(digits[operators == operator], minlength=10)
        expected = np.array([0] + [1 / 9] * 9) if operator == 3 else np.full(10, 1 / 10)
        assert np.abs(of_it / of_it.sum() - expected).max() < 5 * 0.0032
    assert not ((operators == 3) & (digits == 0)).any()


# The first program of seed 0 a stream. See the three version numbers.
GOLDEN = {
    "train": "x = 3; x //= 2; x *= 9; x *= 4; x *= 0",
    "val": "x = 5; x -= 1; x -= 5; x //= 3; x *= 8",
    "test": "x = 7; x -= 3; x *= 8; x //= 7; x //= 1",
    "probe": "x = 8; x += 3; x //= 3; x -= 1; x //= 9",
}


@pytest.mark.parametrize("stream", STREAMS)
def test_golden_first_samples(stream):
    assert (GENERATOR_VERSION, PARTITION_VERSION, PROGRAMS_VERSION) == (1, 1, 1)
    task = Programs.create(5)
    assert task.text(task.sample(0, stream, 0, 1)[0][0]) == GOLDEN[stream]


@pytest.mark.parametrize("n", [1, 65])
def test_a_wrong_length_is_named_in_one_line(n):
    with pytest.raises(UsageError) as caught:
        Programs.create(n)
    assert str(caught.value) == f"n_statements: got {n}; allowed: an integer from 2 to 64"


def test_description_identifies_the_task():
    assert Programs.create().describe()["n_statements"] == 10
    assert Programs.create(9).fingerprint() != Programs.create().fingerprint()
