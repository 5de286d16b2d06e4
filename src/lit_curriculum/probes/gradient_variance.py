"""How much a gradient tells of the target: its variance over random targets (subtask, equation 80).

Of a loss whose slope in the predictor's answer f(x) is a(f) - h(x), as that of (f - h)^2 / 2, only
E_x[h(x) grad f(x)] depends on the target h. Its variance over the targets is what Lemma 14 bounds by
E_x |grad f(x)|^2 / |H|. The logistic loss of equation 4 has the slope -h / (1 + exp(h f)), which is
tanh(f / 2) / 2 - h / 2: the same with a quarter of the variance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.func import functional_call, grad, vmap

from lit_curriculum.probes.evaluating import evaluating

Score = Callable[[Any], torch.Tensor]


@dataclass(frozen=True)
class GradientVariance:
    """What equation 80 and Lemma 14 compare, for a loss of slope one in the target.

    Attributes:
        variance: E_h |G_h - E_h' G_h'|^2 with G_h = E_x[h(x) grad f(x)].
        squared_norm: E_x |grad f(x)|^2.
        targets: |H|.
    """

    variance: float
    squared_norm: float
    targets: int

    @property
    def bound(self) -> float:
        """Lemma 14's bound."""
        return self.squared_norm / self.targets


def gradient_variance(
    model: nn.Module, score: Score, inputs: torch.Tensor, targets: torch.Tensor, chunk: int = 256
) -> GradientVariance:
    """Enumerate every input and every target.

    Args:
        model: in float64, since the variance may be 1e-20 of the squared norm.
        score: the predictor's answers f (n,) from the model's outputs for n inputs.
        inputs: all of them (N, ...), each as likely as any other.
        targets: values (|H|, N) of each target, 1 and -1.
        chunk: inputs whose gradients are held at a time.
    """
    parameters = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
    signal = [torch.zeros(len(targets), p.numel(), dtype=p.dtype) for p in parameters.values()]
    squared = 0.0
    # Eval mode, so that dropout is off; vmap's own gradients do not need autograd's.
    with evaluating(model):
        for rows, gradients in _gradients(model, score, parameters, inputs, chunk):
            for total, gradient in zip(signal, gradients, strict=True):
                total.addmm_(targets[:, rows].to(gradient.dtype), gradient)
                squared += float((gradient**2).sum())
    N = len(inputs)
    # Mean over the targets first: the difference of two nearly equal squares would lose all digits.
    variance = sum(float(((g - g.mean(0)) ** 2).sum()) for g in signal) / N**2 / len(targets)
    return GradientVariance(variance, squared / N, len(targets))


def _gradients(
    model: nn.Module, score: Score, parameters: dict[str, torch.Tensor], inputs: torch.Tensor, chunk: int
) -> Iterator[tuple[slice, list[torch.Tensor]]]:
    """Yield the gradients (n, P) of f for the rows of a chunk, a tensor for each parameter."""

    def answer(given: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return score(functional_call(model, given, (x[None],)))[0]

    of_each = vmap(grad(answer), in_dims=(None, 0))
    for start in range(0, len(inputs), chunk):
        rows = slice(start, min(start + chunk, len(inputs)))
        found = of_each(parameters, inputs[rows])
        yield rows, [gradient.flatten(1) for gradient in found.values()]
