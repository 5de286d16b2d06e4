"""Losses of a student from its hidden states, a few rows at a time: logits of a vocabulary are never whole.

Where M rows have V classes, their logits, log-probabilities and gradients are the largest tensors of a step.
Here a chunk of rows has its logits made, its losses and their gradients taken, and is forgotten: the forward
pass leaves the gradients of the hidden states and of the head, which backward only scales. Chunks cost the
same products as the direct way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

from lit_curriculum.distillation.targets import TINY, at_least_single, check_temperature
from lit_curriculum.errors import bad_value
from lit_curriculum.tasks.vocabulary import IGNORED_LABEL

CHUNK_BYTES = 32 * 2**20
"""About what the temporaries of a chunk take together."""

# Tensors of a chunk's logits that are alive at the same time, in float32.
_ALIVE = 4
# Below it an exponential is 0 in every precision.
_NEVER = -1e5

RowLoss = Callable[[slice, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""From some rows and the student's logits for them (m, V), their losses (m,) and d loss / d logits (m, V).

The logits are float32 or better and may be overwritten.
"""


@dataclass(frozen=True)
class Head:
    """What logits are made of: ``hidden @ weight.T + bias``.

    Attributes:
        hidden: (M, H).
        weight: (V, H).
        bias: (V,), or None.
    """

    hidden: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor | None = None

    def __post_init__(self) -> None:
        if self.hidden.dim() != 2:
            raise bad_value("hidden", tuple(self.hidden.shape), "a shape (M, H)")
        if self.weight.dim() != 2 or self.weight.shape[1] != self.hidden.shape[1]:
            raise bad_value("weight", tuple(self.weight.shape), f"a shape (V, {self.hidden.shape[1]})")
        if self.bias is not None and self.bias.shape != self.weight.shape[:1]:
            raise bad_value("bias", tuple(self.bias.shape), f"a shape ({self.weight.shape[0]},)")

    @property
    def shape(self) -> tuple[int, int]:
        """(M, V), the shape of the logits."""
        return self.hidden.shape[0], self.weight.shape[0]

    def logits(self, rows: slice) -> torch.Tensor:
        """Return the logits of some rows (m, V), in float32 or better."""
        return at_least_single(linear(self.hidden[rows], self.weight, self.bias))

    def detached(self) -> Head:
        """Return the head without gradients."""
        bias = None if self.bias is None else self.bias.detach()
        return Head(self.hidden.detach(), self.weight.detach(), bias)

    def as_computed(self) -> Head:
        """Return the head without gradients, in the type that its product would have under autocast."""
        head, device = self.detached(), self.hidden.device.type
        if not torch.is_autocast_enabled(device) or self.hidden.dtype == torch.float64:
            return head
        low = torch.get_autocast_dtype(device)
        bias = None if head.bias is None else head.bias.to(low)
        return Head(head.hidden.to(low), head.weight.to(low), bias)


