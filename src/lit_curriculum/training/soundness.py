"""A run stops at the first number that is not finite, and says which one it was.

On the processor a loss is looked at when it is computed. On a GPU that would wait for the device in every
step, and with several processes one would stop alone while the others wait for it; there the sum of the
losses is looked at where the run pauses anyway: before listeners, evaluations and checkpoints. NaN and
infinity stay in a sum. The weights are looked at in these places, and what is saved is looked at as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch.trainer.states import TrainerFn

from lit_curriculum.errors import NotFinite
from lit_curriculum.finite import diverged, first_broken, named_tensors

if TYPE_CHECKING:
    from lit_curriculum.training.base import CurriculumModule
    from lit_curriculum.training.guest import Run


class LossSum:
    """The losses since the last evaluation, added in float64.

    Args:
        since: updates made when it begins.
        total: the sum so far, over this process's samples.
        count: how many they are.

    Attributes:
        broken: updates made when this process first met a loss that is not finite, and that loss, where
            they are known.
    """

    def __init__(self, since: int = 0, total: torch.Tensor | None = None, count: int = 0) -> None:
        self.since = since
        self.total = torch.zeros((), dtype=torch.float64) if total is None else total
        self.count = count
        self.broken: tuple[int, float] | None = None

    def add(self, total: torch.Tensor, count: int, step: int) -> None:
        """Add losses that were met after ``step`` updates."""
        total = total.detach().double()
        self.total = self.total.to(total.device) + total
        self.count += count
        if total.device.type == "cpu" and self.broken is None and not math.isfinite(total.item()):
            self.broken = (step, total.item())


def check_loss(module: CurriculumModule) -> None:
    """Stop if the latest loss is known not to be finite and no other process would wait for this one.

    Raises:
        NotFinite: naming the teacher, a weight or the loss, whichever broke first.
    """
    if module.losses.broken is not None and module.trainer.world_size == 1:
        raise _broken_loss(module, module.losses.broken)


def check_run(module: CurriculumModule) -> None:
    """Stop if the losses so far or the weights are not finite; all processes must call it together.

    Raises:
        NotFinite: naming the teacher, a weight or the loss, whichever broke first.
    """
    losses = module.losses
    broken = losses.broken
    if broken is None and not math.isfinite(losses.total.item()):
        broken = (module.step, math.nan)
    everywhere = [found for found in module.gather(broken) if found is not None]
    if everywhere:
        raise _broken_loss(module, min(everywhere))
    check_weights(module)


def check_weights(module: Run, step: int | None = None) -> None:
    """Stop if a weight is not finite.

    Args:
        module: its model's weights and buffers are looked at.
        step: updates made before they broke, if other than the module's step.

    Raises:
        NotFinite: naming it.
    """
    broken = first_broken(module.model.state_dict().items())
    if broken is not None:
        raise _diverged(module, f"weight {broken}", step)


def check_metrics(module: CurriculumModule, metrics: Mapping[str, float]) -> None:
    """Stop if a metric is not finite.

    Raises:
        NotFinite: naming it.
    """
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise _diverged(module, f"{name} ({value})")


def check_checkpoint(module: CurriculumModule, checkpoint: Mapping[str, Any]) -> None:
    """Stop before a checkpoint with weights or an optimizer that are not finite is saved.

    Raises:
        NotFinite: naming what is not.
    """
    check_run(module)
    broken = first_broken(named_tensors(checkpoint.get("optimizer_states", [])))
    if broken is not None:
        raise _diverged(module, f"the optimizer's {broken}")


def _broken_loss(module: CurriculumModule, broken: tuple[int, float]) -> NotFinite:
    step, value = broken
    supervision = module.supervision
    if supervision.teacher is not None and supervision.broken:
        return broken_teacher(module)
    if module.losses.broken is None and module.trainer.world_size == 1:
        # On a GPU it is known only now, somewhere since the last evaluation.
        return _diverged(module, f"a loss since step {module.losses.since:,}")
    # A loss that broke in an earlier update has broken the weights since.
    weight = first_broken(module.model.state_dict().items()) if step == module.step else None
    return _diverged(module, f"the loss ({value})" if weight is None else f"weight {weight}", step)


def broken_teacher(module: CurriculumModule) -> NotFinite:
    """Build the error for a teacher's answer that is no finite number."""
    teacher = module.supervision.teacher
    source = teacher.source if teacher is not None else "the teacher's"
    return NotFinite(
        f"step {module.step:,}: an answer of the teacher is not finite; "
        f"the likely cause is its checkpoint, {source}"
    )


def _diverged(module: Run, what: str, step: int | None = None) -> NotFinite:
    step = module.step if step is None else step
    if module.trainer.state.fn != TrainerFn.FITTING:
        return NotFinite(f"{what} is not finite; the likely cause is the checkpoint that was loaded")
    return diverged(step, what, _rate(module))


def _rate(module: Run) -> float | None:
    """Return the learning rate as it was set, before warm-up; None if the module chooses it by itself."""
    for optimizer in module.trainer.optimizers:
        for group in optimizer.param_groups:
            return float(group.get("initial_lr", group["lr"]))
    rate = getattr(module, "lr", None)
    return None if rate is None else float(rate)
