"""Paper experiments: one folder each, a LightningDataModule and a LightningModule.

An experiment is one of the suite's, and its classes have short names in YAML, by being imported here.
"""

import sys

from lit_curriculum.experiments import (
    bit_subset_parity,
    circuits,
    elman,
    hierarchical_parity,
    lego,
    modular_addition,
    parity_mixture,
    pcfg_bert,
    programs,
    sparse_parity,
    sum_and_parity,
)
from lit_curriculum.training import (
    base,
    base_data,
    decoding_errors,
    decomposed,
    held_out,
    listeners,
    minibatch,
    muon,
    online,
    positions,
    rates,
    soundness,
)

__all__ = [
    "bit_subset_parity",
    "circuits",
    "elman",
    "hierarchical_parity",
    "lego",
    "modular_addition",
    "parity_mixture",
    "pcfg_bert",
    "programs",
    "sparse_parity",
    "sum_and_parity",
]

# Until version 0.3 what has moved to `training` is found here as well.
for _moved in (
    *(base, base_data, decoding_errors, decomposed, held_out, listeners),
    *(minibatch, muon, online, positions, rates, soundness),
):
    sys.modules[_moved.__name__.replace("training", "experiments")] = _moved
    setattr(sys.modules[__name__], _moved.__name__.rpartition(".")[2], _moved)
