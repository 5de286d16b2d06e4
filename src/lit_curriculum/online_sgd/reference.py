"""The reference backend: one autograd step a sample, in whatever precision the network has.

It says what the fast backends must compute. Slow on purpose.
"""

from __future__ import annotations

import torch

from lit_curriculum.models.mlp import MLP


def train(
    model: MLP,
    x: torch.Tensor,
    targets: torch.Tensor,
    rates: torch.Tensor,
    loss_scale: float,
    loss: str = "cross_entropy",
) -> torch.Tensor:
    """Take one SGD step a row; see `backends.train_samples` for the contract."""
    parameters = list(model.parameters())
    losses = torch.empty(len(x), dtype=x.dtype, device=x.device)
    for i in range(len(x)):
        logits = model(x[i : i + 1])[0]
        if loss == "hinge":
            descended = torch.relu(1 - targets[i] * logits).sum()
            constant = torch.zeros_like(descended)
        else:
            descended = -(targets[i] * torch.log_softmax(logits, dim=0)).sum()
            constant = torch.xlogy(targets[i], targets[i]).sum()
        gradients = torch.autograd.grad(loss_scale * descended, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(rates[i] * gradient)
            losses[i] = descended + constant
    return losses
