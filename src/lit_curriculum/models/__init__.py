"""Who learns: plain torch modules and transformers configurations."""

from lit_curriculum.models.bert import BertMaskedLM
from lit_curriculum.models.bert_classifiers import BertStepClassifier, BertTokenClassifier
from lit_curriculum.models.elman import ElmanRNN
from lit_curriculum.models.gpt2 import GPT2Reader
from lit_curriculum.models.gpt2_decoder import GPT2Decoder
from lit_curriculum.models.mlp import MLP
from lit_curriculum.models.predicting import Inputs, target_logits
from lit_curriculum.models.registry import (
    MODELS,
    build,
    count_parameters,
    describe,
    load_saved_state,
    state_for_saving,
)

__all__ = [
    "MLP",
    "MODELS",
    "BertMaskedLM",
    "BertStepClassifier",
    "BertTokenClassifier",
    "ElmanRNN",
    "GPT2Decoder",
    "GPT2Reader",
    "Inputs",
    "build",
    "count_parameters",
    "describe",
    "load_saved_state",
    "state_for_saving",
    "target_logits",
]
