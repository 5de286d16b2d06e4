"""SGD at batch size 1 on a one-hidden-layer network, without an autograd step a sample."""

from lit_curriculum.online_sgd.backends import BACKENDS, choose_backend, train_samples
from lit_curriculum.online_sgd.grid import cut
from lit_curriculum.online_sgd.population import train_population

__all__ = ["BACKENDS", "choose_backend", "cut", "train_population", "train_samples"]
