"""Paper experiments: one folder each, a LightningDataModule and a LightningModule.

An experiment is one of the suite's, and its classes have short names in YAML, by being imported here.
"""

import sys
from importlib import import_module

from lit_curriculum.experiments import (
    bit_subset_parity,
    circuits,
    elman,
    hierarchical_parity,
    lego,
    modular_addition,
    natural_language,
    parity_mixture,
    parity_roads,
    pcfg_bert,
    pcfg_gpt2,
    programs,
    sparse_parity,
    sparse_parity_gpt2,
    sum_and_parity,
)

__all__ = [
    "bit_subset_parity",
    "circuits",
    "elman",
    "hierarchical_parity",
    "lego",
    "modular_addition",
    "natural_language",
    "parity_mixture",
    "parity_roads",
    "pcfg_bert",
    "pcfg_gpt2",
    "programs",
    "sparse_parity",
    "sparse_parity_gpt2",
    "sum_and_parity",
]

# Until version 0.3 what has moved to `training` is found here as well.
for _name in (
    *("base", "base_data", "decoding_errors", "decomposed", "listeners"),
    *("minibatch", "muon", "online", "positions", "soundness"),
):
    globals()[_name] = sys.modules[f"{__name__}.{_name}"] = import_module(f"lit_curriculum.training.{_name}")
