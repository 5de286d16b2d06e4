"""Bit-subset parity with and without labels of its sub-tasks, learned by GPT-2 (subtask, section 5)."""

from lit_curriculum.experiments.bit_subset_parity.data import BitSubsetParityData
from lit_curriculum.experiments.bit_subset_parity.module import BitSubsetParityGPT

__all__ = ["BitSubsetParityData", "BitSubsetParityGPT"]
