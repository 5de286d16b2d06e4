"""A LightningModule for ordinary minibatch training with autograd, on any number of devices."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable

from lit_curriculum.errors import UsageError
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.base_data import Batch, CurriculumData


class MinibatchModule(CurriculumModule):
    """One optimizer update a global batch, by Lightning's automatic optimization.

    Args:
        model: name and arguments as in `models.registry.build`.
        optimizer: torch optimizer with its settings.
        lr_scheduler: stepped once an update; None for a constant learning rate.
        model_seed: seed of the initial weights and of dropout.
    """

    def __init__(
        self,
        model: dict[str, Any],
        optimizer: OptimizerCallable,
        lr_scheduler: LRSchedulerCallable | None,
        model_seed: int,
    ) -> None:
        super().__init__(model, model_seed)
        self._make_optimizer = optimizer
        self._make_scheduler = lr_scheduler

    def configure_optimizers(self) -> Any:
        """Return the optimizer, and the scheduler if there is one."""
        optimizer = self.make_optimizer()
        scheduler = self.make_scheduler(optimizer)
        if scheduler is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def make_optimizer(self) -> torch.optim.Optimizer:
        """Return the optimizer of the model's parameters."""
        return self._make_optimizer(self.model.parameters())

    def make_scheduler(self, optimizer: torch.optim.Optimizer) -> Any:
        """Return the schedule of the learning rate, stepped once an update, or None for a constant one."""
        return self._make_scheduler(optimizer) if self._make_scheduler else None

    def check_data(self, data: CurriculumData) -> None:
        """Check that model, data and optimizer fit together.

        Raises:
            UsageError: if they do not.
        """
        super().check_data(data)
        try:
            self.make_optimizer()
        except (TypeError, ValueError) as error:
            raise UsageError(f"model.optimizer: {' '.join(str(error).split())}") from error

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """Return the loss of this device's share of the batch.

        Lightning takes the mean over devices and accumulation steps. ``part_weight`` makes it the mean over
        all targets of the global batch, also where samples have different numbers of them.
        """
        self.check_position(batch)
        loss, count = self.batch_loss(batch)
        self.add_loss(loss.detach().double() * count, count)
        weighted: torch.Tensor = loss * batch["part_weight"]
        return weighted

    def batch_loss(self, batch: Batch) -> tuple[torch.Tensor, int]:
        """Return the mean loss over a batch's targets, and how many they are."""
        logits, labels = self.logits_and_labels(batch)
        targets = self.supervision.targets(batch["inputs"], labels, logits.shape[-1], int(batch["index"]))
        return self.supervision.loss(targets, logits), len(logits)

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Count an update once all its accumulation steps are done."""
        if (batch_idx + 1) % self.trainer.accumulate_grad_batches == 0:
            self.advance_to(self.step + 1)
