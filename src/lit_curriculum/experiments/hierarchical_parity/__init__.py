"""Hierarchical parity, learned by one-hidden-layer networks (progressive, C.3)."""

from lit_curriculum.experiments.hierarchical_parity.data import HierarchicalParityData
from lit_curriculum.experiments.hierarchical_parity.module import HierarchicalParityMLP

__all__ = ["HierarchicalParityData", "HierarchicalParityMLP"]
