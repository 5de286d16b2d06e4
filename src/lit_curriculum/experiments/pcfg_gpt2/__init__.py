"""Next-token prediction of the ends of phrases, learned by GPT-2 (progressive, appendix E)."""

from lit_curriculum.experiments.pcfg_gpt2.data import PCFGBoundaryData
from lit_curriculum.experiments.pcfg_gpt2.module import PCFGGPT

__all__ = ["PCFGGPT", "PCFGBoundaryData"]
