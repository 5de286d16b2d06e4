"""Masked prediction (progressive, Definition 4.1), with masks drawn by counter.

Each position is a target with probability ``rate``, independently. Of the targets a share of
``mask_share`` (80 %) is shown as [mask], ``random_share`` (10 %) as a terminal drawn uniformly from all of
them, the original included, and the rest is shown as it is.

The mask of string i is f(seed, stream, i), from the same seed and stream as the string but another purpose
of the counter. Position p takes word p of its sample: one word u decides everything. With
T = round(rate * 2^32), the position is a target if u < T; the lowest ``mask_share`` of [0, T) shows [mask],
the next ``random_share`` a random terminal, chosen by where in that interval u lies.

Change anything that alters a mask and `MASKING_VERSION` must be raised.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from numba import njit

from lit_curriculum.errors import bad_value
from lit_curriculum.tasks.counter import Stream, check_seed, stream_word
from lit_curriculum.tasks.counter import philox as _philox
from lit_curriculum.tasks.vocabulary import FIRST_TERMINAL_ID, IGNORED_LABEL, MASK_ID

MASKING_VERSION = 1

_LOW = 0xFFFFFFFF


@dataclass(frozen=True)
class Masking:
    """How targets are chosen and shown; the defaults are the paper's.

    Attributes:
        rate: probability that a position is a target, 0 < rate <= 1.
        mask_share: share of the targets shown as [mask].
        random_share: share of the targets shown as a random terminal.
        hide_unmasked_targets: also hide from attention the targets that are not shown as [mask] (random
            and kept ones). The paper does not say so, its released code does it.

    Raises:
        UsageError: for a rate or a share outside its range.
    """

    rate: float = 0.3
    mask_share: float = 0.8
    random_share: float = 0.1
    hide_unmasked_targets: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 1:
            raise bad_value("rate", self.rate, "0 < rate <= 1")
        for key in ("mask_share", "random_share"):
            if not 0 <= getattr(self, key) <= 1:
                raise bad_value(key, getattr(self, key), "a share from 0 to 1")
        # Shares such as 0.7 + 0.3 may exceed 1 by rounding.
        if self.mask_share + self.random_share > 1 + 1e-9:
            raise bad_value(
                "random_share", self.random_share, f"at most 1 - mask_share = {1 - self.mask_share:g}"
            )

    def thresholds(self) -> tuple[int, int, int]:
        """Return the ends of the intervals of u: shown as [mask], as a random terminal, kept."""
        target = round(self.rate * 2**32)
        mask = min(round(self.rate * self.mask_share * 2**32), target)
        random = min(round(self.rate * (self.mask_share + self.random_share) * 2**32), target)
        return mask, random, target

    def describe(self) -> dict[str, Any]:
        """Return what identifies the masks, for manifests and hashes."""
        return {**asdict(self), "masking_version": MASKING_VERSION}


@dataclass(frozen=True)
class MaskedBatch:
    """Inputs and targets of masked prediction, all of shape (n, L) with L the longest string.

    Attributes:
        input_ids: shown token ids, int64; padding is `vocabulary.PAD_ID`.
        attention_mask: which positions may be attended to, bool.
        labels: the original token id at targets, `vocabulary.IGNORED_LABEL` elsewhere, int64.
        lengths: tokens of each string, int64 (n,).
    """

    input_ids: npt.NDArray[np.int64]
    attention_mask: npt.NDArray[np.bool_]
    labels: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]

    @property
    def padding_share(self) -> float:
        """Share of positions that are padding, from 0 to below 1."""
        return 1.0 - float(self.lengths.sum()) / self.labels.size if self.labels.size else 0.0

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return ``input_ids``, ``attention_mask`` and ``labels`` as tensors that share memory with these."""
        names = ("input_ids", "attention_mask", "labels")
        return {name: torch.from_numpy(getattr(self, name)) for name in names}


