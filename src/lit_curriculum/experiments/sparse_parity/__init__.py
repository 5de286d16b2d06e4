"""Sparse parity, learned by one-hidden-layer networks (progressive, section 3)."""

from lit_curriculum.experiments.sparse_parity.data import SparseParityData
from lit_curriculum.experiments.sparse_parity.module import SparseParityMLP, SparseParityMinibatchMLP

__all__ = ["SparseParityData", "SparseParityMLP", "SparseParityMinibatchMLP"]
