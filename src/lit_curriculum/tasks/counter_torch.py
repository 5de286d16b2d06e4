"""`counter` in torch, for drawing samples on the device that trains. Same words, bit for bit."""

from __future__ import annotations

import torch

from lit_curriculum.tasks.counter import (
    _MASK,
    _MULTIPLIER_0,
    _MULTIPLIER_1,
    _ROUNDS,
    _WEYL_0,
    _WEYL_1,
    Purpose,
    Stream,
    stream_word,
)


def random_words_torch(
    seed: int,
    stream: Stream,
    start: int,
    count: int,
    n_words: int,
    purpose: Purpose = "sample",
    device: torch.device | str = "cpu",
) -> torch.Tensor:
    """Return the same words as `counter.random_words`, as an int64 tensor of shape (count, n_words).

    A product of two 32-bit words overflows int64; two's complement keeps its low 64 bits, and the mask
    after the shift removes the sign that an arithmetic shift brings in.
    """
    n_blocks = -(-n_words // 4)
    index = torch.arange(start, start + count, dtype=torch.int64, device=device)[:, None]
    shape = (count, n_blocks)
    c0 = (index & _MASK).expand(shape)
    c1 = ((index >> 32) & _MASK).expand(shape)
    c2 = torch.arange(n_blocks, dtype=torch.int64, device=device).expand(shape)
    c3 = torch.full(shape, stream_word(stream, purpose), dtype=torch.int64, device=device)
    k0, k1 = seed & _MASK, seed >> 32
    for _ in range(_ROUNDS):
        product_0 = c0 * _MULTIPLIER_0
        product_1 = c2 * _MULTIPLIER_1
        c0, c1 = ((product_1 >> 32) & _MASK) ^ c1 ^ k0, product_1 & _MASK
        c2, c3 = ((product_0 >> 32) & _MASK) ^ c3 ^ k1, product_0 & _MASK
        k0, k1 = (k0 + _WEYL_0) & _MASK, (k1 + _WEYL_1) & _MASK
    return torch.stack([c0, c1, c2, c3], dim=-1).reshape(count, 4 * n_blocks)[:, :n_words]
