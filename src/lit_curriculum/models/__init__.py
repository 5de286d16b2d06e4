"""Who learns: plain torch modules and transformers configurations."""

from lit_curriculum.models.mlp import MLP
from lit_curriculum.models.registry import MODELS, build, count_parameters, describe

__all__ = ["MLP", "MODELS", "build", "count_parameters", "describe"]
