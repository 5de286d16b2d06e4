"""Why Sum helps Parity: section 2 and appendix A of `implicit`, checked and measured."""

from lit_curriculum.theory.sum_and_parity import bounds, constructions
from lit_curriculum.theory.sum_and_parity.network import TwoLayer, initialise
from lit_curriculum.theory.sum_and_parity.population import Population
from lit_curriculum.theory.sum_and_parity.two_phases import (
    average_sgd,
    batch_gradient,
    biases,
    compact_features,
    draw_biases,
    parity_accuracy,
    population_loss,
    sgd_steps,
    stable_rate,
    table_rows,
)

__all__ = [
    "Population",
    "TwoLayer",
    "average_sgd",
    "batch_gradient",
    "biases",
    "bounds",
    "compact_features",
    "constructions",
    "draw_biases",
    "initialise",
    "parity_accuracy",
    "population_loss",
    "sgd_steps",
    "stable_rate",
    "table_rows",
]
