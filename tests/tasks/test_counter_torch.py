"""The generator in torch gives the same words as the one in numpy, bit for bit."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.counter import Purpose, Stream, random_words
from lit_curriculum.tasks.counter_torch import random_words_torch


def test_first_block_of_seed_zero_is_the_published_vector():
    words = random_words_torch(0, "train", 0, 1, 4)
    assert words.tolist() == [[0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]]


@given(
    seed=st.integers(0, 2**64 - 1),
    stream=st.sampled_from(get_args(Stream)),
    purpose=st.sampled_from(get_args(Purpose)),
    start=st.integers(0, 2**63 - 100),
    count=st.integers(0, 5),
    n_words=st.integers(1, 11),
)
def test_words_equal_those_of_numpy(seed, stream, purpose, start, count, n_words):
    expected = random_words(seed, stream, start, count, n_words, purpose)
    found = random_words_torch(seed, stream, start, count, n_words, purpose)
    assert found.dtype == torch.int64
    np.testing.assert_array_equal(found.numpy(), expected.astype(np.int64))


def test_words_equal_those_of_numpy_across_a_32_bit_boundary_of_the_index():
    start = 2**32 - 2
    found = random_words_torch(2**64 - 1, "probe", start, 4, 4)
    np.testing.assert_array_equal(
        found.numpy(), random_words(2**64 - 1, "probe", start, 4, 4).astype(np.int64)
    )


def test_unknown_stream_is_refused():
    with pytest.raises(UsageError, match=r"^stream: got 'holdout'; allowed: train, val, test, probe$"):
        random_words_torch(0, "holdout", 0, 1, 1)  # type: ignore[arg-type]
