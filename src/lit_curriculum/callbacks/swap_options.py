"""What the options of `SwapTeacher` may be: each alone, together, and beside those of other teachers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from lit_curriculum.distillation.bank import CheckpointBank
from lit_curriculum.distillation.reordered import Reordered
from lit_curriculum.distillation.schedule import (
    NT,
    EqualSplit,
    Explicit,
    Kappa,
    OneShot,
    Strategy,
    TwoShot,
)
from lit_curriculum.distillation.shares import sums_to_one
from lit_curriculum.distillation.targets import check_temperature
from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.training.base_data import CurriculumData
from lit_curriculum.training.guest import GuestData
from lit_curriculum.training.tokens import TokenData

if TYPE_CHECKING:
    from lit_curriculum.callbacks.swap_teacher import SwapTeacher

_FUNCTION = {"support": "support", "nodes": "tree", "grammar": "grammar"}
"""What of a task's description says which function is learned; the rest says of what inputs, and how."""


def check_options(swap: SwapTeacher) -> None:
    """Check a teacher's options.

    Raises:
        UsageError: naming the one that is out of range or goes with no other.
    """
    _check_kinds(swap)
    if swap.live is not None:
        swap.live.check_options(swap)
    check_temperature(swap.tau)
    if not 0 < swap.label_cache_gib < float("inf"):
        raise bad_value("SwapTeacher.label_cache_gib", swap.label_cache_gib, "a number > 0")
    if not 0 <= swap.label_weight <= 1:
        raise bad_value("SwapTeacher.label_weight", swap.label_weight, "a number from 0 to 1")
    if not 0 < swap.student_temperature < float("inf"):
        raise bad_value("SwapTeacher.student_temperature", swap.student_temperature, "a number > 0")
    if swap.scale_by_tau_squared and swap.tau == 0:
        allowed = "tau > 0; at tau = 0 the loss would vanish"
        raise bad_value("SwapTeacher.scale_by_tau_squared", True, allowed)
    if swap.noisy_labels and swap.label_weight:
        raise bad_value("SwapTeacher.label_weight", swap.label_weight, "0 with noisy_labels")
    if swap.noisy_labels and swap.weight is not None:
        raise bad_value("SwapTeacher.noisy_labels", True, "false with several teachers")
    if swap.top_k is None:
        return
    if swap.top_k < 1:
        raise bad_value("SwapTeacher.top_k", swap.top_k, "an integer of at least 1")
    if swap.label_weight or swap.noisy_labels or swap.weight is not None:
        allowed = "null with label_weight, noisy_labels or several teachers"
        raise bad_value("SwapTeacher.top_k", swap.top_k, allowed)


def _check_kinds(swap: SwapTeacher) -> None:
    """Check what a configuration's parser has checked already, of a program's own arguments."""
    for name in ("tau", "label_weight", "student_temperature", "label_cache_gib", "top_k"):
        value = getattr(swap, name)
        kinds: tuple[type, ...] = (int,) if name == "top_k" else (int, float)
        if type(value) not in kinds and not (value is None and name == "top_k"):
            allowed = "an integer" if name == "top_k" else "a number"
            raise bad_value(f"SwapTeacher.{name}", value, allowed)
    if not isinstance(swap.strategy, Strategy):
        raise bad_value("SwapTeacher.strategy", swap.strategy, "a strategy, e.g. OneShot() or Kappa(1.0)")


def check_together(teachers: Sequence[SwapTeacher]) -> None:
    """Check the teachers of a run against one another.

    Raises:
        UsageError: if their weights do not add up to 1 at every step, two have one bank, or they ask for
            other losses.
    """
    if (len(teachers) == 1 and teachers[0].weight is None) or not teachers:
        return
    weights = [teacher.weight for teacher in teachers]
    if None in weights or not sums_to_one([teacher.shares for teacher in teachers]):
        allowed = f"one for each of the run's {len(teachers)} teachers, which add up to 1 at every step"
        raise bad_value("SwapTeacher.weight", weights, allowed)
    if len({teacher.bank for teacher in teachers}) < len(teachers):
        raise bad_value("SwapTeacher.bank", teachers[0].bank, "another bank for each teacher of a run")
    for name in ("tau", "label_weight", "scale_by_tau_squared", "student_temperature"):
        values = [getattr(teacher, name) for teacher in teachers]
        if len(set(values)) > 1:
            raise bad_value(f"SwapTeacher.{name}", values, "the same for all teachers of a run")


def check_task(bank: CheckpointBank, data: CurriculumData | GuestData, other: bool) -> None:
    """Check that a teacher learned the student's task, or as a control another function of its inputs.

    Args:
        bank: the teacher's.
        data: the student's.
        other: whether another function is asked for (``other_task``).

    Raises:
        UsageError: naming what differs and must not, or what must and does not; if the teacher cannot read
            the student's inputs.
    """
    task = data.describe_task()
    functions = [name for key, name in _FUNCTION.items() if key in task]
    if other and not functions:
        raise bad_value("SwapTeacher.other_task", True, "false for this task, of which no other is known")
    if other and bank.task == task:
        allowed = f"a bank of another {functions[0]} than the student's"
        raise bad_value("SwapTeacher.other_task", True, allowed)
    for key, value in task.items():
        if bank.task.get(key) != value and not (other and key in _FUNCTION):
            raise UsageError(
                f"SwapTeacher.bank: the teacher in {bank.folder} learned {key} = {bank.task.get(key)!r}; "
                f"allowed: the student's {key} = {value!r}"
            )
    if other and isinstance(data, TokenData):
        data.check_reader(bank.model.get("init_args", {}), "SwapTeacher.bank: the teacher's")


def check_foreseen(strategy: Strategy, bank: CheckpointBank, num_steps: int) -> None:
    """Check a schedule as far as it follows from the steps of a bank whose checkpoints are not measured yet.

    Of strategies that choose by metrics this is how long a checkpoint teaches; of those of a user's own
    nothing is known.

    Raises:
        UsageError: see `Strategy.plan`.
    """
    inner = strategy
    while isinstance(inner, Reordered):
        inner = inner.strategy
    if type(inner) is TwoShot and type(inner.checkpoint) is not int:
        if len(bank.steps) > 1:
            replace(inner, checkpoint=bank.steps[0]).plan(bank, num_steps)
    elif type(inner) in (OneShot, TwoShot, NT, EqualSplit, Kappa, Explicit):
        strategy.plan(bank, num_steps)


def device_of(name: str) -> torch.device:
    """Return a device that is here.

    Raises:
        UsageError: if it is not.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        allowed = "cpu, or a device that torch finds here"
        raise bad_value("SwapTeacher.teacher_device", name, allowed) from error
    return device
