"""A teacher that trains in its student's run: a bank whose checkpoints are made when they are due."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lightning import Trainer
from safetensors.torch import save
from torch import nn

from lit_curriculum.differences import first_difference
from lit_curriculum.distillation import Checkpoint, CheckpointBank, PeakOfEach, Reordered, Strategy, TwoShot
from lit_curriculum.distillation.manifest import unwritten
from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.models import describe, registry
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.base_data import CurriculumData
from lit_curriculum.training.description import describe_training
from lit_curriculum.training.stepwise import PRECISION, Stepwise

if TYPE_CHECKING:
    from lit_curriculum.callbacks.swap_teacher import SwapTeacher
    from lit_curriculum.distillation import Schedule


class LiveTeacher(CheckpointBank):
    """Stands for a bank in `SwapTeacher`: teacher and student in one run, the student an interval behind.

    When a checkpoint is due the teacher trains up to it, and a copy of its weights teaches. Nothing is
    stored, and the student is the same, bit for bit, as one taught by a bank that `lit fit` of the same
    model and data harvested every ``every_n_steps`` on the same kind of device. The teacher is in nobody's
    state_dict and optimizer; its training is in the callback's part of the student's checkpoints, and so is
    ``description``, all that is known of it as plain data (see `describe_training` for what is not). A
    checkpoint goes on with a teacher of the same description alone.

    Args:
        model: the teacher, a module of this suite that learns from labels, without dropout.
        data: what it learns from; ``num_steps`` is its length.
        every_n_steps: updates of the teacher between two checkpoints, as of `HarvestCheckpoints`; at student
            step s it has made at most s and these.

    Raises:
        UsageError: if model and data do not fit together, the model cannot teach or has dropout, or for an
            interval that is out of range or ends inside of a Lightning batch.
    """

    def __init__(self, model: CurriculumModule, data: CurriculumData, every_n_steps: int) -> None:
        if not model.teachable:
            raise bad_value("LiveTeacher.model", type(model).__name__, "a module whose answers can teach")
        last = data.num_steps
        if type(every_n_steps) is not int or not 1 <= every_n_steps <= last:
            allowed = f"an integer from 1 to the teacher's num_steps = {last}"
            raise bad_value("LiveTeacher.every_n_steps", every_n_steps, allowed)
        if every_n_steps % data.steps_per_call:
            allowed = f"a multiple of its data's steps_per_call = {data.steps_per_call}"
            raise bad_value("LiveTeacher.every_n_steps", every_n_steps, allowed)
        self.training = Stepwise(model, data)
        self.every_n_steps = every_n_steps
        self.description = {"every_n_steps": every_n_steps, **describe_training(model, data)}
        self._made: dict[int, str] = {}
        steps = [*range(every_n_steps, last, every_n_steps), last]
        manifest = unwritten(describe(model.model), data.describe_task(), steps, data.batch_size)
        super().__init__(Path(type(self).__name__), manifest)

    # --- what is refused --------------------------------------------------------------------------------

    def check_options(self, swap: SwapTeacher) -> None:
        """Check options of `SwapTeacher` that a stored bank can have and this cannot.

        Raises:
            UsageError: for a label cache, noise after the checkpoints' errors, or a strategy that chooses by
                metrics: nothing is evaluated.
        """
        if swap.label_cache:
            allowed = "false with a LiveTeacher, whose checkpoints no other student meets"
            raise bad_value("SwapTeacher.label_cache", True, allowed)
        if swap.noisy_labels:
            raise bad_value("SwapTeacher.noisy_labels", True, "false with a LiveTeacher, it is not evaluated")
        if _chooses_by_metric(swap.strategy):
            allowed = "one that names steps, a LiveTeacher is not evaluated"
            raise bad_value("SwapTeacher.strategy", type(swap.strategy).__name__, allowed)

    def check_trainer(self, trainer: Trainer) -> None:
        """Check how the student is trained.

        Raises:
            UsageError: for more than one device, or a precision other than float32.
        """
        if trainer.world_size != 1:
            raise bad_value("trainer.devices", trainer.world_size, "1 with a LiveTeacher")
        if str(trainer.precision) != PRECISION:
            raise bad_value("trainer.precision", trainer.precision, f"{PRECISION} with a LiveTeacher")

    def check_schedule(self, schedule: Schedule) -> None:
        """See `CheckpointBank.check_schedule`: no checkpoint is asked for too early, and none again.

        Raises:
            UsageError: naming the first that is.
        """
        for start, entry in zip(schedule.starts, schedule.teachers, strict=True):
            most = start + self.every_n_steps
            if entry.step > most:
                raise UsageError(
                    f"SwapTeacher.strategy: the teacher's step {entry.step} is to teach from the student's "
                    f"step {start} on, when a LiveTeacher has made at most {most}; allowed: a strategy "
                    "that is at most one interval ahead of the student, or a stored bank"
                )
        for before, after in pairwise(schedule.teachers):
            if after.step < before.step:
                raise UsageError(
                    f"SwapTeacher.strategy: the teacher's step {after.step} comes after {before.step}; "
                    "allowed: ascending steps with a LiveTeacher, which keeps no earlier one"
                )
        # A stored bank loads one here, and making a model draws from torch's generator: so a student with
        # dropout has the same masks under both.
        registry.build(self.model)

    # --- its checkpoints --------------------------------------------------------------------------------

    def is_here(self, entry: Checkpoint) -> bool:
        """Tell whether a checkpoint has been made."""
        return entry.step in self._made

    def digest(self, entry: Checkpoint) -> str:
        """Return the SHA-256 of the file that a harvest would have written; "" of what is still to come."""
        return self._made.get(entry.step, "")

    def load(self, entry: Checkpoint) -> nn.Module:
        """Train up to a checkpoint; return a copy of the model, in eval mode and without gradients.

        Raises:
            NotFinite: if the teacher's training breaks.
        """
        self.training.advance(entry.step)
        state = self.weights(entry)
        self._made[entry.step] = _digest(state)
        model = registry.build(self.model)
        registry.load_saved_state(model, state)
        return model.eval().requires_grad_(False)

    def weights(self, entry: Checkpoint) -> dict[str, torch.Tensor]:
        """Return the tensors of the checkpoint that the teacher is at, on the processor.

        Raises:
            UsageError: for another one.
        """
        if entry.step != self.training.step:
            raise bad_value("LiveTeacher: step", entry.step, f"{self.training.step}, where it is")
        saved = registry.state_for_saving(self.training.module.model.state_dict())
        return {name: tensor.cpu() for name, tensor in saved.items()}

    def verify(self, entry: Checkpoint) -> Path:
        """Refuse: there is no file.

        Raises:
            UsageError: always.
        """
        raise UsageError("LiveTeacher: its checkpoints are no files; allowed: a stored bank")

    # --- resuming ---------------------------------------------------------------------------------------

    def begin(self, device: torch.device, state: dict[str, Any] | None) -> None:
        """Make ready to train; from the state of a student's checkpoint if there is one.

        Raises:
            UsageError: if the state is another teacher's, or its weights are not those that taught.
        """
        if state is not None:
            self._check_described(state)
        self.training.begin(device)
        if state is None:
            return
        self.training.load_state_dict(state["training"])
        self._made = dict(state["sha256"])
        here = self.training.step
        entry = next((one for one in self if one.step == here), None)
        if entry is None or _digest(self.weights(entry)) != self._made.get(here):
            raise UsageError(
                f"LiveTeacher: the checkpoint's teacher at step {here} is not the one that taught; "
                "allowed: a checkpoint as the run left it"
            )

    def state_dict(self) -> dict[str, Any]:
        """Return the teacher's description, its training, and the hashes of what has taught, by step."""
        training = self.training.state_dict()
        return {"teacher": self.description, "training": training, "sha256": dict(self._made)}

    def _check_described(self, state: dict[str, Any]) -> None:
        # What only one of them tells is of another version of the suite.
        difference = first_difference(self.description, state.get("teacher", {}), shared=True)
        if difference:
            key, ours, theirs = difference
            raise UsageError(
                f"LiveTeacher.{key}: got {ours!r}, but the checkpoint's teacher has {theirs!r} and would go "
                "on with it; allowed: the same teacher"
            )


def _digest(state: dict[str, torch.Tensor]) -> str:
    return hashlib.sha256(save(state)).hexdigest()


def _chooses_by_metric(strategy: Strategy) -> bool:
    if isinstance(strategy, Reordered):
        return _chooses_by_metric(strategy.strategy)
    return isinstance(strategy, PeakOfEach) or (
        isinstance(strategy, TwoShot) and type(strategy.checkpoint) is not int
    )
