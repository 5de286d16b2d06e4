"""GPT-2 on bit-subset parity (subtask, section 5.2 and appendix G)."""

from __future__ import annotations

from lit_curriculum.experiments.bit_subset_parity.data import BitSubsetParityData
from lit_curriculum.training.decomposed import DecomposedGPT


class BitSubsetParityGPT(DecomposedGPT):
    """See `DecomposedGPT`; with labels of the sub-tasks ``max_length`` is at least 3 d / 2 - 2, else d."""

    data_class = BitSubsetParityData
