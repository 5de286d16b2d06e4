"""Callbacks: each wraps one thing from `distillation` or `probes` for a Trainer."""

from lit_curriculum.callbacks.attention import LogAttention
from lit_curriculum.callbacks.exact_resume import ExactResume
from lit_curriculum.callbacks.harvest import HarvestCheckpoints
from lit_curriculum.callbacks.live_teacher import LiveTeacher
from lit_curriculum.callbacks.monomials import LogMonomials
from lit_curriculum.callbacks.ngram import LogNgrams
from lit_curriculum.callbacks.nonterminal import LogNonterminals
from lit_curriculum.callbacks.skip_ngram import LogSkipNgrams
from lit_curriculum.callbacks.stop_when_learned import StopWhenLearned
from lit_curriculum.callbacks.swap_teacher import SwapTeacher

__all__ = [
    "ExactResume",
    "HarvestCheckpoints",
    "LiveTeacher",
    "LogAttention",
    "LogMonomials",
    "LogNgrams",
    "LogNonterminals",
    "LogSkipNgrams",
    "StopWhenLearned",
    "SwapTeacher",
]
