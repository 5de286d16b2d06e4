"""The teacher at work: one frozen model at a time, at one temperature, asked batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from lit_curriculum.distillation.answers import Answers, is_sharp, sharp_answers
from lit_curriculum.distillation.bank import CheckpointBank
from lit_curriculum.distillation.label_cache import LabelShelf
from lit_curriculum.distillation.manifest import Checkpoint
from lit_curriculum.distillation.targets import count_near_ties, teacher_probabilities
from lit_curriculum.models import Inputs, target_logits


@dataclass
class Teacher:
    """A checkpoint's model, in eval mode and without gradients.

    Attributes:
        model: in nobody's state_dict, optimizer or DDP bucket.
        tau: its temperature.
        source: which checkpoint it is, for messages.
        near_ties: answers so far that were too close for a small tau to be argmax.
    """

    model: nn.Module
    tau: float
    source: str = "the teacher"
    near_ties: int = 0

    def targets(self, inputs: Inputs, n_classes: int, index: int | None = None) -> torch.Tensor:
        """Return target probabilities (M, C), a row for each prediction that the inputs ask for.

        Args:
            inputs: samples (n, ...) with M = n, or what else the model takes (`models.Inputs`).
            n_classes: C.
            index: number of the batch in its stream. With it a sharp answer is a class or two
                (`answers`), whether or not it is kept; without, a softmax.

        Where the logits are not finite the answer is NaN, and so is every loss that comes of it.
        """
        if index is None or not is_sharp(self.tau):
            logits = self.logits(inputs)
            if self.tau > 0 and is_sharp(self.tau):
                self.near_ties += count_near_ties(logits, self.tau)
            return teacher_probabilities(logits, self.tau)
        answers = self.answers(inputs, index)
        self.near_ties += answers.near_ties
        return answers.targets(n_classes, next(iter(_tensors(inputs))).device)

    def answers(self, inputs: Inputs, index: int) -> Answers:
        """Return the sharp answers to a batch."""
        return sharp_answers(self.logits(inputs), self.tau)

    def logits(self, inputs: Inputs) -> torch.Tensor:
        """Return logits (M, C), in the precision of the teacher's weights, whatever the student's is."""
        weights = next(self.model.parameters(), None)
        if weights is None:
            with torch.no_grad():
                return target_logits(self.model, inputs)
        with torch.no_grad(), _default_dtype(weights.dtype):
            return target_logits(self.model, _in_dtype(inputs, weights.dtype))


@dataclass
class CachedTeacher(Teacher):
    """A teacher whose sharp answers are looked up by the batch's number before the model is asked.

    Attributes:
        shelf: where this teacher's answers to this stream of batches are kept.
    """

    shelf: LabelShelf | None = None

    def answers(self, inputs: Inputs, index: int) -> Answers:
        """See `Teacher.answers`; what is not finite is not kept."""
        assert self.shelf is not None
        known = self.shelf.get(index)
        if known is None:
            known = super().answers(inputs, index)
            if known.finite:
                self.shelf.put(index, known)
        return known


def _tensors(inputs: Inputs) -> list[torch.Tensor]:
    return [inputs] if isinstance(inputs, torch.Tensor) else list(inputs.values())


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Make new tensors of this type: Lightning's low precisions change what a model makes in its forward."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _in_dtype(inputs: Inputs, dtype: torch.dtype) -> Inputs:
    if isinstance(inputs, torch.Tensor):
        return inputs.to(dtype) if inputs.is_floating_point() else inputs
    return {
        name: values.to(dtype) if values.is_floating_point() else values for name, values in inputs.items()
    }


class TeacherLoader:
    """Loads the checkpoints of a bank on demand and keeps the last one."""

    def __init__(self, bank: CheckpointBank) -> None:
        self.bank = bank
        self._held: tuple[Checkpoint, nn.Module] | None = None

    def get(self, entry: Checkpoint, device: torch.device | str) -> nn.Module:
        """Return the model of a checkpoint on a device, its file verified when it is read.

        Raises:
            UsageError: if the file is missing, altered or of another architecture.
        """
        if self._held is None or self._held[0] != entry:
            self._held = (entry, self.bank.load(entry))
        return self._held[1].to(device)
