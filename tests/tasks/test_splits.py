"""Splits of {0, 1}^d: disjoint, complete, and the place of any string can be found again."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.counter import GENERATOR_VERSION, stream_word
from lit_curriculum.tasks.splits import SPLITS_VERSION, BitStringSplits
from tests.tasks.philox import philox_4x32

SEEDS = st.integers(0, 2**64 - 1)


def numbers(bits: np.ndarray) -> list[int]:
    """Return strings (n, d) as integers of any size, bit 0 first."""
    return [sum(int(bit) << i for i, bit in enumerate(row)) for row in bits]


def place_of(number: int, d: int, seed: int) -> int:
    """Undo the permutation in plain integers: the last round first."""
    n_left, n_right = d // 2, d - d // 2
    left, right = number & (1 << n_left) - 1, number >> n_left
    for turn in reversed(range(16)):
        known = right if turn % 2 == 0 else left
        counter = (known & 0xFFFFFFFF, known >> 32, turn, stream_word("train", "choice"))
        words = philox_4x32(counter, (seed & 0xFFFFFFFF, seed >> 32))
        drawn = words[0] | words[1] << 32
        if turn % 2 == 0:
            left ^= drawn >> 64 - n_left
        else:
            right ^= drawn >> 64 - n_right
    return left << n_right | right


@given(d=st.integers(4, 11), seed=SEEDS)
def test_the_three_sets_share_nothing_and_hold_every_string(d, seed):
    splits = BitStringSplits(d)
    sets = {s: numbers(splits.sample(seed, s, 0, splits.size(s))) for s in ("train", "val", "test")}
    assert sorted(itertools.chain(*sets.values())) == list(range(2**d))


def test_all_256_strings_are_accounted_for_as_table_2_says():
    splits = BitStringSplits(8)
    assert [splits.size(stream) for stream in ("train", "val", "test")] == [192, 32, 32]
    assert [BitStringSplits(d).held_out for d in (10, 12, 14, 128)] == [128, 512, 1024, 1024]


@given(d=st.sampled_from([12, 33, 62, 63, 64, 65, 127, 128]), seed=SEEDS, start=st.integers(0, 2**61))
def test_a_strings_place_tells_its_set_at_any_d(d, seed, start):
    """By the inverse: strings that were at different places cannot be equal."""
    splits = BitStringSplits(d)
    held_out = splits.held_out
    for stream, first in (("val", 0), ("test", held_out)):
        places = [place_of(number, d, seed) for number in numbers(splits.sample(seed, stream, 7, 3))]
        assert places == [first + 7, first + 8, first + 9]
    size = splits.size("train")
    places = [place_of(number, d, seed) for number in numbers(splits.sample(seed, "train", start, 4))]
    assert all(2 * held_out <= place < 2**d for place in places)
    if d > 22 and start + 4 < size:
        assert places == [2 * held_out + start + i for i in range(4)]


@given(seed=SEEDS, d=st.integers(4, 8))
def test_every_epoch_visits_every_string_once_in_an_order_of_its_own(seed, d):
    splits = BitStringSplits(d)
    size = splits.size("train")
    visits = numbers(splits.sample(seed, "train", 0, 3 * size))
    epochs = [visits[i * size : (i + 1) * size] for i in range(3)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == sorted(epochs[2])
    assert epochs[0] != epochs[1] != epochs[2]


def test_a_visit_depends_on_its_number_alone():
    splits = BitStringSplits(128)
    strings = splits.sample(5, "train", 1000, 50)
    np.testing.assert_array_equal(splits.sample(5, "train", 1017, 1)[0], strings[17])


def test_every_string_is_as_likely_to_be_held_out():
    """4,000 seeds put each of 16 strings into val (2 of 16) 500 times, give or take sqrt(500 * 7 / 8)."""
    splits = BitStringSplits(4)
    counts = np.bincount(
        [n for seed in range(4000) for n in numbers(splits.sample(seed, "val", 0, 2))], minlength=16
    )
    assert np.abs(counts - 500).max() < 5 * np.sqrt(500 * 7 / 8)


def test_pairs_of_bits_of_long_strings_are_independent():
    strings = BitStringSplits(128).sample(1, "train", 0, 10_000) * 2.0 - 1
    moments = strings.T @ strings / len(strings)
    assert np.abs(moments - np.eye(128)).max() < 5.5 / np.sqrt(len(strings))
    assert np.abs(strings.mean(axis=0)).max() < 5 / np.sqrt(len(strings))


# The first two strings of seed 27. See the two version numbers.
GOLDEN = {
    (8, "train"): [21, 243],
    (8, "val"): [8, 196],
    (8, "test"): [38, 155],
    (128, "train"): [
        46847527499659601924049336364036287167,
        160642100101652508008655054608365411425,
    ],
}


@pytest.mark.parametrize(("d", "stream"), GOLDEN)
def test_golden_first_strings(d, stream):
    assert (GENERATOR_VERSION, SPLITS_VERSION) == (1, 1)
    assert numbers(BitStringSplits(d).sample(27, stream, 0, 2)) == GOLDEN[d, stream]


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: BitStringSplits(3), "d: got 3; allowed: an integer from 4 to 128"),
        (lambda: BitStringSplits(129), "d: got 129; allowed: an integer from 4 to 128"),
        (
            lambda: BitStringSplits(8).sample(0, "probe", 0, 1),
            "stream: got 'probe'; allowed: train, val, test",
        ),
        (
            lambda: BitStringSplits(8).sample(0, "val", 30, 3),
            "eval_samples: got 33; allowed: at most 32, the val strings",
        ),
        (
            lambda: BitStringSplits(8).sample(-1, "val", 0, 3),
            "seed: got -1; allowed: an integer from 0 to 2**64 - 1",
        ),
    ],
)
def test_wrong_arguments_are_named_in_one_line(action, message):
    with pytest.raises(UsageError) as caught:
        action()
    assert str(caught.value) == message
