"""Runs of modules that are not this suite's, seen as the callbacks see those that are.

A guest is any LightningModule with any DataLoaders. Its steps are Lightning's optimizer steps, its run folder
is ``trainer.default_root_dir``, its metrics are what it logs, and its batches are its own affair.
"""

from __future__ import annotations

import inspect
import math
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary, ref

import torch
from lightning import LightningModule, Trainer
from torch import nn

from lit_curriculum.distillation.distilled import Distilled
from lit_curriculum.distillation.supervision import Supervision
from lit_curriculum.errors import UsageError
from lit_curriculum.models.foreign import CLASS, describe_foreign
from lit_curriculum.models.registry import MODELS, build, describe, load_saved_state
from lit_curriculum.tables import RunTables
from lit_curriculum.training.base import CurriculumModule

_T = TypeVar("_T")


class Guest:
    """What `HarvestCheckpoints` and `SwapTeacher` read of a `CurriculumModule`, of any LightningModule.

    Args:
        trainer: that trains it.
        module: the guest.
    """

    caches_labels = False  # its batches have no numbers by which answers could be found again
    exact_answers = False

    def __init__(self, trainer: Trainer, module: LightningModule) -> None:
        # Weak, as the table of guests is: neither is kept alive by having been one.
        self._trainer, self._module = ref(trainer), ref(module)
        self.identity: dict[str, str | None] = {"config_hash": None, "commit": None}

    @property
    def trainer(self) -> Trainer:
        """That trains it."""
        return _alive(self._trainer)

    @property
    def module(self) -> LightningModule:
        """The guest."""
        return _alive(self._module)

    @property
    def step(self) -> int:
        """Optimizer steps made."""
        return self.trainer.global_step

    @property
    def model(self) -> nn.Module:
        """What is harvested: the module's ``model`` if that tells how it was made, else the whole module."""
        inner = getattr(self.module, "model", None)
        known = isinstance(inner, nn.Module) and (
            type(inner) in MODELS.values() or describe_foreign(inner) is not None
        )
        return cast(nn.Module, inner) if known else self.module

    @property
    def data(self) -> GuestData:
        """The run's data, as far as they are asked for."""
        return GuestData(self.trainer, self.module)

    @cached_property
    def tables(self) -> RunTables:
        """The CSV files of the run folder; those of a resumed run go on after its checkpoint."""
        folder = Path(self.trainer.default_root_dir)
        tables = RunTables(folder)
        given = self.trainer.ckpt_path
        if given is not None and folder.resolve() in Path(given).resolve().parents:
            tables.resume(self.step, None)
        return tables

    @property
    def evaluation(self) -> dict[str, float]:
        """The finite numbers that the module has logged in the evaluation that ends."""
        results = self.trainer._results  # of the loop that runs: callback_metrics keeps older ones of others
        logged = {} if results is None else results.metrics(False)["callback"]
        numbers = {
            name: float(value) for name, value in logged.items() if torch.as_tensor(value).numel() == 1
        }
        return {name: value for name, value in numbers.items() if math.isfinite(value)}

    @property
    def device(self) -> torch.device:
        """Where the module trains."""
        return self.module.device

    @property
    def supervision(self) -> Supervision:
        """What the module's loss listens to."""
        return self._student.supervision

    def ask(self, teacher: nn.Module, batch: Any) -> torch.Tensor:
        """Return a teacher's logits (M, C) for a batch, as the module asks it."""
        return self._student.rows_of_teacher(teacher, batch)

    def check_student(self, noisy_labels: bool) -> None:
        """Check that the module can be taught.

        Raises:
            UsageError: if it listens to no teacher, or noise is to be drawn by the numbers of its batches.
        """
        _ = self._student
        if noisy_labels:
            raise UsageError(
                "SwapTeacher.noisy_labels: got True; allowed: false, batches have no numbers here"
            )

    @property
    def _student(self) -> Distilled:
        if not isinstance(self.module, Distilled):
            raise UsageError(
                f"SwapTeacher: {type(self.module).__name__} cannot be taught; allowed: a module that "
                "inherits lit_curriculum.Distilled and trains on self.distillation_loss(logits, batch)"
            )
        return self.module


