"""Counter-based random numbers: a sample is a function of (seed, stream, index) and of nothing else.

The generator is Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
Its key is the 64-bit seed; its 128-bit counter is laid out as

    word 0, 1   index of the sample, low and high half
    word 2      block: how many times four words have been drawn for this sample already
    word 3      stream (low 8 bits) and purpose (next 8 bits)

Under one key Philox is a bijection of the counter, so two streams can never meet, and sample ``i`` is the
same whoever draws it, in whatever order, on however many devices. `counter_torch` computes the same words
on a GPU. Change anything that alters a word and `GENERATOR_VERSION` must be raised: runs and label caches
are keyed by it.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from numba import njit

from lit_curriculum.errors import bad_value

GENERATOR_VERSION = 1

Stream = Literal["train", "val", "test", "probe"]
Purpose = Literal["sample", "mask", "order", "support", "choice"]

_ROUNDS = 10
_MULTIPLIER_0 = 0xD2511F53
_MULTIPLIER_1 = 0xCD9E8D57
_WEYL_0 = 0x9E3779B9
_WEYL_1 = 0xBB67AE85
_MASK = 0xFFFFFFFF


def stream_word(stream: Stream, purpose: Purpose = "sample") -> int:
    """Return counter word 3 of a stream and purpose.

    Raises:
        UsageError: for a name that is not in `Stream` or `Purpose`.
    """
    streams, purposes = get_args(Stream), get_args(Purpose)
    if stream not in streams:
        raise bad_value("stream", stream, ", ".join(streams))
    if purpose not in purposes:
        raise bad_value("purpose", purpose, ", ".join(purposes))
    return int(streams.index(stream)) | int(purposes.index(purpose)) << 8


def check_seed(key: str, seed: int) -> int:
    """Return ``seed`` if it fits the 64-bit key.

    Raises:
        UsageError: for a negative or too large seed.
    """
    if not 0 <= seed < 2**64:
        raise bad_value(key, seed, "an integer from 0 to 2**64 - 1")
    return seed


@njit(cache=True, inline="always")
def philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:  # pragma: no cover - compiled
    """Return four uint32 words (as uint64) for one counter and key, inside compiled loops."""
    mask = np.uint64(_MASK)
    half = np.uint64(32)
    for _ in range(_ROUNDS):
        product_0 = np.uint64(_MULTIPLIER_0) * c0
        product_1 = np.uint64(_MULTIPLIER_1) * c2
        c0 = (product_1 >> half) ^ c1 ^ k0
        c1 = product_1 & mask
        c2 = (product_0 >> half) ^ c3 ^ k1
        c3 = product_0 & mask
        k0 = (k0 + np.uint64(_WEYL_0)) & mask
        k1 = (k1 + np.uint64(_WEYL_1)) & mask
    return c0, c1, c2, c3


def philox_words(
    seed: int, word_3: int, index: npt.NDArray[np.uint64], n_words: int
) -> npt.NDArray[np.uint32]:
    """Return the first ``n_words`` random words of each sample.

    Args:
        seed: 64-bit key.
        word_3: stream and purpose, from `stream_word`.
        index: sample numbers, shape (n,).
        n_words: words a sample.

    Returns:
        uint32 array of shape (n, n_words).
    """
    mask, half = np.uint64(_MASK), np.uint64(32)
    n_blocks = -(-n_words // 4)
    shape = (len(index), n_blocks)
    index = np.asarray(index, dtype=np.uint64)[:, None]
    c0 = np.broadcast_to(index & mask, shape)
    c1 = np.broadcast_to(index >> half, shape)
    c2 = np.broadcast_to(np.arange(n_blocks, dtype=np.uint64), shape)
    c3 = np.full(shape, word_3, dtype=np.uint64)
    k0, k1 = seed & _MASK, seed >> 32
    for _ in range(_ROUNDS):
        product_0 = np.uint64(_MULTIPLIER_0) * c0
        product_1 = np.uint64(_MULTIPLIER_1) * c2
        c0, c1 = (product_1 >> half) ^ c1 ^ np.uint64(k0), product_1 & mask
        c2, c3 = (product_0 >> half) ^ c3 ^ np.uint64(k1), product_0 & mask
        k0, k1 = (k0 + _WEYL_0) & _MASK, (k1 + _WEYL_1) & _MASK
    words = np.stack([c0, c1, c2, c3], axis=-1).reshape(len(index), 4 * n_blocks)
    return words[:, :n_words].astype(np.uint32)


def random_words(
    seed: int,
    stream: Stream,
    start: int,
    count: int,
    n_words: int,
    purpose: Purpose = "sample",
) -> npt.NDArray[np.uint32]:
    """Return words of the samples ``start .. start + count - 1``, shape (count, n_words)."""
    index = np.arange(start, start + count, dtype=np.uint64)
    return philox_words(seed, stream_word(stream, purpose), index, n_words)


def choose_without_replacement(seed: int, n: int, size: int, purpose: Purpose = "choice") -> list[int]:
    """Return ``size`` distinct integers below ``n``, sorted, drawn from the seed alone.

    Every integer gets a 64-bit key from the counter; the ``size`` smallest keys win.
    """
    words = random_words(seed, "train", 0, n, 2, purpose).astype(np.uint64)
    keys = words[:, 0] << np.uint64(32) | words[:, 1]
    return sorted(int(i) for i in np.argsort(keys, kind="stable")[:size])
