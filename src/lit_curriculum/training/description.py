"""What a training is made of, told by its objects as plain data: of a program's own there is no YAML."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any

import torch

from lit_curriculum.models import describe
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.base_data import CurriculumData
from lit_curriculum.training.minibatch import MinibatchModule

EVALUATION = ("eval_every", "eval_streams", "eval_samples", "eval_batch_size", "num_workers")
"""Arguments of data that change no update."""


def describe_training(module: CurriculumModule, data: CurriculumData) -> dict[str, Any]:
    """Return model, optimizer, schedule, seeds and data of a training that has not begun, as JSON holds them.

    It is what the objects know: classes; the model as a manifest describes it; the optimizer's settings and
    its schedule's, as they are when made; the data's task; and every constructor argument that an object
    keeps under its name, seeds among them. Not told are arguments that leave no such trace, functions (of a
    LambdaLR), and weights that were loaded into the model by hand.

    Args:
        module: what is trained.
        data: what it learns from; how it is evaluated is left out.
    """
    told = {
        "model": {
            "class": _name(module),
            "network": describe(module.model),
            **_arguments(module),
            **_optimization(module, data.num_steps),
        },
        "data": {
            "class": _name(data),
            "task": data.describe_task(),
            **{name: value for name, value in _arguments(data).items() if name not in EVALUATION},
        },
    }
    # As a checkpoint gives it back: a tuple as a list, a key as text.
    plain: dict[str, Any] = json.loads(json.dumps(_plain(told)))
    return plain


def _optimization(module: CurriculumModule, num_steps: int) -> dict[str, Any]:
    """Return optimizer and schedule; none of a module that makes its updates itself."""
    if not isinstance(module, MinibatchModule):
        return {}
    optimizer = module.make_optimizer()
    groups = [
        {name: value for name, value in group.items() if name not in ("params", "param_names")}
        for group in optimizer.param_groups
    ]
    told: dict[str, Any] = {"optimizer": {"class": _name(optimizer), "groups": groups}, "lr_scheduler": None}
    scheduler = module.make_scheduler(optimizer, num_steps)
    if scheduler is not None:
        told["lr_scheduler"] = {"class": _name(scheduler), **scheduler.state_dict()}
    return told


def _arguments(thing: object) -> dict[str, Any]:
    """Return the constructor's arguments, of base classes too, that an object keeps under their names."""
    constructors = [vars(kind)["__init__"] for kind in type(thing).__mro__ if "__init__" in vars(kind)]
    names = {name for constructor in constructors for name in inspect.signature(constructor).parameters}
    return {name: value for name, value in vars(thing).items() if name in names and not _is_opaque(value)}


def _name(thing: object) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def _is_opaque(value: Any) -> bool:
    return not (
        value is None
        or isinstance(value, bool | int | float | str | Mapping | list | tuple)
        or (isinstance(value, torch.Tensor) and value.numel() == 1)
    )


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it, without what it cannot."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items() if not _is_opaque(inner)}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value if not _is_opaque(inner)]
    if isinstance(value, torch.Tensor):
        return value.item()  # a learning rate may be one
    return value
