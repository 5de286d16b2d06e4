"""Which tokens of a grammar's strings end a phrase (progressive, appendix E), and predicting them.

C(1) holds every token; for l > 1, C(l) holds the last token of every span of height l - 1, counted from the
leaves: C(2) the ends of what one rule wrote, C(3) those of the phrases above, up to l = depth + 1, the last
token alone. So C(l + 1) lies within C(l). The paper counts l like this in appendix E, and levels from the
root in Definition 4.3; here the one is called height, the other depth.

A string begins with a start token, for which the id that other tasks use for [mask] is taken: without one
there would be no place at which to predict the first token.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lit_curriculum.errors import bad_value
from lit_curriculum.files import hash_of_json
from lit_curriculum.tasks.counter import GENERATOR_VERSION, Stream
from lit_curriculum.tasks.pcfg.grammar import Grammar
from lit_curriculum.tasks.pcfg.sampler import Sampler, Strings
from lit_curriculum.tasks.vocabulary import IGNORED_LABEL, MASK_ID, PAD_ID

START_ID = MASK_ID
BOUNDARIES_VERSION = 1


def boundary_tokens(strings: Strings, depth: int, height: int) -> npt.NDArray[np.bool_]:
    """Return where the tokens of C(height) are, (n, L); never at padding.

    Args:
        strings: drawn with ``ancestry=True``.
        depth: of the grammar: edges from its root to a token.
        height: the paper's l, 1 to depth + 1.

    Raises:
        UsageError: for strings without ancestry, or another height.
    """
    if strings.ancestry is None:
        raise bad_value("ancestry", None, "strings drawn with ancestry=True")
    check_height(height, depth)
    inside = np.arange(strings.tokens.shape[1]) < strings.lengths[:, None]
    if height == 1:
        return inside
    boundary: npt.NDArray[np.bool_] = strings.ancestry.right_boundary[:, depth - (height - 1)] & inside
    return boundary


def check_height(height: int, depth: int, key: str = "height") -> None:
    """Check that a grammar of this depth has tokens C(height).

    Raises:
        UsageError: naming the key if it has not.
    """
    if not 1 <= height <= depth + 1:
        raise bad_value(key, height, f"an integer from 1 to {depth + 1}, the grammar's depth and one")


@dataclass(frozen=True)
class BoundaryBatch:
    """Inputs and labels of next-token prediction, all of shape (n, L) with L the longest string.

    Attributes:
        input_ids: the start token and all tokens but the last, int64; padding is `PAD_ID`.
        labels: the token that follows, where it is in C(height), `IGNORED_LABEL` elsewhere, int64.
        lengths: tokens of each string, which is also how many its input has, int64 (n,).
    """

    input_ids: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]


@dataclass(frozen=True)
class BoundaryPCFG:
    """A grammar and a set of tokens to predict; a batch is a function of (seed, stream, start, count).

    Attributes:
        grammar: where strings come from.
        height: which tokens are predicted, C(height).
    """

    grammar: Grammar
    height: int

    def __post_init__(self) -> None:
        check_height(self.height, self.grammar.depth)

    @cached_property
    def sampler(self) -> Sampler:
        """The grammar's sampler."""
        return Sampler(self.grammar)

    def batch(self, seed: int, stream: Stream, start: int, count: int) -> BoundaryBatch:
        """Return the strings ``start .. start + count - 1``, as wide as the longest of them."""
        strings = self.sampler.sample(seed, stream, start, count, ancestry=True)
        tokens = strings.tokens.astype(np.int64)
        inputs = np.full_like(tokens, PAD_ID)
        inputs[:, 0] = START_ID
        inside = np.arange(1, tokens.shape[1]) < strings.lengths[:, None]
        inputs[:, 1:] = np.where(inside, tokens[:, :-1], PAD_ID)
        asked = boundary_tokens(strings, self.grammar.depth, self.height)
        return BoundaryBatch(inputs, np.where(asked, tokens, IGNORED_LABEL), strings.lengths)

    def describe(self) -> dict[str, Any]:
        """Return what identifies the task, for manifests and hashes."""
        return {
            "task": "boundary_pcfg",
            **self.sampler.describe(),
            "height": self.height,
            "boundaries_version": BOUNDARIES_VERSION,
            "generator_version": GENERATOR_VERSION,
        }

    def fingerprint(self) -> str:
        """Return the SHA-256 of `describe`: equal for two runs that draw the same batches."""
        return hash_of_json(self.describe())
