"""Token ids of every masked-prediction task, in one place.

    0                          padding, never attended to and never predicted
    1                          [mask]
    2 .. 1 + n_terminals       the terminals, in increasing order of their symbol

There is no [CLS] or [SEP]: no experiment reads one.
"""

from __future__ import annotations

PAD_ID = 0
MASK_ID = 1
FIRST_TERMINAL_ID = 2

IGNORED_LABEL = -100
"""Label of a position that is not predicted: what torch's cross-entropy skips by default."""


def vocabulary_size(n_terminals: int) -> int:
    """Return the number of token ids, padding and [mask] included."""
    return FIRST_TERMINAL_ID + n_terminals
