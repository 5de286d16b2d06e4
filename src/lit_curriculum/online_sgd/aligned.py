"""Arrays for vectors of numbers: where they begin, and how sizes are rounded up."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lit_curriculum.simd import VECTOR_BYTES


def up(number: int, multiple: int) -> int:
    """Return the smallest multiple that is not below ``number``."""
    return -(-number // multiple) * multiple


def aligned_zeros(size: int, dtype: Any) -> npt.NDArray[Any]:
    """Return zeros (size,) aligned to vectors: one that crosses a cache line takes two loads."""
    n_bytes = size * np.dtype(dtype).itemsize
    raw = np.zeros(n_bytes + VECTOR_BYTES, dtype=np.uint8)
    start = -raw.ctypes.data % VECTOR_BYTES
    zeros: npt.NDArray[Any] = raw[start : start + n_bytes].view(dtype)
    return zeros
