from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.counter import random_words
from lit_curriculum.tasks.masking import MaskedBatch, Masking, mask_tokens
from lit_curriculum.tasks.pcfg import MaskedPCFG, load_grammar
from lit_curriculum.tasks.vocabulary import FIRST_TERMINAL_ID, IGNORED_LABEL, MASK_ID, PAD_ID, vocabulary_size

TASK = MaskedPCFG(load_grammar())
SMALL = MaskedPCFG(load_grammar("cfg3b", root=(13, 14, 15)))


def masked_reference(task: MaskedPCFG, seed: int, stream: Any, start: int, count: int) -> MaskedBatch:
    """The module's docstring, a position at a time, with Python integers."""
    strings = task.sample(seed, stream, start, count)
    ids, labels = strings.tokens.astype(np.int64), np.full(strings.tokens.shape, IGNORED_LABEL)
    attention = np.zeros(strings.tokens.shape, dtype=bool)
    to_mask, to_random, to_kept = task.masking.thresholds()
    terminals = len(task.grammar.terminals)
    for row, length in enumerate(strings.lengths.tolist()):
        words = random_words(seed, stream, start + row, 1, length, "mask")[0]
        for i in range(length):
            u = int(words[i])
            attention[row, i] = not (task.masking.hide_unmasked_targets and to_mask <= u < to_kept)
            if u < to_kept:
                labels[row, i] = ids[row, i]
            if u < to_mask:
                ids[row, i] = MASK_ID
            elif u < to_random:
                share = (u - to_mask) * terminals // (to_random - to_mask)
                ids[row, i] = FIRST_TERMINAL_ID + share
    return MaskedBatch(ids, attention, labels, strings.lengths)


def test_shares_are_those_of_definition_4_1():
    batch, strings = TASK.batch(0, "train", 0, 2_000), TASK.sample(0, "train", 0, 2_000)
    inside = strings.tokens != PAD_ID
    target = batch.labels != IGNORED_LABEL
    n, m = inside.sum(), target.sum()
    assert abs(target.sum() / n - 0.3) < 5 * np.sqrt(0.21 / n)
    as_mask = target & (batch.input_ids == MASK_ID)
    differs = target & ~as_mask & (batch.input_ids != strings.tokens)
    assert abs(as_mask.sum() / m - 0.8) < 5 * np.sqrt(0.16 / m)
    # A random terminal is the original one in a third of the cases.
    assert abs(differs.sum() / m - 0.1 * 2 / 3) < 5 * np.sqrt(0.0623 / m)
    for terminal in range(FIRST_TERMINAL_ID, vocabulary_size(3)):
        share = (batch.input_ids[differs] == terminal).mean()
        assert abs(share - 1 / 3) < 0.05
    # Targets are independent of their neighbours.
    both = (target[:, 1:] & target[:, :-1]).sum() / (inside[:, 1:]).sum()
    assert abs(both - 0.09) < 0.002


def test_what_is_no_target_stays_and_labels_are_the_original_tokens():
    batch, strings = TASK.batch(3, "val", 10, 50), TASK.sample(3, "val", 10, 50)
    target = batch.labels != IGNORED_LABEL
    np.testing.assert_array_equal(batch.input_ids[~target], strings.tokens[~target])
    np.testing.assert_array_equal(batch.labels[target], strings.tokens[target])
    np.testing.assert_array_equal(batch.attention_mask, strings.tokens != PAD_ID)
    assert (batch.input_ids[~batch.attention_mask] == PAD_ID).all()
    assert batch.input_ids.shape[1] == batch.lengths.max()
    assert batch.padding_share == pytest.approx((strings.tokens == PAD_ID).mean())


