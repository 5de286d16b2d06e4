"""Masked prediction on windows of text (progressive, figure 6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch

from lit_curriculum.errors import bad_value
from lit_curriculum.files import hash_of_json
from lit_curriculum.tasks.counter import GENERATOR_VERSION, Stream
from lit_curriculum.tasks.epochs import epoch_indices
from lit_curriculum.tasks.masking import MaskedBatch, Masking, mask_ordinary
from lit_curriculum.tasks.positions import draw_positions
from lit_curriculum.tasks.text.tokens import TokenStore, Windows, split
from lit_curriculum.tasks.vocabulary import SpecialTokens

TEXT_VERSION = 1
"""Raised with any change that alters which tokens a sample holds."""


@dataclass(frozen=True, eq=False)
class MaskedText:
    """Windows of a corpus and a way of masking; a batch is a function of (seed, stream, start, count).

    Sample i of ``train`` is a window of epoch i // n, where every window occurs once in an order that is
    f(seed, epoch); its mask is f(seed, i), so that a window is masked anew in every epoch. Held-out windows
    come in the order of the corpus.

    Attributes:
        store: the tokens.
        length: tokens of a window.
        held_out_share: share of the documents of ``val``, and of ``test``.
        masking: which tokens are to be predicted, and what is shown in their place.

    Raises:
        UsageError: for a length or share out of range, or if a split has no window.
    """

    store: TokenStore
    length: int = 128
    held_out_share: float = 0.01
    masking: Masking = field(default_factory=Masking)

    def __post_init__(self) -> None:
        for stream, windows in self.windows.items():
            if not len(windows):
                allowed = f"at most what one window of {stream} can hold, whose documents are too few"
                raise bad_value("data.length", self.length, allowed)

    @cached_property
    def windows(self) -> dict[Stream, Windows]:
        """The windows of ``train``, ``val`` and ``test``."""
        return split(self.store, self.length, self.held_out_share)

    @cached_property
    def _ordinary(self) -> Any:
        return self.store.vocabulary.ordinary

    def size(self, stream: Stream) -> int:
        """Return the number of windows of a stream.

        Raises:
            UsageError: for ``probe``, which a corpus does not have.
        """
        if stream not in self.windows:
            raise bad_value("stream", stream, "train, val, test")
        return len(self.windows[stream])

    def batch(self, seed: int, stream: Stream, start: int, count: int) -> MaskedBatch:
        """Return the masked samples ``start .. start + count - 1``.

        Raises:
            UsageError: for a stream that is not there, or a sample beyond the end of a held-out one.
        """
        size = self.size(stream)
        if stream == "train":
            numbers = epoch_indices(seed, size, start, count)
        elif start + count > size:
            raise bad_value("eval_samples", start + count, f"at most {size}, the windows of {stream}")
        else:
            numbers = np.arange(start, start + count)
        tokens = self.windows[stream].read(numbers)
        lengths = np.full(count, self.length, dtype=np.int64)
        mask_id = self.store.vocabulary.mask_id
        return mask_ordinary(tokens, lengths, self._ordinary, mask_id, self.masking, seed, stream, start)

    @property
    def special(self) -> SpecialTokens:
        """Return the ids that a probe shows in place of a token."""
        vocabulary = self.store.vocabulary
        return SpecialTokens(vocabulary.mask_id, vocabulary.pad_id)

    def probe_inputs(self, seed: int, strings: int, per_string: int) -> tuple[torch.Tensor, ...]:
        """Return the first windows of ``test`` and places in them, none of a token such as [SEP].

        Returns:
            Tokens int64 (n, L), lengths int64 (n,), positions int64 (n, per_string).

        Raises:
            UsageError: if there are fewer windows.
        """
        if strings > self.size("test"):
            raise bad_value("strings", strings, f"at most the {self.size('test')} windows of test")
        tokens = self.windows["test"].read(np.arange(strings)).astype(np.int64)
        ordinary = np.isin(tokens, self._ordinary)
        counts = torch.from_numpy(ordinary.sum(1))
        chosen = draw_positions(counts, per_string, seed).numpy()
        # The n-th ordinary token of each window.
        places = np.argsort(~ordinary, axis=1, kind="stable")
        positions = np.take_along_axis(places, chosen, axis=1)
        lengths = torch.full((strings,), self.length)
        return torch.from_numpy(tokens), lengths, torch.from_numpy(positions)

    def describe(self) -> dict[str, Any]:
        """Return what identifies the task, for manifests and hashes: the corpus may be another."""
        vocabulary = self.store.vocabulary
        return {
            "task": "masked_text",
            "text_version": TEXT_VERSION,
            "tokenizer": vocabulary.sha256,
            "vocab_size": vocabulary.size,
            "mask_id": vocabulary.mask_id,
            "pad_id": vocabulary.pad_id,
            "length": self.length,
            "held_out_share": self.held_out_share,
            "masking": self.masking.describe(),
            "generator_version": GENERATOR_VERSION,
        }

    def fingerprint(self) -> str:
        """Return the SHA-256 of `describe`."""
        return hash_of_json(self.describe())
