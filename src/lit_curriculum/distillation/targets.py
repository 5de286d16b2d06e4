"""What a teacher tells its student, and the loss that listens (progressive, section 2, eqs. 1 and 2)."""

from __future__ import annotations

import torch

from lit_curriculum.errors import bad_value


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
        Probabilities (..., C), float32 unless the logits are float64.
    """
    check_temperature(tau)
    # A temperature below float32's range needs the wider exponent.
    if logits.dtype != torch.float64:
        logits = logits.double() if 0 < tau < 1e-30 else logits.float()
    if tau == 0:
        return torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    # The largest logit is taken off before dividing: at tau = 1e-20 the quotient would overflow.
    return torch.softmax((logits - logits.amax(-1, keepdim=True)) / tau, dim=-1)


def count_close_calls(logits: torch.Tensor, tau: float, margin: float = 20.0) -> int:
    """Count rows where a small tau is not the same as argmax: top two logits within ``margin * tau``.

    At 20 tau the second class still has a probability of 2e-9, less than float32 resolves beside 1.
    """
    top = logits.float().topk(2, dim=-1).values
    return int((top[..., 0] - top[..., 1] < margin * tau).sum())


def kl_to_student(
    targets: torch.Tensor, student_logits: torch.Tensor, student_temperature: float = 1.0
) -> torch.Tensor:
    """Return KL(target || p_S) of each row (eq. 2); with a one-hot target, the cross-entropy (eq. 1).

    Args:
        targets: probabilities (n, C).
        student_logits: (n, C).
        student_temperature: 1 in the paper.

    Returns:
        (n,) in nats.
    """
    log_p = torch.log_softmax(student_logits / student_temperature, dim=-1)
    targets = targets.to(log_p.dtype)
    return (torch.xlogy(targets, targets) - targets * log_p).sum(-1)
