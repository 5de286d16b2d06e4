"""Sparse parity, learned by GPT-2 from sequences of bits (progressive, sections 3 and C.2)."""

from lit_curriculum.experiments.sparse_parity_gpt2.data import SparseParityTokens
from lit_curriculum.experiments.sparse_parity_gpt2.module import SparseParityGPT

__all__ = ["SparseParityGPT", "SparseParityTokens"]
