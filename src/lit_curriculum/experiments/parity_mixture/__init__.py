"""Parity and Sum over one hidden subset, learned by GPT-2 (implicit, section 3.1 and B.1)."""

from lit_curriculum.experiments.parity_mixture.data import ParityMixtureData
from lit_curriculum.experiments.parity_mixture.module import ParityMixtureGPT

__all__ = ["ParityMixtureData", "ParityMixtureGPT"]
