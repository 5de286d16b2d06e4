"""A teacher's answer as its k likeliest classes and one bucket for all others, at any temperature.

The loss of such an answer is the divergence of the two coarsened distributions. Lumping classes together
never adds to a divergence, so it is a lower bound of the whole one, and equal to it where k reaches C.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from lit_curriculum.distillation.chunked import Head, check_student_temperature, chunked_loss
from lit_curriculum.distillation.targets import TINY, at_least_single, check_temperature
from lit_curriculum.errors import bad_value


@dataclass(frozen=True)
class TopK:
    """The answers to M questions.

    Attributes:
        classes: the k likeliest of each, the likeliest first, int64 (M, k).
        log_probability: of these, float32 (M, k).
        rest: the logarithm of what all others have together, float32 (M,); -inf where there are none. It is
            kept, as 1 - sum would have lost the digits of a small one.
    """

    classes: torch.Tensor
    log_probability: torch.Tensor
    rest: torch.Tensor

    @property
    def finite(self) -> bool:
        """Whether every answer is made of numbers."""
        return not bool(torch.isnan(self.log_probability).any())

    def to(self, device: torch.device | str) -> TopK:
        """Return the answers on a device."""
        return TopK(self.classes.to(device), self.log_probability.to(device), self.rest.to(device))

    def rows(self, some: slice) -> TopK:
        """Return the answers to some of the questions."""
        return TopK(self.classes[some], self.log_probability[some], self.rest[some])


@dataclass(frozen=True)
class _Split:
    """The logarithms of a softmax whose classes are lumped together.

    Attributes:
        top: of the chosen classes (M, k).
        rest: of all others together (M,).
        among: in what proportion the others share theirs, 0 for the chosen (M, C); None where all are chosen.
        whole: the sum of each row of it (M,).
    """

    top: torch.Tensor
    rest: torch.Tensor
    among: torch.Tensor | None
    whole: torch.Tensor


def top_k_answers(logits: torch.Tensor, tau: float, k: int) -> TopK:
    """Return the answers that logits (M, C) give at a temperature.

    Args:
        logits: of any precision; computed with in float32 or better.
        tau: the temperature; at 0 the first largest logit has everything.
        k: how many classes are kept; from C on, all of them.

    Returns:
        Answers of min(k, C) classes. Where the largest logit is not finite they are NaN.

    Raises:
        UsageError: for a temperature or k that is not allowed.
    """
    check_temperature(tau)
    if k < 1:
        raise bad_value("k", k, "a whole number >= 1")
    logits = at_least_single(logits.detach())
    best, first = logits.max(-1, keepdim=True)
    classes = logits.topk(min(k, logits.shape[-1]), dim=-1).indices
    # Of equal logits topk may take any; the first is the one that argmax means.
    classes = classes.where(classes != first, classes[:, :1])
    classes[:, :1] = first
    broken = (best - best).float()
    if tau == 0:
        log_probability = torch.full_like(classes, -torch.inf, dtype=torch.float32)
        log_probability[:, :1] = 0.0
        return TopK(classes, log_probability + broken, torch.full_like(broken[:, 0], -torch.inf))
    split = _split(_tempered(logits, tau), classes)
    return TopK(classes, split.top.float() + broken, split.rest.float())


def top_k_divergence(
    answers: TopK, student_logits: torch.Tensor, student_temperature: float = 1.0
) -> torch.Tensor:
    """Return the divergence of each row, a lower bound of KL(teacher || student).

    It is sum p (log p - log q) over the k classes, and r (log r - log(1 - sum q)) for the others, where the
    logarithm of what the student gives them is that of a sum over them, never of a difference.

    Args:
        answers: of M questions.
        student_logits: (M, C).
        student_temperature: above 0.

    Returns:
        (M,) in nats, float32 unless the logits are float64. It is exactly 0 for the logits (in float32) that
        the answers were made of at the same temperature.

    Raises:
        UsageError: for a shape or temperature that is not allowed.
    """
    check_student_temperature(student_temperature)
    if student_logits.dim() != 2 or len(student_logits) != len(answers.classes):
        raise bad_value("student_logits", tuple(student_logits.shape), f"a shape ({len(answers.classes)}, C)")
    found: torch.Tensor = _Divergence.apply(  # type: ignore[no-untyped-call]
        at_least_single(student_logits),
        answers.to(student_logits.device),
        student_temperature,
    )
    return found


def chunked_top_k(
    answers: TopK,
    student: Head,
    student_temperature: float = 1.0,
    weight: torch.Tensor | None = None,
    chunk_rows: int | None = None,
) -> torch.Tensor:
    """Return the mean over rows of `top_k_divergence`, without whole logits: see `chunked.chunked_kl`."""
    check_student_temperature(student_temperature)
    if student.shape[0] != len(answers.classes):
        raise bad_value("hidden", tuple(student.hidden.shape), f"a shape ({len(answers.classes)}, H)")
    told = answers.to(student.hidden.device)

    def of_rows(rows: slice, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        part = told.rows(rows)
        split = _split(_tempered(logits, student_temperature), part.classes)
        slopes = _slopes(part, split, student_temperature)
        return _losses(part, split), _by_logits(part.classes, split.among, *slopes, logits.shape)

    return chunked_loss(student, of_rows, weight, chunk_rows)


class _Divergence(torch.autograd.Function):
    """`top_k_divergence`; the exponentials of the forward pass are those of the gradient."""

    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, answers: TopK, temperature: float) -> torch.Tensor:
        split = _split(_tempered(logits, temperature), answers.classes)
        ctx.answers, ctx.shape = answers, logits.shape
        ctx.save_for_backward(*_slopes(answers, split, temperature), split.among)
        return _losses(answers, split)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        by_top, by_share, among = ctx.saved_tensors
        by_top, by_share = by_top * outer[:, None], by_share * outer
        return _by_logits(ctx.answers.classes, among, by_top, by_share, ctx.shape), None, None


def _tempered(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return logits whose softmax is that of logits / temperature, by the same operations for everyone."""
    if temperature == 1:
        return logits
    below = logits - logits.amax(-1, keepdim=True)
    if temperature < TINY:
        # The division may leave the range of float32; what is that unlikely has probability 0.
        return (below.double() / temperature).clamp_(min=-1e5).to(logits.dtype)
    return below.div_(temperature)