def test_hidden_targets_are_the_random_and_the_kept_ones():
    hiding = MaskedPCFG(TASK.grammar, Masking(hide_unmasked_targets=True))
    hidden, plain = hiding.batch(0, "train", 0, 100), TASK.batch(0, "train", 0, 100)
    np.testing.assert_array_equal(hidden.input_ids, plain.input_ids)
    np.testing.assert_array_equal(hidden.labels, plain.labels)
    not_masked = (plain.labels != IGNORED_LABEL) & (plain.input_ids != MASK_ID)
    np.testing.assert_array_equal(plain.attention_mask & ~hidden.attention_mask, not_masked)
    assert not_masked.any()


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**64 - 1),
    start=st.integers(0, 2**40),
    rate=st.floats(0.01, 1),
    shares=st.sampled_from([(0.8, 0.1), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (0.5, 0.5)]),
    hide=st.booleans(),
)
def test_masks_equal_the_reference(
    seed: int, start: int, rate: float, shares: tuple[float, float], hide: bool
):
    task = MaskedPCFG(SMALL.grammar, Masking(rate, *shares, hide))
    batch, reference = task.batch(seed, "test", start, 5), masked_reference(task, seed, "test", start, 5)
    for field in ("input_ids", "attention_mask", "labels", "lengths"):
        np.testing.assert_array_equal(getattr(batch, field), getattr(reference, field))


@settings(max_examples=20, deadline=None)
@given(start=st.integers(0, 1000), count=st.integers(1, 30), data=st.data())
def test_a_masked_string_does_not_depend_on_its_batch(start: int, count: int, data: Any):
    row = data.draw(st.integers(0, count - 1))
    whole, alone = SMALL.batch(1, "train", start, count), SMALL.batch(1, "train", start + row, 1)
    width = alone.labels.shape[1]
    np.testing.assert_array_equal(whole.input_ids[row, :width], alone.input_ids[0])
    np.testing.assert_array_equal(whole.labels[row, :width], alone.labels[0])
    assert (whole.labels[row, width:] == IGNORED_LABEL).all()


def test_golden_first_batch():
    # A change here retires every run: raise MASKING_VERSION (or the sampler's version) with it.
    batch = SMALL.batch(0, "train", 0, 2)
    assert ["".join(map(str, row)) for row in batch.input_ids] == [
        "434212132431113223141000",
        "231413213313411111432413",
    ]
    assert [np.flatnonzero(row != IGNORED_LABEL).tolist() for row in batch.labels] == [
        [4, 6, 8, 11, 12, 13, 18, 20],
        [2, 4, 7, 9, 10, 13, 14, 15, 16, 17, 22],
    ]


def test_everything_is_shown_as_mask_at_rate_one():
    batch = MaskedPCFG(SMALL.grammar, Masking(1.0, 1.0, 0.0)).batch(0, "train", 0, 10)
    assert (batch.input_ids[batch.attention_mask] == MASK_ID).all()
    assert (batch.labels[batch.attention_mask] >= FIRST_TERMINAL_ID).all()


def test_an_empty_batch_is_allowed():
    batch = SMALL.batch(0, "train", 0, 0)
    assert batch.input_ids.shape == (0, 0)
    assert batch.padding_share == 0


def test_tensors_share_memory_and_have_the_types_that_models_take():
    batch = SMALL.batch(0, "train", 0, 4)
    tensors = batch.tensors()
    assert {name: t.dtype for name, t in tensors.items()} == {
        "input_ids": torch.int64,
        "attention_mask": torch.bool,
        "labels": torch.int64,
    }
    assert tensors["labels"].data_ptr() == batch.labels.ctypes.data


def test_fingerprint_names_grammar_and_masking():
    assert MaskedPCFG(load_grammar()).fingerprint() == TASK.fingerprint()
    assert MaskedPCFG(load_grammar("cfg3h")).fingerprint() != TASK.fingerprint()
    assert MaskedPCFG(TASK.grammar, Masking(0.2)).fingerprint() != TASK.fingerprint()


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({"rate": 0.0}, "rate"),
        ({"rate": 1.5}, "rate"),
        ({"mask_share": -0.1}, "mask_share"),
        ({"random_share": 1.1}, "random_share"),
        ({"mask_share": 0.9, "random_share": 0.2}, "random_share"),
    ],
)
def test_wrong_masking(arguments: dict[str, float], key: str):
    with pytest.raises(UsageError, match=f"^{key}: got"):
        Masking(**arguments)  # type: ignore[arg-type]


def test_wrong_arguments():
    strings = SMALL.sample(0, "train", 0, 1)
    with pytest.raises(UsageError, match=r"^n_terminals: got 0"):
        mask_tokens(strings.tokens, strings.lengths, 0, Masking(), 0, "train", 0)
    with pytest.raises(UsageError, match=r"^seed: got -1"):
        mask_tokens(strings.tokens, strings.lengths, 3, Masking(), -1, "train", 0)
