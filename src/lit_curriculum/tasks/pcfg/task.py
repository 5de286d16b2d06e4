"""Masked prediction on strings of a grammar (progressive, section 4): what the BERT experiments train on."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lit_curriculum.files import hash_of_json
from lit_curriculum.tasks.counter import GENERATOR_VERSION, Stream
from lit_curriculum.tasks.masking import MaskedBatch, Masking, mask_tokens
from lit_curriculum.tasks.pcfg.grammar import Grammar
from lit_curriculum.tasks.pcfg.sampler import Sampler, Strings


@dataclass(frozen=True)
class MaskedPCFG:
    """A grammar and a way of masking; a batch is a function of (seed, stream, start, count).

    Attributes:
        grammar: where strings come from.
        masking: which tokens are to be predicted, and what is shown in their place.
    """

    grammar: Grammar
    masking: Masking = field(default_factory=Masking)

    @cached_property
    def sampler(self) -> Sampler:
        """The grammar's sampler."""
        return Sampler(self.grammar)

    def sample(self, seed: int, stream: Stream, start: int, count: int, ancestry: bool = False) -> Strings:
        """Return unmasked strings (`Sampler.sample`)."""
        return self.sampler.sample(seed, stream, start, count, ancestry)

    def batch(self, seed: int, stream: Stream, start: int, count: int) -> MaskedBatch:
        """Return the masked strings ``start .. start + count - 1``, as wide as the longest of them.

        The padding that this costs is `MaskedBatch.padding_share`.
        """
        strings = self.sample(seed, stream, start, count)
        terminals = len(self.grammar.terminals)
        return mask_tokens(strings.tokens, strings.lengths, terminals, self.masking, seed, stream, start)

    def describe(self) -> dict[str, Any]:
        """Return what identifies the task, for manifests and hashes."""
        return {
            "task": "masked_pcfg",
            **self.sampler.describe(),
            "masking": self.masking.describe(),
            "generator_version": GENERATOR_VERSION,
        }

    def fingerprint(self) -> str:
        """Return the SHA-256 of `describe`: equal for two runs that draw the same batches."""
        return hash_of_json(self.describe())
