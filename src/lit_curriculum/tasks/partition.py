"""Which stream a problem belongs to: a function of the problem alone, so that no two streams share one.

Tasks whose problems are few enough to meet again hash each problem and give it to one stream for good: nine
twelfths of them to training, one to each of val, test and probe. A stream's generator draws until it meets a
problem of its own. So a held-out problem occurs in no training set, of this seed or of any other.

Change anything that moves a problem and `PARTITION_VERSION` must be raised.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

PARTITION_VERSION = 1

# Draws after which a stream counts as empty. Below a share of 1/12 the chance is (11/12)^4096, about 1e-155.
MOST_ATTEMPTS = 4096


@njit(cache=True, inline="always")
def mix(value: Any) -> Any:  # pragma: no cover - compiled
    """Return a uint64 in which every bit of ``value`` tells on every bit (splitmix64's finaliser)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@njit(cache=True, inline="always")
def stream_of(digest: Any) -> Any:  # pragma: no cover - compiled
    """Return the number of the stream, in the order of `counter.Stream`, that owns a problem's hash."""
    twelfth = ((mix(digest) >> np.uint64(32)) * np.uint64(12)) >> np.uint64(32)
    return np.uint64(0) if twelfth < np.uint64(9) else twelfth - np.uint64(8)
