"""A LightningModule around the batch-1 engine: one Lightning batch holds many updates."""

from __future__ import annotations

from typing import Any, cast

import torch

from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.models.mlp import MLP
from lit_curriculum.online_sgd import answers_of, choose_backend, cut, train_samples
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.base_data import Batch, CurriculumData
from lit_curriculum.training.learning_rate import check_lr
from lit_curriculum.training.soundness import broken_teacher


class OnlineSGDModule(CurriculumModule):
    """An `MLP` trained by SGD at batch size 1 and constant learning rate, thousands of updates a Lightning
    batch.

    A Lightning step costs a millisecond, an update of a narrow network a microsecond. So the loop over
    updates is compiled, and this class only cuts it where a listener is due (`online_sgd.grid`).

    Args:
        model: an ``mlp`` description, see `models.registry.build`.
        lr: learning rate.
        backend: ``auto`` or a key of `online_sgd.BACKENDS`; provenance.json says which ran.
        block: updates between two places where rounding may depend on a cut.
        model_seed: seed of the initial weights.

    Raises:
        UsageError: for a rate that is not positive and finite, or a backend unfit for the device.
    """

    exact_answers = True
    ask = staticmethod(answers_of)
    precisions = ("32-true", "64-true")

    def __init__(self, model: dict[str, Any], lr: float, backend: str, block: int, model_seed: int) -> None:
        super().__init__(model, model_seed)
        check_lr(lr)
        if block < 1:
            raise bad_value("model.block", block, "an integer of at least 1")
        choose_backend(backend, device=None)
        self.automatic_optimization = False
        self.lr = lr
        self.backend = backend
        self.block = block

    def configure_optimizers(self) -> None:
        """No torch optimizer: the engine updates the weights."""
        return

    def check_data(self, data: CurriculumData) -> None:
        """Check that the model fits the data.

        Raises:
            UsageError: if the data's batch size is not 1, or the input dimensions differ.
        """
        super().check_data(data)
        if data.batch_size != 1:
            raise bad_value("data.batch_size", data.batch_size, "1 with batch-1 SGD")

    def on_fit_start(self) -> None:
        """Resolve the backend for the device."""
        self.check_data(self.data)
        self.backend_used = choose_backend(self.backend, self.device)

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Make the batch's updates, pausing wherever a listener is due."""
        self.check_position(batch)
        if self.supervision.teacher is not None and self.supervision.student_temperature != 1:
            raise UsageError("student_temperature: allowed: 1 with batch-1 SGD")
        origin, end = self.step, int(batch["last_step"])
        events = [listener.next_event for listener in self.listeners]
        for start, stop in cut(origin, end, self.block, events):
            rows = slice(start - origin, stop - origin)
            self._train(batch["inputs"][rows], batch["labels"][rows], start)
            self.advance_to(stop)

    def _train(self, x: torch.Tensor, labels: torch.Tensor, first_step: int) -> None:
        answer = self.supervision.targets(x, labels, self.n_classes, first_sample=first_step)
        assert isinstance(answer, torch.Tensor)  # SwapTeacher.check_run refuses any other kind here
        targets = answer.to(x.dtype)
        if self.supervision.broken:
            raise broken_teacher(self)
        rates = torch.full((len(x),), self.lr, dtype=x.dtype, device=x.device)
        losses = train_samples(
            cast(MLP, self.model),
            x,
            targets,
            rates,
            backend=self.backend_used,
            loss_scale=self.supervision.loss_scale,
            first_step=first_step,
        )
        self.add_loss(losses.double().sum(), len(x))
