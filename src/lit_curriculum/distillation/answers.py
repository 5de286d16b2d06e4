"""A teacher's answers in few bytes: at a low temperature nearly every one is a single class.

Below the temperature `SHARP` an answer is the class of the largest logit, unless others come within
`MARGIN` * tau of it. Such a near-tie keeps each of these classes with its probability; what lies further
below has less than 2.1e-9 and is left out. At tau = 0 there are no near-ties.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lit_curriculum.distillation.targets import at_least_single, closer_than, one_hot, teacher_probabilities
from lit_curriculum.finite import all_finite

SHARP = 1e-2
MARGIN = 20.0


@dataclass(frozen=True)
class Answers:
    """The answers to M questions.

    Attributes:
        top: the likeliest class of each, int64 (M,).
        row: question of each class of a near-tie, ascending, int64 (K,).
        other: that class (the likeliest one is among them), int64 (K,).
        probability: its probability, float32 (K,).
        finite: whether the logits were; if not, every target is NaN.
    """

    top: torch.Tensor
    row: torch.Tensor
    other: torch.Tensor
    probability: torch.Tensor
    finite: bool = True

    @property
    def near_ties(self) -> int:
        """How many questions have a second class within the margin."""
        return len(torch.unique_consecutive(self.row))

    def targets(self, n_classes: int, device: torch.device) -> torch.Tensor:
        """Return the target probabilities, float32 (M, C)."""
        top = self.top.to(device)
        targets = one_hot(top, n_classes)
        if not self.finite:
            return torch.full_like(targets, float("nan"))
        if len(self.row):
            row, other = self.row.to(device), self.other.to(device)
            targets[row, other] = self.probability.to(device)
        return targets


def is_sharp(tau: float) -> bool:
    """Tell whether answers at this temperature are kept as `Answers`."""
    return tau < SHARP


def sharp_answers(logits: torch.Tensor, tau: float) -> Answers:
    """Return the answers that logits (M, C) give at a temperature below `SHARP`.

    Args:
        logits: of any precision; float64 is looked at as it is, less as float32.
        tau: the temperature.
    """
    logits = at_least_single(logits)
    best, top = logits.max(-1)
    finite = all_finite([logits])
    if tau == 0 or not finite:
        # Types are named: in training in low precision torch's default is another.
        nothing = torch.zeros(0, dtype=torch.int64, device=logits.device)
        none = torch.zeros(0, dtype=torch.float32, device=logits.device)
        return Answers(top, nothing, nothing, none, finite)
    within = closer_than(MARGIN * tau, best[:, None], logits)
    within &= within.sum(-1, keepdim=True) > 1
    row, other = within.nonzero(as_tuple=True)
    return Answers(top, row, other, teacher_probabilities(logits, tau)[row, other].float())
