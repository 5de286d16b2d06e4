"""The theory's two-layer network on Sum and Parity, trained in two phases (implicit, section 2)."""

from lit_curriculum.experiments.sum_and_parity.data import SumAndParityData
from lit_curriculum.experiments.sum_and_parity.module import SumAndParityNet

__all__ = ["SumAndParityData", "SumAndParityNet"]
