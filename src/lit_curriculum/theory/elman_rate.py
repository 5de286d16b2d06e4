"""How far theorem 2's learning rate moves an Elman network (`subtask`, theorems 2 and 3).

An update at the rate eta moves an output f by at most eta |grad f|^2, to first order and where all strings
agree, since the loss has a slope of at most 1 in f. Theorem 2 takes eta = 1 / (m sqrt(n)) over n updates.
With algorithm 1's output weights B ~ N(0, 1 / m), |grad f|^2 does not grow with the width m, so n updates
move an output by O(sqrt(n) / m), which vanishes for the wide networks that the theorem is about. With
B ~ N(0, 1) |grad f|^2 grows like m, and outputs can move by O(sqrt(n)).
"""

from __future__ import annotations

import math

import torch

from lit_curriculum.errors import bad_value
from lit_curriculum.models import ElmanRNN


def network(m: int, seed: int, unit_output: bool = False) -> ElmanRNN:
    """Return algorithm 1's network in float64, its W, A, M_0 and B as they are drawn.

    Args:
        m: width.
        seed: of the weights.
        unit_output: multiply B by sqrt(m), so that its entries have variance 1 instead of 1 / m.

    Raises:
        UsageError: for a width below 1.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ElmanRNN(m).double()
    if unit_output:
        model.B.mul_(math.sqrt(m))
    return model


def squared_gradient(model: ElmanRNN, strings: torch.Tensor) -> float:
    """Return the mean over strings of |df_T / dW|^2, f_T the last output.

    Args:
        model: see `network`.
        strings: tokens (n, T).
    """
    found = []
    for string in strings:
        (gradient,) = torch.autograd.grad(outputs(model, string[None]).sum(), model.W)
        found.append(float(gradient.square().sum()))
    return sum(found) / len(found)


def moved(model: ElmanRNN, strings: torch.Tensor, labels: torch.Tensor, n: int) -> float:
    """Return how far n updates of algorithm 1 at theorem 2's rate move f_T, on average over the strings.

    Args:
        model: see `network`; its W is trained.
        strings: tokens (N, T), which are taken by turns.
        labels: -1 or 1 (N,), of the last output.
        n: updates.

    Raises:
        UsageError: for fewer updates than one.
    """
    if n < 1:
        raise bad_value("n", n, "at least 1")
    eta = 1 / (len(model.W) * math.sqrt(n))
    before = outputs(model, strings).detach()
    for i in range(n):
        row = slice(i % len(strings), i % len(strings) + 1)
        loss = torch.nn.functional.softplus(-labels[row] * outputs(model, strings[row])).sum()
        (gradient,) = torch.autograd.grad(loss, model.W)
        with torch.no_grad():
            model.W.sub_(gradient, alpha=eta)
    return float((outputs(model, strings).detach() - before).abs().mean())


def outputs(model: ElmanRNN, strings: torch.Tensor) -> torch.Tensor:
    """Return f_T (n,) of strings (n, T)."""
    found: torch.Tensor = model(strings, first=strings.shape[1] - 1)[:, 0, 1]
    return found
