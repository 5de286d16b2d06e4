"""Where a student's targets come from, and the loss that it descends (progressive, section 2)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

from lit_curriculum.distillation.targets import (
    dense,
    divergence,
    kl_to_student,
    narrow,
    one_hot,
)
from lit_curriculum.distillation.teacher import Teacher, Team
from lit_curriculum.distillation.top_k import TopK, top_k_divergence
from lit_curriculum.errors import bad_value
from lit_curriculum.finite import all_finite
from lit_curriculum.models import Inputs
from lit_curriculum.tasks.counter import random_words


@dataclass(frozen=True)
class LabelFlips:
    """Labels that are wrong at a given rate, another class drawn uniformly.

    Attributes:
        rate: share of wrong labels, 0 to 1.
        seed: of the draws; those of a batch depend on it and on the batch's number alone.
        first: the least class that is ever a label; wrong labels are never drawn below it (padding, [mask]).
    """

    rate: float
    seed: int
    first: int = 0

    def of(self, labels: torch.Tensor, n_classes: int, index: int | None, batches: int = 1) -> torch.Tensor:
        """Return labels with their errors.

        Args:
            labels: (M,), of ``batches`` batches of one size, one after the other.
            n_classes: classes, those below ``first`` included.
            index: number of the first batch.
            batches: how many they are; at batch size 1 as many as labels.

        Raises:
            UsageError: if the batch has no number.
        """
        if index is None:
            raise bad_value("SwapTeacher.noisy_labels", True, "false, batches have no numbers here")
        words = random_words(self.seed, "train", index, batches, 2 * len(labels) // batches, "choice")
        by_batch = words.reshape(batches, 2, -1).swapaxes(0, 1).reshape(2, -1)
        drawn = torch.from_numpy(by_batch.astype(np.int64)).to(labels.device)
        # A word is uniform below 2^32; the second chooses which of the other classes.
        wrong = drawn[0] < round(self.rate * 2**32)
        kinds = n_classes - self.first
        other = self.first + (labels - self.first + 1 + (drawn[1] * (kinds - 1) >> 32)) % kinds
        return torch.where(wrong, other, labels)


@dataclass
class Supervision:
    """The labels, or a teacher if one is present.

    A plain object, never an `nn.Module`: what it holds is in nobody's state_dict, optimizer or DDP bucket.

    Attributes:
        teacher: who answers; None for labels.
        label_weight: share of the label in the target, 0 in the paper.
        scale_by_tau_squared: multiply the loss by tau^2, off in the paper.
        student_temperature: 1 in the paper.
        flips: noise on the labels, a control of what a teacher's errors alone do; None in the paper.
        earlier_near_ties: those of the teachers before this one.
    """

    teacher: Teacher | Team | None = None
    label_weight: float = 0.0
    scale_by_tau_squared: bool = False
    student_temperature: float = 1.0
    flips: LabelFlips | None = None
    earlier_near_ties: int = 0
    _answer: torch.Tensor | TopK | None = None
    _members: dict[int, tuple[float, Teacher]] = field(default_factory=dict)

    @property
    def near_ties(self) -> int:
        """How many of all teachers' answers so far were too close for a small tau to be argmax."""
        return self.earlier_near_ties + (self.teacher.near_ties if self.teacher is not None else 0)

    @property
    def broken(self) -> bool:
        """Whether the teacher's latest answer holds what is no finite number."""
        if isinstance(self._answer, TopK):
            return not self._answer.finite
        return self._answer is not None and not all_finite([self._answer])

    @property
    def loss_scale(self) -> float:
        """Factor on the descended loss."""
        return self.teacher.tau**2 if self.teacher is not None and self.scale_by_tau_squared else 1.0

    def follow(self, teacher: Teacher, weight: float = 1.0, owner: object = None) -> None:
        """Take another teacher from now on.

        Args:
            teacher: who answers.
            weight: its share, where there are several; at 0 it is not asked.
            owner: whose teacher it takes the place of; that of others stays.
        """
        before = self._members.get(id(owner))
        self.earlier_near_ties += before[1].near_ties if before is not None else 0
        self._members[id(owner)] = (weight, teacher)
        self._choose()

    def leave(self, owner: object) -> None:
        """Let an owner's teacher go: what is trained later is not taught by it any more."""
        gone = self._members.pop(id(owner), None)
        if gone is not None:
            self.earlier_near_ties += gone[1].near_ties
            self._choose()
        if self.teacher is None:
            self.label_weight, self.scale_by_tau_squared, self.student_temperature = 0.0, False, 1.0

    def _choose(self) -> None:
        members = [member for member in self._members.values() if member[0] > 0]
        self.teacher = None if not members else members[0][1] if len(members) == 1 else Team(members)

    def targets(
        self,
        inputs: Inputs,
        labels: torch.Tensor,
        n_classes: int,
        index: int | None = None,
        first_sample: int | None = None,
    ) -> torch.Tensor | TopK:
        """Return target probabilities (M, C), a row for each prediction that the inputs ask for, or `TopK`.

        From `WIDE` classes on, targets that are one class each are given as these, int64 (M,).

        Args:
            inputs: as `Teacher.targets` takes them.
            labels: class indices (M,).
            n_classes: C.
            index: number of the batch in its stream, by which a teacher's answers may be found again.
            first_sample: where every sample is a batch of its own, the number of the first, in place of
                ``index``.
        """
        if self.flips is not None:
            labels = (
                self.flips.of(labels, n_classes, index)
                if first_sample is None
                else self.flips.of(labels, n_classes, first_sample, batches=len(labels))
            )
        if self.teacher is None:
            return narrow(labels, n_classes)
        number = index if first_sample is None else first_sample
        self._answer = answer = self.teacher.targets(inputs, n_classes, number)
        if self.label_weight == 0 or isinstance(answer, TopK):
            return answer
        return self.label_weight * one_hot(labels, n_classes) + (1 - self.label_weight) * dense(
            answer, n_classes
        )

    def loss(self, targets: torch.Tensor | TopK, student_logits: torch.Tensor) -> torch.Tensor:
        """Return the loss to descend, the mean over rows (eqs. 1 and 2), a scalar."""
        if isinstance(targets, TopK):
            losses = top_k_divergence(targets, student_logits, self.student_temperature)
        elif self.teacher is None:
            losses = divergence(targets, student_logits)
        elif self.teacher.tau != self.student_temperature or targets.dtype == torch.int64:
            # What a teacher says at another temperature, or as one class, is not what the student would.
            losses = divergence(targets, student_logits, self.student_temperature)
        else:
            losses = kl_to_student(targets, student_logits, self.student_temperature)
        # A share of a batch may hold no target at all; its loss is 0 and moves nothing.
        return self.loss_scale * (losses.mean() if len(losses) else losses.sum())
