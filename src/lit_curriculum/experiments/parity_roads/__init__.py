"""One parity and one GPT-2, supervised in four ways: for comparisons across the papers."""

from lit_curriculum.experiments.parity_roads.data import ParityRoadsData
from lit_curriculum.experiments.parity_roads.module import ParityRoadsGPT

__all__ = ["ParityRoadsData", "ParityRoadsGPT"]
