"""Token ids of every masked-prediction task, in one place.

    0                          padding, never attended to and never predicted
    1                          [mask]
    2 .. 1 + n_terminals       the terminals, in increasing order of their symbol

There is no [CLS] or [SEP]; text has a vocabulary of its own (`tasks.text`).
"""

from __future__ import annotations

from dataclasses import dataclass

PAD_ID = 0
MASK_ID = 1
FIRST_TERMINAL_ID = 2

IGNORED_LABEL = -100
"""Label of a position that is not predicted: what torch's cross-entropy skips by default."""


@dataclass(frozen=True)
class SpecialTokens:
    """What a string holds beside its tokens, by default as this suite's tasks have it.

    Attributes:
        mask_id: of [mask].
        pad_id: of padding.
        before: tokens such as [CLS] at the beginning of every string, which are none of its own.
        after: tokens such as [SEP] at its end.
    """

    mask_id: int = MASK_ID
    pad_id: int = PAD_ID
    before: int = 0
    after: int = 0


def vocabulary_size(n_terminals: int) -> int:
    """Return the number of token ids, padding and [mask] included."""
    return FIRST_TERMINAL_ID + n_terminals
