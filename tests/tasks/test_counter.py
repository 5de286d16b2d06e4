"""The generator against its published vectors, and the layout of its counter."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.counter import (
    GENERATOR_VERSION,
    Purpose,
    Stream,
    check_seed,
    choose_without_replacement,
    philox,
    philox_words,
    random_words,
    stream_word,
)
from tests.tasks.philox import philox_4x32

STREAMS, PURPOSES = get_args(Stream), get_args(Purpose)

# Published with the generator: counter, key, output.
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]

seeds = st.integers(0, 2**64 - 1)
indices = st.integers(0, 2**63 - 100)


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_compiled_function_gives_the_published_words(counter, key, answer):
    words = philox(*(np.uint64(word) for word in (*counter, *key)))
    assert tuple(int(word) for word in words) == answer


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_the_tests_own_oracle_gives_the_published_words(counter, key, answer):
    assert philox_4x32(counter, key) == answer


def test_array_function_gives_the_published_words():
    # Counter word 2 is the block, so only the first vector and those reached through it are expressible.
    words = philox_words(0, 0, np.array([0], dtype=np.uint64), 4)
    assert tuple(int(word) for word in words[0]) == KNOWN_ANSWERS[0][2]


@given(
    seed=seeds,
    stream=st.sampled_from(STREAMS),
    purpose=st.sampled_from(PURPOSES),
    start=indices,
    n_words=st.integers(1, 11),
)
def test_words_follow_the_documented_counter_layout(seed, stream, purpose, start, n_words):
    words = random_words(seed, stream, start, 2, n_words, purpose)
    word_3 = STREAMS.index(stream) | PURPOSES.index(purpose) << 8
    for row, index in enumerate((start, start + 1)):
        expected: list[int] = []
        for block in range(3):
            counter = (index & 0xFFFFFFFF, index >> 32, block, word_3)
            expected += philox_4x32(counter, (seed & 0xFFFFFFFF, seed >> 32))
        assert [int(word) for word in words[row]] == expected[:n_words]


def test_words_have_the_asked_shape_and_type():
    words = random_words(3, "train", 0, 5, 7)
    assert words.shape == (5, 7)
    assert words.dtype == np.uint32
    assert random_words(3, "train", 0, 0, 7).shape == (0, 7)


@given(seed=seeds, start=indices, count=st.integers(1, 9), offset=st.integers(0, 8))
def test_a_sample_does_not_depend_on_who_draws_it(seed, start, count, offset):
    offset = min(offset, count - 1)
    together = random_words(seed, "val", start, count, 5)
    alone = random_words(seed, "val", start + offset, 1, 5)
    np.testing.assert_array_equal(together[offset], alone[0])


def test_fewer_words_are_a_prefix_of_more():
    np.testing.assert_array_equal(random_words(1, "test", 5, 4, 9)[:, :3], random_words(1, "test", 5, 4, 3))


def test_every_stream_and_purpose_has_its_own_counter_word():
    words = [stream_word(stream, purpose) for stream in STREAMS for purpose in PURPOSES]
    assert len(set(words)) == len(STREAMS) * len(PURPOSES)
    assert all(0 <= word < 2**16 for word in words)


@given(data=st.data(), seed=seeds)
def test_two_places_of_the_counter_never_give_the_same_block(data, seed):
    place = st.tuples(st.sampled_from(STREAMS), st.sampled_from(PURPOSES), indices)
    (stream, purpose, index), (stream_2, purpose_2, index_2) = data.draw(
        st.lists(place, min_size=2, max_size=2, unique=True)
    )
    one = random_words(seed, stream, index, 1, 4, purpose)
    other = random_words(seed, stream_2, index_2, 1, 4, purpose_2)
    assert not np.array_equal(one, other)


def test_no_block_repeats_within_and_across_streams():
    blocks = np.concatenate(
        [random_words(7, stream, 0, 2000, 8, purpose) for stream in STREAMS for purpose in PURPOSES]
    ).reshape(-1, 4)
    assert len(np.unique(blocks, axis=0)) == len(blocks) == 2000 * 2 * len(STREAMS) * len(PURPOSES)


def test_bits_are_balanced():
    bits = np.unpackbits(random_words(11, "train", 0, 20_000, 4).view(np.uint8))
    # 2.56 million fair bits: the mean is within 5 standard deviations of a half.
    assert abs(bits.mean() - 0.5) < 5 * 0.5 / np.sqrt(len(bits))


# First words of two seeds, from the plain-integer oracle. Whoever changes one of them raises
# GENERATOR_VERSION: finished runs and label caches are keyed by it.
GOLDEN_WORDS = {
    (0, "train"): [1713891541, 3781805453, 3159862348, 2600524760],
    (0, "val"): [768504805, 323543615, 4244168940, 2726800091],
    (0, "test"): [3710895380, 2918555867, 3874949922, 3551840884],
    (0, "probe"): [1299916284, 3613319921, 649863063, 3326968092],
    (20, "train"): [3298640097, 2221393783, 598910548, 681478876],
    (20, "val"): [1129847885, 1884744735, 3481312120, 2534721434],
    (20, "test"): [4088002990, 1100572257, 1612908112, 4268198814],
    (20, "probe"): [69445258, 1407073260, 1075651624, 3805139060],
}
GOLDEN_PURPOSES = {
    "sample": 1713891541,
    "mask": 2604552105,
    "order": 2244664308,
    "support": 1311299384,
    "choice": 3393595784,
}


def test_golden_first_words_of_every_stream_belong_to_this_generator_version():
    assert GENERATOR_VERSION == 1
    found = {
        (seed, stream): [int(word) for word in random_words(seed, stream, 0, 1, 4)[0]]
        for seed in (0, 20)
        for stream in STREAMS
    }
    assert found == GOLDEN_WORDS


def test_golden_first_words_of_every_purpose():
    assert {p: int(random_words(0, "train", 0, 1, 1, p)[0, 0]) for p in PURPOSES} == GOLDEN_PURPOSES


@pytest.mark.parametrize("stream", ["Train", "", "training"])
def test_unknown_stream_is_named_with_those_allowed(stream):
    with pytest.raises(UsageError) as caught:
        stream_word(stream)
    assert str(caught.value) == f"stream: got {stream!r}; allowed: train, val, test, probe"


def test_unknown_purpose_is_named_with_those_allowed():
    with pytest.raises(UsageError) as caught:
        random_words(0, "train", 0, 1, 1, "noise")  # type: ignore[arg-type]
    assert str(caught.value) == "purpose: got 'noise'; allowed: sample, mask, order, support, choice"


@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**64 - 1])
def test_every_64_bit_seed_is_accepted(seed):
    assert check_seed("data_seed", seed) == seed


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seed_outside_64_bits_is_refused_by_its_key(seed):
    with pytest.raises(UsageError) as caught:
        check_seed("data_seed", seed)
    assert str(caught.value) == f"data_seed: got {seed}; allowed: an integer from 0 to 2**64 - 1"


def test_both_halves_of_the_seed_matter():
    words = [tuple(random_words(seed, "train", 0, 1, 4)[0]) for seed in (1, 1 << 32, (1 << 32) + 1)]
    assert len(set(words)) == 3


@given(seed=seeds, n=st.integers(1, 60), data=st.data())
def test_choice_is_sorted_distinct_and_below_n(seed, n, data):
    size = data.draw(st.integers(0, n))
    chosen = choose_without_replacement(seed, n, size)
    assert len(chosen) == size
    assert chosen == sorted(set(chosen))
    assert all(0 <= i < n for i in chosen)


@given(seed=seeds, n=st.integers(2, 40))
def test_a_smaller_choice_is_part_of_a_larger_one(seed, n):
    assert set(choose_without_replacement(seed, n, n // 2)) <= set(choose_without_replacement(seed, n, n - 1))


def test_choice_reaches_every_element_about_equally_often():
    counts = np.zeros(10)
    for seed in range(2000):
        counts[choose_without_replacement(seed, 10, 3)] += 1
    # Binomial(2000, 0.3): standard deviation 20.5.
    assert np.abs(counts - 600).max() < 5 * 20.5


def test_choice_takes_the_smallest_64_bit_keys():
    keys = [
        (int(a) << 32 | int(b), i) for i, (a, b) in enumerate(random_words(9, "train", 0, 12, 2, "choice"))
    ]
    assert choose_without_replacement(9, 12, 4) == sorted(i for _, i in sorted(keys)[:4])
