"""Many students on the same inputs, each exactly as if alone: one a core, or all at once on a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

from lit_curriculum.errors import bad_value
from lit_curriculum.models.mlp import MLP
from lit_curriculum.online_sgd import blocked
from lit_curriculum.online_sgd.backends import check_arguments, check_finite, choose_backend


def train_population(
    models: Sequence[MLP],
    x: torch.Tensor,
    targets: Sequence[torch.Tensor],
    rates: Sequence[torch.Tensor],
    *,
    loss_scale: float = 1.0,
    loss: str = "cross_entropy",
    first_step: int = 0,
    threads: int | None = None,
) -> torch.Tensor:
    """Train every model on the rows of x, one after the other, with its own targets and rates.

    Students (seeds, rates, target sets) differ in weights, targets and rates and share x, as they do in a
    comparison on one stream. They are independent, so threads never wait for each other; a student's weights
    and losses are the same bits as from `backends.train_samples` with backend ``blocked``, on a GPU with
    backend ``triton``.

    Args:
        models: S networks on x's device, all with d inputs and x's dtype; updated in place. On a GPU they
            must have one shape.
        x: inputs (n, d).
        targets: S arrays (n, C); the same array may occur several times.
        rates: S arrays (n,).
        loss_scale: factor on the loss that is descended.
        loss: ``cross_entropy`` or ``hinge``.
        first_step: step number of row 0, for messages.
        threads: students trained at a time on the CPU, default torch's number of threads.

    Returns:
        The loss before each step (S, n).

    Raises:
        UsageError: for lengths or, on a GPU, shapes that differ.
        NotFinite: where a student's loss or weights are not finite, naming the student, the step and the
            rate. The other students have been trained nevertheless.
    """
    for key, values in (("targets", targets), ("rates", rates)):
        if len(values) != len(models):
            raise bad_value(f"number of {key}", len(values), f"one a model, here {len(models)}")
    for model, target, rate in zip(models, targets, rates, strict=True):
        check_arguments(model, x, target, rate, loss)
    if not models or len(x) == 0:
        return torch.empty(len(models), len(x), dtype=x.dtype, device=x.device)
    if choose_backend("triton" if x.is_cuda else "blocked", x.device) == "triton":
        from lit_curriculum.online_sgd import triton_blocks

        losses = triton_blocks.train_many(models, x, targets, rates, loss_scale, loss)
    else:

        def train(student: int) -> torch.Tensor:
            return blocked.train(
                models[student], x, targets[student], rates[student], loss_scale, loss, threads=1
            )

        with ThreadPoolExecutor(threads or torch.get_num_threads()) as pool:
            losses = torch.stack(list(pool.map(train, range(len(models)))))
    for student, model in enumerate(models):
        check_finite(model, losses[student], rates[student], first_step, f"student {student}: ")
    return losses
