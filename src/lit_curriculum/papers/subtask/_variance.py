"""Models, training and rows of the gradient variance's figure (subtask, appendix F)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lit_curriculum.reproduce.results import PerSeed, Results, Row
from lit_curriculum.reproduce.study import Scale
from lit_curriculum.theory import uncorrelated

RNN, NARROW, LARGE, MLP = "RNN", "GPT-2, init 0.02", "GPT-2, init 0.1", "MLP"
MODELS = (RNN, NARROW, LARGE, MLP)
INITIAL, TRAINED = "initialisation", "trained"
STATES = (INITIAL, TRAINED)


@dataclass(frozen=True)
class Variance:
    """What a scale sets.

    Attributes:
        sizes: numbers of bits d; all strings and all parities over d / 2 of them are enumerated.
        gpt2_sizes: those of GPT-2, whose gradients cost most.
        width: hidden units of the RNN and the MLP; gpt2_width: of GPT-2, with two layers and two heads.
        num_steps, batch_size, lr: training by Adam on one of the parities.
        seeds: of the initial weights, the parity and the strings of training.
    """

    sizes: tuple[int, ...]
    gpt2_sizes: tuple[int, ...]
    width: int = 32
    gpt2_width: int = 16
    num_steps: int = 100
    batch_size: int = 32
    lr: float = 3e-3
    seeds: tuple[int, ...] = (0, 1, 2)
    tuning_seeds: tuple[int, ...] = (100, 101)

    def sizes_of(self, model: str) -> tuple[int, ...]:
        """Return a model's sizes."""
        return self.gpt2_sizes if model in (NARROW, LARGE) else self.sizes


SETTINGS: dict[Scale, Variance] = {
    "smoke": Variance(
        sizes=(4, 6), gpt2_sizes=(4, 6), width=4, gpt2_width=4, num_steps=2, seeds=(0,), tuning_seeds=()
    ),
    "laptop": Variance(sizes=(4, 6, 8, 10, 12), gpt2_sizes=(4, 6, 8, 10), seeds=tuple(range(10))),
    "paper": Variance(
        sizes=(4, 6, 8, 10, 12, 14),
        gpt2_sizes=(4, 6, 8, 10, 12),
        num_steps=1000,
        seeds=tuple(range(10)),
    ),
}


# --- measuring --------------------------------------------------------------------------------------------


def variance_rows(setting: Variance, name: str, d: int, seed: int) -> list[Row]:
    """Measure a model as it is drawn, and after it was trained on one parity."""
    import torch

    from lit_curriculum.probes.gradient_variance import gradient_variance

    model = _build(setting, name, d, seed)
    inputs = _inputs(name, torch.from_numpy(uncorrelated.strings(d)))
    targets = torch.from_numpy(uncorrelated.parities(d))
    rows = []
    for state in STATES:
        if state == TRAINED:
            _train(setting, model, inputs, _target(d, seed), seed)
        found = gradient_variance(model, _score, inputs, targets)
        row = {"arm": name, "seed": seed, "step": setting.num_steps if state == TRAINED else 0}
        for metric, value in (("variance", found.variance), ("squared_norm", found.squared_norm)):
            rows.append({**row, "metric": metric, "value": value, "d": d})
    return rows


def _build(setting: Variance, name: str, d: int, seed: int) -> Any:
    from lit_curriculum.models import build

    if name == RNN:
        described = {"name": "elman", "init_args": {"width": setting.width}}
    elif name == MLP:
        described = {"name": "mlp", "init_args": {"d": d, "width": setting.width}}
    else:
        sizes = {"vocab_size": 2, "max_length": d, "layers": 2, "heads": 2, "width": setting.gpt2_width}
        arguments = {**sizes, "initializer_range": 0.02 if name == NARROW else 0.1}
        described = {"name": "gpt2_decoder", "init_args": arguments}
    # In float64: the smallest variances lie far below the rounding of float32.
    return build(described, seed=seed).double()


def _inputs(name: str, x: Any) -> Any:
    """Return what a model reads: tokens, or for the MLP 1 and -1."""
    return 1.0 - 2.0 * x.double() if name == MLP else x


def _score(logits: Any) -> Any:
    """Return f (n,), positive for y = 1, of logits (n, 2) or (n, L, 2)."""
    last = logits if logits.ndim == 2 else logits[:, -1]
    return last[:, 1] - last[:, 0]


def _target(d: int, seed: int) -> Any:
    """Return the values (2^d,), 1 and -1, of the parity that a seed draws."""
    import torch

    from lit_curriculum.tasks.bit_subset_parity import BitSubsetParity

    task = BitSubsetParity.create(d, seed, subtask_labels=False)
    return torch.from_numpy(2.0 * task.labels(uncorrelated.strings(d))[:, 0] - 1)


def _train(setting: Variance, model: Any, inputs: Any, y: Any, seed: int) -> None:
    """Make Adam's updates with the loss of equation 4 on uniform strings."""
    import torch
    from torch.nn import functional

    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=setting.lr)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(setting.num_steps):
        rows = torch.randint(len(inputs), (setting.batch_size,), generator=generator)
        optimizer.zero_grad()
        loss: Any = functional.softplus(-y[rows] * _score(model(inputs[rows]))).mean()
        loss.backward()
        optimizer.step()


# --- from the results alone -------------------------------------------------------------------------------


def shares(results: Results, model: str, state: str, sizes: Sequence[int]) -> dict[int, list[float]]:
    """Return each seed's variance / E|grad f|^2, d ascending; the bound of it is 1 / |H|."""
    first = state == INITIAL
    found: dict[int, list[float]] = {}
    for d in sizes:
        of_size = results.where(d=d)
        variance, norm = (
            of_size.first(model, metric) if first else of_size.final(model, metric)
            for metric in ("variance", "squared_norm")
        )
        for seed, share in (variance / norm).items():
            found.setdefault(seed, []).append(share)
    return found


def slopes(results: Results, model: str, state: str, sizes: Sequence[int]) -> PerSeed:
    """Return the least-squares slope of log (variance / E|grad f|^2) against log |H|; the bound's is -1.

    The squared norm has a slope of its own, which says nothing of the target: for some models it grows
    with d. nan where a variance is 0.
    """
    targets = np.log([uncorrelated.hypotheses(d) for d in sizes])

    def slope(of_seed: list[float]) -> float:
        return float(np.polyfit(targets, np.log(of_seed), 1)[0]) if min(of_seed) > 0 else math.nan

    return PerSeed({seed: slope(of) for seed, of in shares(results, model, state, sizes).items()})
