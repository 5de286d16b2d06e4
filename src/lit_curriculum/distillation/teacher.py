"""The teacher at work: one frozen model at a time, kept outside the student's module tree."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from lit_curriculum.distillation.answers import is_sharp, sharp_answers
from lit_curriculum.distillation.bank import CheckpointBank
from lit_curriculum.distillation.label_cache import LabelShelf
from lit_curriculum.distillation.manifest import Checkpoint
from lit_curriculum.distillation.targets import count_close_calls, kl_to_student, teacher_probabilities
from lit_curriculum.models import Inputs, target_logits


@dataclass
class Supervision:
    """Where a student's targets come from: the labels, or a teacher if one is present.

    A plain object, never an `nn.Module`: what it holds is in nobody's state_dict, optimizer or DDP bucket.

    Attributes:
        teacher: the checkpoint's model, in eval mode and without gradients; None for labels.
        tau: temperature of the teacher.
        label_weight: share of the label in the target, 0 in the paper.
        scale_by_tau_squared: multiply the loss by tau^2, off in the paper.
        student_temperature: 1 in the paper.
        close_calls: how many of the teacher's answers so far were too close for a small tau to be argmax.
        shelf: where the answers of this teacher are kept and found, or None. Used at low temperatures,
            for batches that have a number.
    """

    teacher: nn.Module | None = None
    tau: float = 0.0
    label_weight: float = 0.0
    scale_by_tau_squared: bool = False
    student_temperature: float = 1.0
    close_calls: int = 0
    shelf: LabelShelf | None = None

    @property
    def loss_scale(self) -> float:
        """Factor on the descended loss."""
        return self.tau**2 if self.teacher is not None and self.scale_by_tau_squared else 1.0

    def targets(
        self, inputs: Inputs, labels: torch.Tensor, n_classes: int, index: int | None = None
    ) -> torch.Tensor:
        """Return target probabilities (M, C), a row for each prediction that the inputs ask for.

        Args:
            inputs: samples (n, ...) with M = n, or a masked language model's (`models.Inputs`).
            labels: class indices (M,).
            n_classes: C.
            index: number of the batch in its stream, by which a teacher's answers may be found again.
        """
        one_hot = nn.functional.one_hot(labels, n_classes).float()
        if self.teacher is None:
            return one_hot
        if isinstance(inputs, torch.Tensor) or not is_sharp(self.tau):
            probabilities = self._ask(inputs)
        else:
            probabilities = self._ask_sharply(inputs, n_classes, index, labels.device)
        if self.label_weight == 0:
            return probabilities
        return self.label_weight * one_hot + (1 - self.label_weight) * probabilities

    def _ask(self, inputs: Inputs) -> torch.Tensor:
        assert self.teacher is not None
        with torch.no_grad():
            logits = target_logits(self.teacher, inputs)
        if 0 < self.tau < 1e-2:
            self.close_calls += count_close_calls(logits, self.tau)
        return teacher_probabilities(logits, self.tau)

    def _ask_sharply(
        self, inputs: Inputs, n_classes: int, index: int | None, device: torch.device
    ) -> torch.Tensor:
        assert self.teacher is not None
        shelf = self.shelf if index is not None else None
        answers = shelf.get(index) if shelf is not None and index is not None else None
        if answers is None:
            with torch.no_grad():
                answers = sharp_answers(target_logits(self.teacher, inputs), self.tau)
            if shelf is not None and index is not None:
                shelf.put(index, answers)
        self.close_calls += answers.close_calls
        return answers.targets(n_classes, device)

    def loss(self, targets: torch.Tensor, student_logits: torch.Tensor) -> torch.Tensor:
        """Return the loss to descend, the mean over rows (eqs. 1 and 2), a scalar."""
        temperature = self.student_temperature if self.teacher is not None else 1.0
        losses = kl_to_student(targets, student_logits, temperature)
        # A share of a batch may hold no target at all; its loss is 0 and moves nothing.
        return self.loss_scale * (losses.mean() if len(losses) else losses.sum())


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
