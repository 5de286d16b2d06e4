"""Masked prediction on strings of a grammar, learned by BERT (progressive, section 4 and appendix D)."""

from lit_curriculum.experiments.pcfg_bert.data import PCFGData
from lit_curriculum.experiments.pcfg_bert.module import PCFGBert

__all__ = ["PCFGBert", "PCFGData"]
