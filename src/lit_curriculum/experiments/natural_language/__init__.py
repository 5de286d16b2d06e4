"""Masked prediction on real text, learned by BERT (progressive, figure 6)."""

from lit_curriculum.experiments.natural_language.data import TextData
from lit_curriculum.experiments.natural_language.module import TextBert

__all__ = ["TextBert", "TextData"]
