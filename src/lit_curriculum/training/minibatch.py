"""A LightningModule for ordinary minibatch training with autograd, on any number of devices."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable

from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.base_data import Batch, CurriculumData, weight_of_part
from lit_curriculum.training.learning_rate import WarmupDecay

_LOOKED_AT = 20_000
# What torch's optimizers say of a number, the key that it has, and what is allowed.
_SETTINGS = {
    "learning rate": ("lr", "a finite number > 0"),
    "weight_decay value": ("weight_decay", "a number of at least 0"),
    "momentum value": ("momentum", "a number of at least 0"),
    "epsilon value": ("eps", "a number of at least 0"),
    "beta parameter at index 0": ("betas", "two numbers of at least 0 and below 1"),
    "beta parameter at index 1": ("betas", "two numbers of at least 0 and below 1"),
}
_INVALID = re.compile(rf"Invalid ({'|'.join(_SETTINGS)}): (\S+)")


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
        self._targets: torch.Tensor | None = None

    def configure_optimizers(self) -> Any:
        """Return the optimizer, and the scheduler if there is one."""
        optimizer = self.make_optimizer()
        scheduler = self.make_scheduler(optimizer, self.data.num_steps)
        if scheduler is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def make_optimizer(self) -> torch.optim.Optimizer:
        """Return the optimizer of the model's parameters."""
        # With their names, by which Muon knows the matrices of hidden layers; torch's optimizers take either.
        return self._make_optimizer(self.model.named_parameters())

    def make_scheduler(self, optimizer: torch.optim.Optimizer, num_steps: int) -> Any:
        """Return the schedule of the learning rate, stepped once an update, or None for a constant one."""
        if self._make_scheduler is None:
            return None
        scheduler = self._make_scheduler(optimizer)
        if isinstance(scheduler, WarmupDecay):
            scheduler.of_run(num_steps)
        return scheduler

    def check_data(self, data: CurriculumData) -> None:
        """Check that model, data and optimizer fit together.

        Raises:
            UsageError: if they do not.
        """
        super().check_data(data)
        optimizer = _made("model.optimizer", self.make_optimizer)
        check_optimizer(optimizer)
        scheduler = _made("model.lr_scheduler", lambda: self.make_scheduler(optimizer, data.num_steps))
        if scheduler is not None:
            _made("model.lr_scheduler", lambda: check_scheduler(scheduler, optimizer, data.num_steps))

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """Return the loss of this device's share of the batch.

        Lightning takes the mean over devices and accumulation steps. It is the mean over all targets of the
        global batch, also where samples have different numbers of them.
        """
        self.check_position(batch)
        loss, count = self.batch_loss(batch)
        self.add_loss(loss.detach().double() * count, count)
        return loss if "targets" not in batch else loss * self._weight(batch, batch_idx)

    def _weight(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """Return the weight of a part; devices add up their targets once a step."""
        world, accumulate = self.trainer.world_size, self.trainer.accumulate_grad_batches
        if batch_idx % accumulate == 0 or self._targets is None:
            self._targets = batch["targets_of_step"].double()
            if world > 1:
                self._targets = self._targets.to(self.device)
                torch.distributed.all_reduce(self._targets)
        return weight_of_part(batch, self._targets, world * accumulate)

    def batch_loss(self, batch: Batch) -> tuple[torch.Tensor, int]:
        """Return the mean loss over a batch's targets, and how many they are."""
        logits, labels = self.logits_and_labels(batch)
        targets = self.supervision.targets(batch["inputs"], labels, logits.shape[-1], int(batch["index"]))
        return self.supervision.loss(targets, logits), len(logits)

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Count an update once all its accumulation steps are done."""
        if (batch_idx + 1) % self.trainer.accumulate_grad_batches == 0:
            self.advance_to(self.step + 1)


def check_optimizer(optimizer: torch.optim.Optimizer) -> None:
    """Check the numbers that torch lets pass and no run survives.

    Raises:
        UsageError: for a learning rate that is not above 0, or a setting that is not finite.
    """
    if isinstance(optimizer, torch.optim.LBFGS | torch.optim.SparseAdam):
        name = type(optimizer).__name__
        raise bad_value("model.optimizer", name, "an optimizer that takes one dense gradient an update")
    for group in optimizer.param_groups:
        if group.get("maximize"):
            raise bad_value("model.optimizer.maximize", True, "false: a loss is minimised")
        for key, value in group.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise bad_value(f"model.optimizer.{key}", value, "a finite number")
        if not group["lr"] > 0:
            raise bad_value("model.optimizer.lr", group["lr"], "a finite number > 0")


def check_scheduler(scheduler: Any, optimizer: torch.optim.Optimizer, num_steps: int) -> None:
    """Go through a schedule as a run would, up to `_LOOKED_AT` updates.

    Raises:
        UsageError: for one that is stepped by a metric, ends before the run, or gives no learning rate.
    """
    if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
        raise bad_value("model.lr_scheduler", "ReduceLROnPlateau", "a schedule of the updates alone")
    ends = getattr(scheduler, "total_steps", None)
    if ends is not None and ends < num_steps:
        raise bad_value("model.lr_scheduler.total_steps", ends, f"at least num_steps = {num_steps}")
    if isinstance(scheduler, WarmupDecay):
        return
    with warnings.catch_warnings():
        # No update is made between two steps of the schedule here.
        warnings.simplefilter("ignore")
        for step in range(min(num_steps, _LOOKED_AT)):
            for group in optimizer.param_groups:
                if not 0 <= group["lr"] < math.inf:
                    allowed = f"a schedule of learning rates >= 0, which it leaves at update {step}"
                    raise bad_value("model.lr_scheduler", float(group["lr"]), allowed)
            scheduler.step()


def _made(key: str, make: Callable[[], Any]) -> Any:
    """Return what torch makes of a user's settings; its complaints name the key."""
    try:
        return make()
    except UsageError:
        raise
    except (TypeError, ValueError, RuntimeError, KeyError, ZeroDivisionError) as error:
        text = " ".join(str(error).split())
        if found := _INVALID.fullmatch(text):
            name, allowed = _SETTINGS[found.group(1)]
            text = f"got {found.group(2)}; allowed: {allowed}"
            key = f"{key}.{name}"
        raise UsageError(f"{key}: {text}") from error