def mask_tokens(
    tokens: npt.NDArray[np.int16],
    lengths: npt.NDArray[np.int64],
    n_terminals: int,
    masking: Masking,
    seed: int,
    stream: Stream,
    start: int,
) -> MaskedBatch:
    """Mask the strings ``start .. start + n - 1`` of a stream.

    A string may come out without any target (at rate 0.3 one of 12 tokens does so in 1.4 % of cases).

    Args:
        tokens: token ids (n, L), padded on the right.
        lengths: tokens of each string (n,).
        n_terminals: how many terminals a random one is drawn from.
        masking: how.
        seed: the strings' data seed.
        stream: the strings' stream.
        start: number of the first string.

    Raises:
        UsageError: for a seed or stream that is out of range.
    """
    if n_terminals < 1:
        raise bad_value("n_terminals", n_terminals, "an integer of at least 1")
    terminals = np.arange(FIRST_TERMINAL_ID, FIRST_TERMINAL_ID + n_terminals)
    return mask_ordinary(tokens, lengths, terminals, MASK_ID, masking, seed, stream, start)


def mask_ordinary(
    tokens: npt.NDArray[np.integer[Any]],
    lengths: npt.NDArray[np.int64],
    ordinary: npt.NDArray[np.int64],
    mask_id: int,
    masking: Masking,
    seed: int,
    stream: Stream,
    start: int,
) -> MaskedBatch:
    """Mask strings of any vocabulary, as `mask_tokens` does.

    Args:
        tokens: token ids (n, L), padded on the right.
        lengths: tokens of each string (n,).
        ordinary: the ids that may be targets, ascending; a random one is drawn from them. All others are
            shown as they are.
        mask_id: the id shown as [mask].
        masking: how.
        seed: the strings' data seed.
        stream: the strings' stream.
        start: number of the first string.

    Raises:
        UsageError: for a seed or stream that is out of range.
    """
    check_seed("seed", seed)
    batch = MaskedBatch(
        tokens.astype(np.int64),
        np.zeros(tokens.shape, dtype=np.bool_),
        np.full(tokens.shape, IGNORED_LABEL, dtype=np.int64),
        lengths,
    )
    may_be_target = np.zeros(int(max(ordinary.max(), batch.input_ids.max(initial=0))) + 1, dtype=np.bool_)
    may_be_target[ordinary] = True
    _mask(
        np.uint64(seed),
        np.uint64(stream_word(stream, "mask")),
        np.uint64(start),
        np.array(masking.thresholds(), dtype=np.uint64),
        ordinary,
        may_be_target,
        mask_id,
        masking.hide_unmasked_targets,
        lengths,
        batch.input_ids,
        batch.attention_mask,
        batch.labels,
    )
    return batch


@njit(cache=True, nogil=True)
def _mask(
    seed: Any,
    word_3: Any,
    start: Any,
    thresholds: Any,
    ordinary: Any,
    may_be_target: Any,
    mask_id: Any,
    hide: bool,
    lengths: Any,
    input_ids: Any,
    attention_mask: Any,
    labels: Any,
) -> None:  # pragma: no cover - compiled
    """Fill the arrays (n, L) in place; ``input_ids`` holds the original tokens before."""
    low, half = np.uint64(_LOW), np.uint64(32)
    to_mask, to_random, to_kept = thresholds
    choices = np.uint64(len(ordinary))
    words = np.zeros(4, dtype=np.uint64)
    for row in range(len(lengths)):
        index = start + np.uint64(row)
        for i in range(lengths[row]):
            if i % 4 == 0:
                words[0], words[1], words[2], words[3] = _philox(
                    index & low, index >> half, np.uint64(i // 4), word_3, seed & low, seed >> half
                )
            u = words[i % 4]
            attention_mask[row, i] = True
            if u >= to_kept or not may_be_target[input_ids[row, i]]:
                continue
            labels[row, i] = input_ids[row, i]
            if u < to_mask:
                input_ids[row, i] = mask_id
                continue
            if u < to_random:
                drawn = (u - to_mask) * choices // (to_random - to_mask)
                input_ids[row, i] = ordinary[np.int64(drawn)]
            attention_mask[row, i] = not hide