def _split(logits: torch.Tensor, classes: torch.Tensor) -> _Split:
    """Return the softmax of logits (M, C) lumped together but for some classes (M, k)."""
    top = logits.gather(1, classes)
    if classes.shape[1] == logits.shape[1]:
        nothing = torch.full_like(top[:, 0], -torch.inf)
        return _Split(torch.log_softmax(top, -1), nothing, None, torch.ones_like(nothing))
    # Not -inf: where all others are, their softmax is still made of numbers. In one tensor's memory: a second
    # one of this size would cost as much as its exponentials.
    among = logits.scatter(1, classes, torch.finfo(logits.dtype).min)
    largest = among.amax(-1)
    whole = among.sub_(largest[:, None]).exp_().sum(-1)
    log_rest = largest + whole.log()
    total = torch.logaddexp(top.logsumexp(-1), log_rest)
    return _Split(top - total[:, None], log_rest - total, among, whole)


def _losses(answers: TopK, split: _Split) -> torch.Tensor:
    """Return the divergences (M,); what has no probability counts for nothing."""
    dtype = split.top.dtype
    log_p, log_r = answers.log_probability.to(dtype), answers.rest.to(dtype)
    p, r = log_p.exp(), log_r.exp()
    terms = torch.where(p == 0, 0.0, p * (log_p - split.top))
    return terms.sum(-1) + torch.where(r == 0, 0.0, r * (log_r - split.rest))


def _slopes(answers: TopK, split: _Split, temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return d loss / d logits of the chosen classes (M, k), and of the others per unit of `among` (M,)."""
    p, r = answers.log_probability.to(split.top.dtype).exp(), answers.rest.to(split.rest.dtype).exp()
    mass = p.sum(-1) + r  # 1 up to rounding
    by_top = split.top.exp() * mass[:, None] - p
    return by_top / temperature, (split.rest.exp() * mass - r) / (split.whole * temperature)


def _by_logits(
    classes: torch.Tensor,
    among: torch.Tensor | None,
    by_top: torch.Tensor,
    by_share: torch.Tensor,
    shape: torch.Size,
) -> torch.Tensor:
    """Return d loss / d logits (M, C) from its parts."""
    gradient = by_top.new_zeros(shape) if among is None else among * by_share[:, None]
    return gradient.scatter_(1, classes, by_top)
