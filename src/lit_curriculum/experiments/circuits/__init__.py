"""Any boolean circuit, learned gate by gate or end to end by GPT-2 (subtask, section 6)."""

from lit_curriculum.experiments.circuits.data import CircuitData
from lit_curriculum.experiments.circuits.module import CircuitGPT

__all__ = ["CircuitData", "CircuitGPT"]