def chunked_kl(
    student: Head,
    teacher: Head,
    tau: float = 1.0,
    student_temperature: float = 1.0,
    weight: torch.Tensor | None = None,
    chunk_rows: int | None = None,
) -> torch.Tensor:
    """Return the mean over rows of KL(teacher at tau || student), as `kl_to_student` of all logits would.

    Args:
        student: of M rows and V classes; it alone has gradients.
        teacher: of as many rows and classes, of any width; its logits are computed in its own precision, also
            under autocast.
        tau: the teacher's temperature; at 0 it says its first largest logit.
        student_temperature: above 0.
        weight: of each row in the mean (M,), without gradients; None for equal ones.
        chunk_rows: rows at a time; None for about `CHUNK_BYTES`.

    Returns:
        A scalar in nats, float32 or float64. It is exactly 0 for equal logits at equal temperatures, and 0
        where the weights add up to 0 or there are no rows. Softmaxes are float32 or better, also under
        autocast. Where a teacher's largest logit is not finite, it is NaN.

    Raises:
        UsageError: for a shape or number that is not allowed.
    """
    check_temperature(tau)
    check_student_temperature(student_temperature)
    if teacher.shape != student.shape:
        raise bad_value("teacher", teacher.shape, f"rows and classes of the student, {student.shape}")
    computed = teacher.detached()

    def of_rows(rows: slice, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        log_q = log_probabilities(logits, student_temperature)
        del logits
        told = computed.logits(rows)
        if tau == 0:
            best, top = told.max(-1)
            losses, gradient = _of_classes(log_q, top, student_temperature)
            broken = (best - best).to(losses.dtype)
            return losses + broken, gradient.add_(broken[:, None])
        # At a tiny tau all but the likeliest classes are infinitely unlikely; they count for nothing.
        log_p = log_probabilities(told, tau).to(log_q.dtype).clamp_(min=_NEVER)
        del told
        terms = log_p - log_q
        p = log_p.exp_()
        losses = terms.mul_(p).sum(-1)
        return losses, log_q.exp_().sub_(p).div_(student_temperature)

    return chunked_loss(student, of_rows, weight, chunk_rows)


def chunked_cross_entropy(
    head: Head, labels: torch.Tensor, chunk_rows: int | None = None, student_temperature: float = 1.0
) -> torch.Tensor:
    """Return the mean cross-entropy of the rows that have a label; 0 if none has.

    Args:
        head: of M rows and V classes.
        labels: class indices (M,), `IGNORED_LABEL` for a row without one.
        chunk_rows: as in `chunked_kl`.
        student_temperature: above 0.
    """
    check_student_temperature(student_temperature)
    if labels.shape != head.hidden.shape[:1]:
        raise bad_value("labels", tuple(labels.shape), f"a shape ({head.hidden.shape[0]},)")
    labelled = labels != IGNORED_LABEL
    classes = labels.where(labelled, 0)

    def of_rows(rows: slice, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        log_q = log_probabilities(logits, student_temperature)
        return _of_classes(log_q, classes[rows], student_temperature)

    return chunked_loss(head, of_rows, labelled, chunk_rows)


def chunked_loss(
    student: Head, of_rows: RowLoss, weight: torch.Tensor | None = None, chunk_rows: int | None = None
) -> torch.Tensor:
    """Return the (weighted) mean of a loss over rows; its gradients are known when it is.

    Args:
        student: of M rows and V classes.
        of_rows: the loss.
        weight: of each row (M,), or None; a row of weight 0 counts for nothing, whatever its loss.
        chunk_rows: rows at a time.

    Raises:
        UsageError: for a shape or number that is not allowed.
    """
    n_rows, n_classes = student.shape
    dtype = torch.promote_types(student.hidden.dtype, torch.float32)
    if chunk_rows is None:
        chunk_rows = max(1, CHUNK_BYTES // (_ALIVE * dtype.itemsize * max(1, n_classes)))
    if chunk_rows < 1:
        raise bad_value("chunk_rows", chunk_rows, "a whole number >= 1")
    if weight is None:
        weight = torch.ones(n_rows, dtype=dtype, device=student.hidden.device)
    if weight.shape != (n_rows,):
        raise bad_value("weight", tuple(weight.shape), f"a shape ({n_rows},)")
    weight = weight.detach().to(dtype)
    total = weight.sum()
    largest = weight.abs().max() if n_rows else total
    # Gradients of rows in half precision are of rows that weigh about 1: a share of 1e-4 would underflow.
    relative = torch.where(total != 0, weight / largest, 0.0)
    share = torch.where(total != 0, largest / total, 0.0)
    found: torch.Tensor = _Chunked.apply(  # type: ignore[no-untyped-call]
        *(student.hidden, student.weight, student.bias, relative, share),
        *(of_rows, chunk_rows, torch.is_grad_enabled()),
    )
    return found


def log_probabilities(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return log softmax(logits / temperature) over the last dimension, in the logits' type.

    It is the logarithm of `teacher_probabilities`, by the same operations for whoever's logits; a
    temperature above 0.
    """
    if temperature == 1:
        return torch.log_softmax(logits, dim=-1)
    below = logits - logits.amax(-1, keepdim=True)
    if temperature < TINY:
        return torch.log_softmax(below.double() / temperature, dim=-1).to(logits.dtype)
    return torch.log_softmax(below.div_(temperature), dim=-1)


def check_student_temperature(temperature: float) -> float:
    """Return a temperature that a loss can be descended at.

    Raises:
        UsageError: unless it is finite and above 0.
    """
    if not 0 < temperature < float("inf"):
        raise bad_value("student_temperature", temperature, "a finite temperature > 0")
    return temperature


def _of_classes(
    log_q: torch.Tensor, classes: torch.Tensor, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the cross-entropies of one class a row, and d / d logits in the memory of log q (m, V)."""
    at = classes[:, None]
    losses = -log_q.gather(1, at).squeeze(1)
    gradient = log_q.exp_()
    gradient.scatter_add_(1, at, gradient.new_full((), -1.0).expand(at.shape))
    return losses, gradient.div_(temperature)


class _Chunked(torch.autograd.Function):
    """share * the sum over rows of relative weight times loss, and its gradients, chunk by chunk."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        relative: torch.Tensor,
        share: torch.Tensor,
        of_rows: RowLoss,
        chunk_rows: int,
        with_gradients: bool,
    ) -> torch.Tensor:
        head = Head(hidden, weight, bias).as_computed()
        parts = (hidden, weight, bias)
        gradients = [
            torch.zeros_like(part, dtype=share.dtype)
            if part is not None and with_gradients and needed
            else None
            for part, needed in zip(parts, ctx.needs_input_grad[:3], strict=True)
        ]
        weighted = torch.zeros_like(relative)  # summed at the end: a running sum loses digits
        with torch.autocast(hidden.device.type, enabled=False):
            for start in range(0, len(hidden), chunk_rows):
                rows = slice(start, start + chunk_rows)
                losses, by_logits = of_rows(rows, head.logits(rows))
                used = relative[rows] != 0
                weighted[rows] = torch.where(used, losses * relative[rows], 0.0)
                if any(gradient is not None for gradient in gradients):
                    by_logits = by_logits.mul_(relative[rows, None]).masked_fill_(~used[:, None], 0.0)
                    _accumulate(gradients, head, rows, by_logits)
                del losses, by_logits  # before the next ones are made
        ctx.dtypes = [None if part is None else part.dtype for part in parts]
        ctx.save_for_backward(*(None if gradient is None else gradient.mul_(share) for gradient in gradients))
        return weighted.sum() * share

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        saved = zip(ctx.saved_tensors, ctx.dtypes, strict=True)
        scaled = (None if gradient is None else (gradient * outer).to(dtype) for gradient, dtype in saved)
        return (*scaled, None, None, None, None, None)


def _accumulate(
    gradients: list[torch.Tensor | None], head: Head, rows: slice, by_logits: torch.Tensor
) -> None:
    """Add what a chunk's d loss / d logits (m, V) means for hidden states, weight and bias."""
    by_hidden, by_weight, by_bias = gradients
    if by_bias is not None:
        by_bias += by_logits.sum(0)
    low = by_logits.to(head.weight.dtype)
    if by_hidden is not None:
        by_hidden[rows] = low @ head.weight
    if by_weight is not None and by_weight.dtype == low.dtype:
        by_weight.addmm_(low.T, head.hidden[rows])
    elif by_weight is not None:
        by_weight += low.T @ head.hidden[rows]
