"""The teacher at work: one frozen model at a time, kept outside the student's module tree."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from lit_curriculum.distillation.bank import Checkpoint, CheckpointBank
from lit_curriculum.distillation.targets import count_close_calls, kl_to_student, teacher_probabilities


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
    """

    teacher: nn.Module | None = None
    tau: float = 0.0
    label_weight: float = 0.0
    scale_by_tau_squared: bool = False
    student_temperature: float = 1.0
    close_calls: int = 0

    @property
    def loss_scale(self) -> float:
        """Factor on the descended loss."""
        return self.tau**2 if self.teacher is not None and self.scale_by_tau_squared else 1.0

    def targets(self, inputs: torch.Tensor, labels: torch.Tensor, n_classes: int) -> torch.Tensor:
        """Return target probabilities (n, C) for inputs (n, ...) with class indices (n,)."""
        one_hot = nn.functional.one_hot(labels, n_classes).float()
        if self.teacher is None:
            return one_hot
        with torch.no_grad():
            logits = self.teacher(inputs)
        if 0 < self.tau < 1e-2:
            self.close_calls += count_close_calls(logits, self.tau)
        probabilities = teacher_probabilities(logits, self.tau)
        return self.label_weight * one_hot + (1 - self.label_weight) * probabilities

    def loss(self, targets: torch.Tensor, student_logits: torch.Tensor) -> torch.Tensor:
        """Return the loss to descend, the mean over rows (eqs. 1 and 2), a scalar."""
        temperature = self.student_temperature if self.teacher is not None else 1.0
        return self.loss_scale * kl_to_student(targets, student_logits, temperature).mean()


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
