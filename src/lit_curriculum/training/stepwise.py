"""A module's training, some updates at a time, inside of another run: what `lit fit` does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import torch
from lightning.pytorch.trainer.states import TrainerFn
from torch import nn

from lit_curriculum.errors import NotFinite, UsageError, bad_value
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.base_data import CurriculumData
from lit_curriculum.training.soundness import check_run

PRECISION = "32-true"


class Stepwise:
    """Trains one of the suite's modules on one device, without evaluating it.

    Update for update it computes what `lit fit` of the same module and data computes: the batches are a
    function of the step, and no random number is drawn between them.

    Args:
        module: trained by autograd and one torch optimizer, or by a loop of its own.
        data: its data.

    Raises:
        UsageError: if they do not fit together, for dropout, or a precision other than float32.
    """

    def __init__(self, module: CurriculumModule, data: CurriculumData) -> None:
        module.check_data(data)
        module.check_precision(PRECISION)
        dropout = [part.p for part in module.model.modules() if isinstance(part, nn.Dropout) and part.p > 0]
        if dropout:
            # Its masks would depend on what else has drawn from torch's generator.
            raise bad_value("LiveTeacher.model.dropout", dropout[0], "0")
        self.module = module
        self.data = data
        self._optimizer: torch.optim.Optimizer | None = None
        self._scheduler: Any = None
        self._begun = False

    @property
    def step(self) -> int:
        """Updates made."""
        return self.module.step

    def begin(self, device: torch.device) -> None:
        """Put the module on its device and make its optimizer; once, before the first update."""
        if self._begun:
            return
        module, self._begun = self.module, True
        # All that a module asks of its trainer while it trains.
        trainer = SimpleNamespace(
            world_size=1,
            global_rank=0,
            local_rank=0,
            accumulate_grad_batches=1,
            callbacks=[],
            loggers=[],
            optimizers=[],
            precision=PRECISION,
            datamodule=self.data,
            state=SimpleNamespace(fn=TrainerFn.FITTING),
        )
        module.trainer = cast(Any, trainer)
        self.data.setup("fit")
        module.to(device).train()
        module.on_fit_start()
        configured = module.configure_optimizers()
        if isinstance(configured, dict):
            self._scheduler = cast(Any, configured)["lr_scheduler"]["scheduler"]
            configured = configured["optimizer"]
        self._optimizer = cast("torch.optim.Optimizer | None", configured)
        trainer.optimizers = [configured] if configured is not None else []

    def advance(self, step: int) -> None:
        """Train until so many updates have been made; a Lightning batch is taken whole.

        Raises:
            NotFinite: if a loss or a weight is not finite.
            RuntimeError: if ``step`` lies behind, or inside of a batch.
        """
        calls = self.data.steps_per_call
        if step < self.step or (step - self.step) % calls:
            raise RuntimeError(f"a training of {calls} updates a call cannot go from {self.step} to {step}")
        # The student's generator stays where it is, whatever a module draws.
        with torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.enable_grad():
            try:
                while self.step < step:
                    self._train(self.step // calls)
                check_run(self.module)
            except NotFinite as error:
                raise NotFinite(f"the live teacher: {error}") from error

    def _train(self, call: int) -> None:
        module, data = self.module, self.data
        batch = data.transfer_batch_to_device(data.whole_batch(call), module.device, 0)
        loss = cast(torch.Tensor, module.training_step(batch, call))
        if self._optimizer is None:
            return  # the module made its updates itself
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        if self._scheduler is not None:
            self._scheduler.step()
        module.on_train_batch_end(None, batch, call)

    def state_dict(self) -> dict[str, Any]:
        """Return weights, optimizer, schedule and step: tensors, numbers, lists and dicts alone."""
        return {
            "step": self.step,
            "model": self.module.model.state_dict(),
            "optimizer": None if self._optimizer is None else self._optimizer.state_dict(),
            "scheduler": None if self._scheduler is None else self._scheduler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state.

        Raises:
            UsageError: if it is another module's.
        """
        try:
            self.module.model.load_state_dict(state["model"])
            if self._optimizer is not None:
                self._optimizer.load_state_dict(state["optimizer"])
            if self._scheduler is not None:
                self._scheduler.load_state_dict(state["scheduler"])
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            said = " ".join(str(error).split())
            raise UsageError(
                f"LiveTeacher: the checkpoint holds another teacher's training ({said}); allowed: its own"
            ) from error
        self.module.step = int(state["step"])
