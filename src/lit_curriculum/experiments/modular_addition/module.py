"""A one-hidden-layer network on addition modulo p."""

from __future__ import annotations

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable

from lit_curriculum.errors import bad_value
from lit_curriculum.training.base_data import CurriculumData
from lit_curriculum.training.minibatch import MinibatchModule


class ModularAdditionMLP(MinibatchModule):
    """Reads two one-hot numbers, answers with one of p classes.

    Args:
        p: the modulus; must equal the data's.
        width: hidden units.
        optimizer: torch optimizer with its settings.
        lr_scheduler: stepped once an update.
        model_seed: seed of the initial weights.

    Raises:
        UsageError: naming the argument that is wrong.
    """

    def __init__(
        self,
        p: int,
        width: int = 128,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        lr_scheduler: LRSchedulerCallable | None = None,
        model_seed: int = 0,
    ) -> None:
        if p < 2:
            raise bad_value("model.p", p, "an integer of at least 2")
        model = {"name": "mlp", "init_args": {"d": 2 * p, "width": width, "n_classes": p}}
        super().__init__(model, optimizer, lr_scheduler, model_seed)
        self.p = p

    def check_data(self, data: CurriculumData) -> None:
        """Check that the data are of the same modulus.

        Raises:
            UsageError: if they are not.
        """
        super().check_data(data)
        if data.describe_task().get("p") != self.p:
            raise bad_value("model.p", self.p, f"the data's p = {data.describe_task().get('p')}")
