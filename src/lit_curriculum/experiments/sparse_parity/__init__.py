"""Sparse parity, learned by one-hidden-layer networks (progressive, section 3)."""

from lit_curriculum.experiments.sparse_parity.data import SparseParityData
from lit_curriculum.experiments.sparse_parity.module import SparseParityMinibatchMLP, SparseParityMLP

__all__ = ["SparseParityData", "SparseParityMLP", "SparseParityMinibatchMLP"]
