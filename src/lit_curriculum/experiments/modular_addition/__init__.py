"""Addition modulo p, where generalisation comes long after memory: the worked example."""

from lit_curriculum.experiments.modular_addition.data import ModularAdditionData
from lit_curriculum.experiments.modular_addition.module import ModularAdditionMLP

__all__ = ["ModularAdditionData", "ModularAdditionMLP"]
