"""SGD at batch size 1, without an autograd step a sample: one-hidden-layer networks and Elman networks."""

from lit_curriculum.online_sgd.backends import BACKENDS, choose_backend, train_samples
from lit_curriculum.online_sgd.elman_loop import train_elman
from lit_curriculum.online_sgd.grid import cut
from lit_curriculum.online_sgd.population import train_population
from lit_curriculum.online_sgd.precision import Kind, Precision
from lit_curriculum.online_sgd.wide_answers import answers_of

__all__ = [
    "BACKENDS",
    "Kind",
    "Precision",
    "answers_of",
    "choose_backend",
    "cut",
    "train_elman",
    "train_population",
    "train_samples",
]
