"""What a teacher tells its student, and the loss that listens (progressive, section 2, eqs. 1 and 2)."""

from __future__ import annotations

import torch

from lit_curriculum.errors import bad_value

TINY = 1e-30
"""Below this temperature differences and quotients leave the range of float32."""

# Far more than rounding makes of a divergence of 0, far less than one that matters.
_ROUNDING = 1e-3


WIDE = 1024
"""From so many classes on, targets of one class each stay class indices: their rows would be mostly zeros."""


def one_hot(classes: torch.Tensor, n_classes: int) -> torch.Tensor:
    """Return float32 (M, C) for class indices (M,)."""
    return torch.nn.functional.one_hot(classes, n_classes).float()


def narrow(classes: torch.Tensor, n_classes: int) -> torch.Tensor:
    """Return class indices (M,) as they are from `WIDE` classes on, else as rows (M, C)."""
    return classes if n_classes >= WIDE else one_hot(classes, n_classes)


def dense(targets: torch.Tensor, n_classes: int) -> torch.Tensor:
    """Return probabilities (M, C) of targets that may be class indices (M,)."""
    return one_hot(targets, n_classes) if targets.dtype == torch.int64 else targets


def check_temperature(tau: float) -> float:
    """Return tau if it is a temperature.

    Raises:
        UsageError: for a negative or non-finite value.
    """
    if not 0 <= tau < float("inf"):
        raise bad_value("tau", tau, "a finite temperature >= 0; 0 means argmax")
    return tau


def teacher_probabilities(logits: torch.Tensor, tau: float) -> torch.Tensor:
    """Return p_T(x; tau) = softmax(logits / tau), computed in float32 or better.

    Args:
        logits: (..., C).
        tau: temperature of the teacher; the student's is 1. At 0 the answer is one-hot at the first
            largest logit.

    Returns:
        Probabilities (..., C), float32 unless the logits are float64. A row whose largest logit is not a
        finite number is NaN, so that whoever learns from it notices.
    """
    check_temperature(tau)
    logits = at_least_single(logits)
    if tau == 0:
        best, top = logits.max(-1, keepdim=True)
        one_hot = torch.zeros_like(logits).scatter_(-1, top, 1.0)
        return one_hot + (best - best)
    # The largest logit is taken off before dividing: at tau = 1e-20 the quotient would overflow.
    below = logits - logits.amax(-1, keepdim=True)
    if tau < TINY:
        return torch.softmax(below.double() / tau, dim=-1).to(logits.dtype)
    return torch.softmax(below / tau, dim=-1)


def at_least_single(logits: torch.Tensor) -> torch.Tensor:
    """Return logits in float32, or as they are if that is more."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def count_near_ties(logits: torch.Tensor, tau: float, margin: float = 20.0) -> int:
    """Count rows where a small tau is not the same as argmax: top two logits within ``margin * tau``.

    At 20 tau the second class still has a probability of 2e-9, less than float32 resolves beside 1.
    """
    top = at_least_single(logits).topk(2, dim=-1).values
    return int(closer_than(margin * tau, top[..., 0], top[..., 1]).sum())


def closer_than(distance: float, best: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Tell which of the others lie less than a distance below the best; the distance may be tiny."""
    below = best - others
    # As a float32 a distance below its range would be 0, and equal logits no near-tie.
    return (below.double() if distance < TINY else below) < distance


def kl_to_student(
    targets: torch.Tensor, student_logits: torch.Tensor, student_temperature: float = 1.0
) -> torch.Tensor:
    """Return KL(target || p_S) of each row (eq. 2); with a one-hot target, the cross-entropy (eq. 1).

    Args:
        targets: probabilities (n, C).
        student_logits: (n, C).
        student_temperature: 1 in the paper.

    Returns:
        (n,) in nats, in float32 unless the logits are float64. It is exactly 0 for the student's own
        probabilities, as `teacher_probabilities` gives them at the student's temperature.
    """
    logits = at_least_single(student_logits)
    found = divergence(targets, logits, student_temperature)
    if found.device.type == "cpu" and not bool((found.detach() < _ROUNDING).any()):
        return found  # the usual case, for less; on a GPU looking would take longer
    with torch.no_grad():
        own = (targets == teacher_probabilities(logits, student_temperature)).all(-1)
        rounding = torch.where(own, found, 0.0)
    return found - rounding


def divergence(
    targets: torch.Tensor, student_logits: torch.Tensor, student_temperature: float = 1.0
) -> torch.Tensor:
    """Return what `kl_to_student` does, up to rounding also for the student's own probabilities.

    Targets of one class each may be these classes, int64 (n,).
    """
    if targets.dtype == torch.int64 and targets.dim() == student_logits.dim() - 1:
        logits = at_least_single(student_logits) / student_temperature
        return torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    log_p = torch.log_softmax(at_least_single(student_logits) / student_temperature, dim=-1)
    targets = targets.to(log_p.dtype)
    return (torch.xlogy(targets, targets) - targets * log_p).sum(-1)
