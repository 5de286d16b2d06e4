"""The reference backend: one autograd step a sample, in whatever precision the network has.

It says what the fast backends must compute. Slow on purpose.
"""

from __future__ import annotations

import torch

from lit_curriculum.models.mlp import MLP


def train(
    model: MLP, x: torch.Tensor, targets: torch.Tensor, rates: torch.Tensor, loss_scale: float
) -> torch.Tensor:
    """Take one SGD step a row; see `backends.train_samples` for the contract."""
    parameters = list(model.parameters())
    losses = torch.empty(len(x), dtype=x.dtype)
    for i in range(len(x)):
        log_p = torch.log_softmax(model(x[i : i + 1]), dim=1)[0]
        cross_entropy = -(targets[i] * log_p).sum()
        gradients = torch.autograd.grad(loss_scale * cross_entropy, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(rates[i] * gradient)
            losses[i] = cross_entropy + torch.xlogy(targets[i], targets[i]).sum()
    return losses
