"""GPT-2 on boolean circuits (subtask, section 6)."""

from __future__ import annotations

from lit_curriculum.experiments.circuits.data import CircuitData
from lit_curriculum.training.decomposed import DecomposedGPT


class CircuitGPT(DecomposedGPT):
    """See `DecomposedGPT`. ``accuracy`` counts a string as right if all output bits are."""

    data_class = CircuitData
