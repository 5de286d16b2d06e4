"""Training, validation and test sets of bit strings that share no string, drawn without listing any.

A keyed permutation of {0, 1}^d puts all 2^d strings into a random order; the first held-out places are
``val``, the next as many ``test``, all that follow ``train``. A permutation gives no string two places, so
the sets are disjoint for any d and together hold every string (subtask, appendix G and Table 2: validation
and test min(1024, 12.5 % of the data) each).

The permutation is an alternating Feistel network: a string is cut in two parts, and in turn each part is
xored with a random function, Philox, of the other. Every round can be undone, whatever that function is.

Change anything that moves a string and `SPLITS_VERSION` must be raised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from lit_curriculum.errors import bad_value
from lit_curriculum.tasks.counter import Stream, check_seed, philox, stream_word
from lit_curriculum.tasks.epochs import epoch_indices

SPLITS_VERSION = 1
MOST_HELD_OUT = 1024
LEAST_BITS, MOST_BITS = 4, 128

# Even, so that both parts are changed equally often; with parts of two bits fewer rounds leave traces.
_ROUNDS = 16
# Above this size an epoch is not shuffled anew: no run of the paper's lengths comes to a second one.
_LARGEST_SHUFFLED = 2**22


@dataclass(frozen=True)
class BitStringSplits:
    """The sets of strings of d bits.

    Attributes:
        d: bits of a string, 4 to 128.
    """

    d: int

    def __post_init__(self) -> None:
        if not LEAST_BITS <= self.d <= MOST_BITS:
            raise bad_value("d", self.d, f"an integer from {LEAST_BITS} to {MOST_BITS}")

    @property
    def held_out(self) -> int:
        """Strings of ``val``, and as many of ``test``."""
        return min(MOST_HELD_OUT, (1 << self.d) // 8)

    def size(self, stream: Stream) -> int:
        """Return the number of strings of a stream; for d = 128 far above 2^64.

        Raises:
            UsageError: for ``probe``, which these sets do not have.
        """
        if stream == "probe":
            raise bad_value("stream", stream, "train, val, test")
        return (1 << self.d) - 2 * self.held_out if stream == "train" else self.held_out

    def check_held_out(self, count: int, otherwise: str = "") -> None:
        """Check how many strings of a held-out set are asked for; ``otherwise`` is what else is allowed.

        Raises:
            UsageError: if there are not as many.
        """
        if count > self.held_out:
            allowed = f"at most {self.held_out}, the strings of a held-out set at d = {self.d}{otherwise}"
            raise bad_value("data.eval_samples", count, allowed)

    def sample(self, seed: int, stream: Stream, start: int, count: int) -> npt.NDArray[np.int64]:
        """Return visits ``start .. start + count - 1`` of a stream's strings, (count, d) of 0 and 1.

        ``train`` is visited epoch after epoch, each in an order of its own (in one order where d > 22); a
        held-out set in one order.

        Raises:
            UsageError: for a seed out of range, or a place beyond the end of a held-out set.
        """
        check_seed("seed", seed)
        size = self.size(stream)
        if stream != "train":
            if start + count > size:
                raise bad_value("eval_samples", start + count, f"at most {size}, the {stream} strings")
            places = np.arange(start, start + count) + (self.held_out if stream == "test" else 0)
        else:
            if size <= _LARGEST_SHUFFLED:
                members = epoch_indices(seed, size, start, count)
            else:
                members = np.arange(start, start + count) % min(size, 2**62)
            places = members + 2 * self.held_out
        bits = np.empty((count, self.d), dtype=np.int64)
        word_3 = np.uint64(stream_word("train", "choice"))
        _permute(np.uint64(seed), word_3, places.astype(np.uint64), bits)
        return bits


@njit(cache=True, nogil=True)
def _permute(seed: Any, word_3: Any, places: Any, bits: Any) -> None:  # pragma: no cover - compiled
    """Write the string at each place (n,) into bits (n, d), in place."""
    low, half, one = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64(1)
    d = bits.shape[1]
    n_left = d // 2
    n_right = d - n_left
    for row in range(len(places)):
        left, right = np.uint64(0), places[row]
        # A shift by 64 is undefined; with 64 bits on the right, the left part of any place is 0.
        if n_right < 64:
            left, right = right >> np.uint64(n_right), right & ((one << np.uint64(n_right)) - one)
        for turn in range(_ROUNDS):
            known = right if turn % 2 == 0 else left
            words = philox(known & low, known >> half, np.uint64(turn), word_3, seed & low, seed >> half)
            drawn = words[0] | words[1] << half
            if turn % 2 == 0:
                left ^= drawn >> np.uint64(64 - n_left)
            else:
                right ^= drawn >> np.uint64(64 - n_right)
        for bit in range(n_left):
            bits[row, bit] = (left >> np.uint64(bit)) & one
        for bit in range(n_right):
            bits[row, n_left + bit] = (right >> np.uint64(bit)) & one