class GuestData:
    """A guest's data: how long it trains, and what it says of its task, if anything."""

    data_seed = 0

    def __init__(self, trainer: Trainer, module: LightningModule) -> None:
        self._trainer, self._module = trainer, module

    @property
    def num_steps(self) -> int:
        """Length of the run in optimizer steps.

        Raises:
            UsageError: if it has no end.
        """
        trainer = self._trainer
        if not self._module.automatic_optimization:
            # How often the module steps its optimizers in a batch, only its author knows.
            if (trainer.max_steps or 0) < 1:
                raise UsageError("trainer.max_steps: missing; allowed: a number with manual optimization")
            return int(trainer.max_steps)
        steps = trainer.estimated_stepping_batches
        if not math.isfinite(steps) or steps < 1:
            allowed = "max_steps, or max_epochs and a loader that has a length"
            raise UsageError(f"trainer: the length of the run is not known; allowed: {allowed}")
        return int(steps)

    @property
    def batch_size(self) -> int:
        """Samples of an optimizer step: of a first batch, times devices and accumulation; 0 if unknown."""
        trainer = self._trainer
        size = int(getattr(trainer.train_dataloader, "batch_size", None) or 0)
        return size * trainer.world_size * trainer.accumulate_grad_batches

    def describe_task(self) -> dict[str, Any]:
        """Return the answer of a ``describe_task`` of the DataModule or module; nothing without one."""
        for place in (getattr(self._trainer, "datamodule", None), self._module):
            own = getattr(place, "describe_task", None)
            if own is not None:
                return dict(own())
        return {}


def _alive(of: ref[_T]) -> _T:
    found = of()
    assert found is not None  # whoever asks came from it
    return found


Run = CurriculumModule | Guest
"""What trains, with what callbacks ask of it."""

_GUESTS: WeakKeyDictionary[LightningModule, Guest] = WeakKeyDictionary()


def run_of(trainer: Trainer, module: LightningModule) -> Run:
    """Return a module of this suite as it is, any other as a guest."""
    if isinstance(module, CurriculumModule):
        return module
    known = _GUESTS.get(module)
    if known is None or known.trainer is not trainer:
        known = _GUESTS[module] = Guest(trainer, module)
    return known


def check_harvestable(model: nn.Module) -> list[str]:
    """Check that a model can be made again of what a bank keeps of it; return what is worth saying of it.

    Raises:
        UsageError: if it cannot.
    """
    name, description, state = type(model).__name__, describe(model), model.state_dict()
    for key, value in state.items():
        if not isinstance(value, torch.Tensor):
            raise UsageError(
                f"HarvestCheckpoints: {name} keeps {key}, which is no tensor; allowed: tensors alone"
            )
    if description["name"] != CLASS:
        return []
    try:
        with torch.random.fork_rng(devices=[]):
            load_saved_state(build(description), state)
    except Exception as error:  # whatever a constructor of somebody's raises
        said = " ".join(str(error).split())[:300]
        raise UsageError(
            f"HarvestCheckpoints: {name} cannot be rebuilt from its own description ({said}); allowed: "
            "save_hyperparameters(), or init_args, with every argument"
        ) from error
    given = description["init_args"]
    silent = sorted(set(inspect.signature(type(model)).parameters) - set(given["arguments"]))
    notes = []
    if silent:
        notes.append(f"{name} does not record {', '.join(silent)}: it will be rebuilt with their defaults")
    if given["class"].startswith("__main__:"):
        notes.append(
            f"{name} is defined in the script that runs, and only this script can read the bank; a class in "
            "a file of its own can be imported by others"
        )
    return notes


def own_module(callback: object, module: LightningModule) -> CurriculumModule:
    """Return a module of this suite.

    Raises:
        UsageError: for any other: the callback measures what only these have.
    """
    if not isinstance(module, CurriculumModule):
        raise UsageError(
            f"{type(callback).__name__}: got the module {type(module).__name__}; allowed: a CurriculumModule"
        )
    return module
