"""Philox4x32-10 in plain integers, written from its definition: the oracle of the generator's tests."""

from __future__ import annotations

from collections.abc import Sequence


def philox_4x32(counter: Sequence[int], key: Sequence[int], rounds: int = 10) -> tuple[int, ...]:
    """Return the four output words of one counter and key."""
    a, b, c, d = counter
    for i in range(rounds):
        keys = [(key[0] + i * 0x9E3779B9) % 2**32, (key[1] + i * 0xBB67AE85) % 2**32]
        high_a, low_a = divmod(0xD2511F53 * a, 2**32)
        high_c, low_c = divmod(0xCD9E8D57 * c, 2**32)
        a, b, c, d = high_c ^ b ^ keys[0], low_c, high_a ^ d ^ keys[1], low_a
    return a, b, c, d
