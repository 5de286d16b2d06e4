"""Places in strings, drawn by counter: where a probe looks."""

from __future__ import annotations

import numpy as np
import torch

from lit_curriculum.tasks.counter import Stream, check_seed, random_words


def draw_positions(
    lengths: torch.Tensor, per_string: int, seed: int, stream: Stream = "probe", start: int = 0
) -> torch.Tensor:
    """Return ``per_string`` positions of each string, uniform and with replacement, int64 (n, per_string).

    Args:
        lengths: tokens of each string (n,).
        per_string: positions a string.
        seed: data seed; the positions of string i are f(seed, stream, i).
        stream: the strings' stream.
        start: number of the first string.

    Raises:
        UsageError: for a seed or stream that is out of range.
    """
    words = random_words(check_seed("seed", seed), stream, start, len(lengths), per_string, "choice")
    return torch.from_numpy(words.astype(np.int64)) * lengths[:, None].cpu() >> 32
