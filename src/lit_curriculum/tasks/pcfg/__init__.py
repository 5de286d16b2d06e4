"""Strings of probabilistic context-free grammars (progressive, section 4 and appendix D)."""

from lit_curriculum.tasks.pcfg.boundaries import BoundaryBatch, BoundaryPCFG, boundary_tokens
from lit_curriculum.tasks.pcfg.grammar import (
    DEFAULT_GRAMMAR,
    Grammar,
    grammar_from_description,
    load_grammar,
    parse_grammar,
    shipped_grammars,
)
from lit_curriculum.tasks.pcfg.lengths import length_distribution, mean_length, percentiles
from lit_curriculum.tasks.pcfg.sampler import SAMPLER_VERSION, Ancestry, Sampler, Strings
from lit_curriculum.tasks.pcfg.task import MaskedPCFG
from lit_curriculum.tasks.pcfg.trees import format_brackets, format_string, format_tree

__all__ = [
    "DEFAULT_GRAMMAR",
    "SAMPLER_VERSION",
    "Ancestry",
    "BoundaryBatch",
    "BoundaryPCFG",
    "Grammar",
    "MaskedPCFG",
    "Sampler",
    "Strings",
    "boundary_tokens",
    "format_brackets",
    "format_string",
    "format_tree",
    "grammar_from_description",
    "length_distribution",
    "load_grammar",
    "mean_length",
    "parse_grammar",
    "percentiles",
    "shipped_grammars",
]
