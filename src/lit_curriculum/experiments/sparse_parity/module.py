"""One-hidden-layer networks on sparse parity: batch-1 SGD as published, and a minibatch variant."""

from __future__ import annotations

from typing import Literal

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable

from lit_curriculum.training.minibatch import MinibatchModule
from lit_curriculum.training.online import OnlineSGDModule


class SparseParityMLP(OnlineSGDModule):
    """The published setting: SGD, batch 1, constant learning rate, fresh samples (progressive, C.1).

    Args:
        d: input dimension; must equal the data's.
        width: hidden units: 50,000 for the paper's teacher, 100 or 1,000 for its students.
        lr: learning rate; the paper searches 1e-2, 5e-3, 1e-3.
        model_seed: seed of the initial weights.
        backend: what runs the updates; ``auto`` chooses by device.
        block: updates between two allowed cuts.
    """

    def __init__(
        self,
        d: int,
        width: int,
        lr: float = 5e-3,
        model_seed: int = 0,
        backend: Literal["auto", "blocked", "numba", "reference", "triton"] = "auto",
        block: int = 1000,
    ) -> None:
        super().__init__(_mlp(d, width), lr, backend, block, model_seed)


class SparseParityMinibatchMLP(MinibatchModule):
    """The same network with minibatches, autograd and any torch optimizer.

    Args:
        d: input dimension; must equal the data's.
        width: hidden units.
        optimizer: torch optimizer with its settings.
        lr_scheduler: stepped once an update.
        model_seed: seed of the initial weights.
    """

    caches_labels = False

    def __init__(
        self,
        d: int,
        width: int,
        optimizer: OptimizerCallable = torch.optim.SGD,
        lr_scheduler: LRSchedulerCallable | None = None,
        model_seed: int = 0,
    ) -> None:
        super().__init__(_mlp(d, width), optimizer, lr_scheduler, model_seed)


def _mlp(d: int, width: int) -> dict[str, object]:
    return {"name": "mlp", "init_args": {"d": d, "width": width, "n_classes": 2}}
