"""Windows of text: no document in two splits, every window once an epoch, masks that spare special tokens."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.counter import random_words
from lit_curriculum.tasks.masking import Masking
from lit_curriculum.tasks.text.made_up import NOUNS, VERBS, documents, made_up_store
from lit_curriculum.tasks.text.task import MaskedText
from lit_curriculum.tasks.text.tokenizer import Vocabulary
from lit_curriculum.tasks.text.tokens import TokenStore, split
from lit_curriculum.tasks.vocabulary import IGNORED_LABEL

TASK = MaskedText(made_up_store(), 32, 0.1)
SPECIAL = TASK.store.vocabulary.special


def store(lengths: list[int]) -> TokenStore:
    """Return documents of these lengths whose tokens are all different."""
    vocabulary = Vocabulary(10**6, 0, 1, None, (0, 1), "")
    tokens = np.arange(2, 2 + sum(lengths), dtype=np.uint32)
    return TokenStore(tokens, np.cumsum([0, *lengths]), vocabulary)


@given(
    lengths=st.lists(st.integers(0, 30), min_size=1, max_size=60),
    length=st.integers(1, 25),
    share=st.sampled_from([0.01, 0.1, 0.3, 0.49]),
)
def test_windows_are_the_splits_documents_in_order(lengths: list[int], length: int, share: float) -> None:
    """Against plain lists, with the rule that says whose a document is."""
    made = store(lengths)
    texts = np.split(made.tokens, made.offsets[1:-1])
    expected: dict[Any, list[int]] = {"train": [], "val": [], "test": []}
    for document, text in enumerate(texts):
        word = int(random_words(0, "train", document, 1, 1, "choice")[0, 0])
        part = word // round(share * 2**32)
        expected["val" if part == 0 else "test" if part == 1 else "train"] += text.tolist()
    for stream, windows in split(made, length, share).items():
        assert len(windows) == len(expected[stream]) // length
        found = windows.read(np.arange(len(windows)))
        assert found.reshape(-1).tolist() == expected[stream][: len(windows) * length]


def test_no_document_is_in_two_splits_and_the_shares_are_those_asked_for() -> None:
    made = store([5] * 20_000)
    parts = split(made, 5, 0.01)
    starts = [set(windows.starts.tolist()) for windows in parts.values()]
    assert sum(map(len, starts)) == len(set.union(*starts)) == 20_000
    for stream in ("val", "test"):
        assert len(parts[stream]) / 20_000 == pytest.approx(0.01, abs=0.0025)


def test_an_epoch_sees_every_window_once_and_masks_it_anew() -> None:
    n = TASK.size("train")
    windows = TASK.windows["train"].read(np.arange(n))
    plain = MaskedText(TASK.store, 32, 0.1, Masking(1e-9))
    for epoch in range(2):
        seen = plain.batch(0, "train", epoch * n, n).input_ids
        np.testing.assert_array_equal(np.unique(seen, axis=0), np.unique(windows, axis=0))
    first, second = (TASK.batch(0, "train", epoch * n, n) for epoch in range(2))
    order = [np.lexsort(plain.batch(0, "train", epoch * n, n).input_ids.T) for epoch in range(2)]
    differ = (first.labels != IGNORED_LABEL)[order[0]] != (second.labels != IGNORED_LABEL)[order[1]]
    # Two independent masks of rate .3 differ in .42 of the places.
    assert differ.mean() == pytest.approx(0.42, abs=0.02)


@given(start=st.integers(0, 5000), count=st.integers(1, 40), cut=st.integers(0, 40), seed=st.integers(0, 9))
def test_pieces_equal_the_whole(start: int, count: int, cut: int, seed: int) -> None:
    cut = min(cut, count)
    whole = TASK.batch(seed, "train", start, count)
    parts = [TASK.batch(seed, "train", start, cut), TASK.batch(seed, "train", start + cut, count - cut)]
    for name in ("input_ids", "labels", "attention_mask"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(joined, getattr(whole, name))


@pytest.mark.parametrize("rate", [0.15, 0.3])
def test_shares_of_the_masks(rate: float) -> None:
    task = MaskedText(TASK.store, 32, 0.1, Masking(rate))
    n = task.size("train")
    batch = task.batch(0, "train", 0, n)
    plain = MaskedText(TASK.store, 32, 0.1, Masking(1e-9)).batch(0, "train", 0, n).input_ids
    ordinary = ~np.isin(plain, SPECIAL)
    target = batch.labels != IGNORED_LABEL
    assert not (~ordinary).all()
    assert not target[~ordinary].any()
    m = target.sum()
    assert m / ordinary.sum() == pytest.approx(rate, abs=0.015)
    np.testing.assert_array_equal(batch.labels[target], plain[target])
    np.testing.assert_array_equal(batch.input_ids[~target], plain[~target])
    shown = batch.input_ids[target]
    as_mask = shown == task.store.vocabulary.mask_id
    assert as_mask.mean() == pytest.approx(0.8, abs=0.02)
    assert not np.isin(shown[~as_mask], SPECIAL).any()
    differs = shown[~as_mask] != plain[target][~as_mask]
    assert differs.sum() / m == pytest.approx(0.1 * (1 - 1 / len(task.store.vocabulary.ordinary)), abs=0.015)
    # Random tokens are drawn from all ordinary ones, special ids in between left out.
    drawn = set(shown[~as_mask][differs].tolist())
    assert len(drawn) > 0.9 * len(task.store.vocabulary.ordinary)


def test_special_ids_anywhere_in_the_vocabulary_are_spared() -> None:
    vocabulary = Vocabulary(20, 0, 7, 13, (0, 7, 13, 19), "")
    tokens = np.tile(np.arange(20, dtype=np.uint16), 200)
    task = MaskedText(TokenStore(tokens, np.arange(0, 4001, 20), vocabulary), 20, 0.1, Masking(1.0, 0.0, 1.0))
    batch = task.batch(0, "train", 0, 500)
    special = np.isin(np.arange(20), vocabulary.special)
    assert (batch.labels[:, special] == IGNORED_LABEL).all()
    assert (batch.labels[:, ~special] == np.arange(20)[~special]).all()
    assert set(batch.input_ids[:, ~special].flatten().tolist()) == set(vocabulary.ordinary.tolist())


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(UsageError, match=r"data.length: got 10000; allowed: at most what one window of"):
        MaskedText(TASK.store, 10_000)
    with pytest.raises(UsageError, match=r"data.length: got 0"):
        MaskedText(TASK.store, 0)
    with pytest.raises(UsageError, match=r"data.held_out_share: got 0.5"):
        MaskedText(TASK.store, 32, 0.5)
    size = TASK.size("val")
    with pytest.raises(UsageError, match=f"eval_samples: got {size + 1}; allowed: at most {size}"):
        TASK.batch(0, "val", 1, size)
    with pytest.raises(UsageError, match="stream: got 'probe'"):
        TASK.batch(0, "probe", 0, 1)
    with pytest.raises(UsageError, match=r"whose .PAD. has id 0"):
        Vocabulary(9, 1, 0, None, (0, 1), "")
    with pytest.raises(UsageError, match="not among its ids"):
        Vocabulary(9, 0, 1, 2, (0, 1), "")


def test_the_made_up_text_is_the_same_everywhere() -> None:
    texts = list(documents())
    assert texts[0].startswith("a young sailor that sees the mice hears these mice .")
    assert made_up_store().vocabulary.sha256[:8] == "eae800f1"
    singular = {pair[0] for pair in NOUNS}
    verbs = {verb: number for pair in VERBS for number, verb in enumerate(pair)}
    for sentence in itertools.chain.from_iterable(text.split(" . ") for text in texts[:50]):
        words = sentence.split()
        nouns = [(i, word not in singular) for i, word in enumerate(words) if word in itertools.chain(*NOUNS)]
        subject = nouns[0][1]
        assert all(verbs[word] == subject for word in words if word in verbs)
