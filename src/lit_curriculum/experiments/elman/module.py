"""Algorithms 1 to 3 of subtask, and Adam, on the recurrent weights of an Elman network."""

from __future__ import annotations

from typing import cast

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable

from lit_curriculum.errors import bad_value
from lit_curriculum.experiments.elman.data import ElmanData
from lit_curriculum.models import ElmanRNN
from lit_curriculum.online_sgd import Kind, Precision, cut, train_elman
from lit_curriculum.training.base_data import Batch, CurriculumData
from lit_curriculum.training.decomposed import DecomposedModule
from lit_curriculum.training.learning_rate import check_lr
from lit_curriculum.training.minibatch import MinibatchModule


class ElmanSGD(DecomposedModule):
    """Algorithm 1, and with ``sigma`` above 0 algorithm 2: SGD on one string at a time.

    The loop over updates is compiled and runs on the CPU; a Lightning batch holds ``steps_per_call`` of
    them. Metrics are those of `DecomposedModule`.

    Args:
        width: hidden units m.
        lr: rate eta; theorem 2's 1 / (m sqrt(num_steps)) moves too little (`lit reproduce subtask-rate`).
        sigma: precision: largest error of an entry of the gradient. The theorems have O(1 / m).
        precision: ``grid`` rounds to multiples of 2 sigma, ``sign`` is the worst approximation; see
            `online_sgd.Precision`.
        model_seed: seed of the initial weights, trained or not.

    Raises:
        UsageError: naming the argument that is wrong.
    """

    data_class = ElmanData
    precisions = ("32-true",)

    def __init__(
        self,
        width: int,
        lr: float = 0.01,
        sigma: float = 0.0,
        precision: Kind = "grid",
        model_seed: int = 0,
    ) -> None:
        check_lr(lr)
        self.precision = Precision(sigma, precision)
        super().__init__(_elman(width), model_seed)
        self.automatic_optimization = False
        self.lr = lr

    def configure_optimizers(self) -> None:
        """No torch optimizer: the compiled loop updates the weights."""
        return

    def check_data(self, data: CurriculumData) -> None:
        """Check that the data are an `ElmanData` with one string a step.

        Raises:
            UsageError: if they are not.
        """
        super().check_data(data)
        if data.batch_size != 1 or cast(ElmanData, data).population:
            raise bad_value(
                "data.batch_size", data.batch_size, "1 with ElmanSGD; ElmanMinibatch takes others"
            )

    def on_fit_start(self) -> None:
        """Check the device.

        Raises:
            UsageError: for another device than the CPU.
        """
        if self.device.type != "cpu":
            raise bad_value("trainer.accelerator", self.device.type, "cpu with ElmanSGD")

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Make the batch's updates, pausing wherever a listener is due."""
        self.check_position(batch)
        origin, end = self.step, int(batch["last_step"])
        events = [listener.next_event for listener in self.listeners]
        for start, stop in cut(origin, end, end, events):
            rows = slice(start - origin, stop - origin)
            strings, labels = batch["inputs"][rows], batch["labels"][rows]
            model = cast(ElmanRNN, self.model)
            losses = train_elman(model, strings, labels, self.lr, self.precision, start)
            self.add_loss(losses.double().sum(), len(strings))
            self.advance_to(stop)


class ElmanMinibatch(DecomposedModule, MinibatchModule):
    """Algorithm 3 where the data are the population; otherwise ordinary minibatches; SGD or Adam.

    Metrics are those of `DecomposedModule`. The gradient is approximated after devices and accumulation
    steps have been averaged, and before the optimizer sees it.

    Args:
        width: hidden units m.
        optimizer: torch optimizer with its settings: SGD as in the paper, Adam as a practical baseline.
        lr_scheduler: stepped once an update; none in the paper.
        sigma: see `ElmanSGD`.
        precision: see `ElmanSGD`.
        model_seed: seed of the initial weights, trained or not.

    Raises:
        UsageError: naming the argument that is wrong.
    """

    data_class = ElmanData

    def __init__(
        self,
        width: int,
        optimizer: OptimizerCallable = torch.optim.SGD,
        lr_scheduler: LRSchedulerCallable | None = None,
        sigma: float = 0.0,
        precision: Kind = "grid",
        model_seed: int = 0,
    ) -> None:
        self.precision = Precision(sigma, precision)
        super().__init__(_elman(width), optimizer, lr_scheduler, model_seed)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Replace the gradient by its approximation."""
        for parameter in self.model.parameters():
            if parameter.grad is not None:
                parameter.grad.copy_(self.precision(parameter.grad))


def _elman(width: int) -> dict[str, object]:
    return {"name": "elman", "init_args": {"width": width}}
