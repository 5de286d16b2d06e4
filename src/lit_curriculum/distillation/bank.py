"""The checkpoint bank: a folder of safetensors and one manifest that says what each of them is.

    bank/manifest.json            what each of them is, see `manifest`
    bank/step_000000020000.safetensors

Every entry carries the SHA-256 of its file. A checkpoint is read only if its bytes still match: weights
under a wrong step's name are the fault that users of published checkpoint series report most.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from lit_curriculum.distillation import hub
from lit_curriculum.distillation.manifest import (
    MANIFEST,
    Checkpoint,
    Manifest,
    check_file_name,
    parse_manifest,
)
from lit_curriculum.errors import UsageError, bad_value, shortened
from lit_curriculum.files import sha256_of
from lit_curriculum.finite import first_broken
from lit_curriculum.models import foreign, registry
from lit_curriculum.reading import as_usage_error, is_there, read_json

if TYPE_CHECKING:
    from lit_curriculum.distillation.schedule import Schedule

_MADE_BY = ", which a run with HarvestCheckpoints makes (lit fit --config ...)"

# What loading raises if a description and a file do not belong together: whatever a constructor that is given
# anything, torch and safetensors think of.
_WRONG_MODEL = (SafetensorError, ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError)


class CheckpointBank:
    """Reads a bank and checks what it reads. Use `BankWriter` to make one."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.model = manifest.model
        self.task = manifest.task
        self.config_hash = manifest.config_hash
        self.commit = manifest.commit
        self.checkpoints = manifest.checkpoints
        self.source = manifest.source

    @classmethod
    def open(cls, folder: str | Path, key: str = "bank") -> CheckpointBank:
        """Read the manifest.

        Args:
            folder: of the bank.
            key: what an error calls it where there is none.

        Raises:
            UsageError: if the folder has no manifest, the manifest is not one, is damaged or contradicts
                itself, a file of the bank is a link that leads outside, or the bank is empty.
        """
        folder = Path(folder)
        if not is_there(folder / MANIFEST):
            inside = folder / "bank" / MANIFEST
            hint = f" (it is in {folder / 'bank'})" if is_there(inside) else ""
            missing, made = ("", "") if is_there(folder) else (", where there is no folder", _MADE_BY)
            raise UsageError(
                f"{key}: got {str(folder)!r}{missing}; allowed: a folder with a {MANIFEST}{hint}{made}"
            )
        manifest = read_manifest(folder)
        if not manifest.checkpoints:
            raise UsageError(f"bank: {folder / MANIFEST} lists no checkpoints; allowed: at least one")
        for entry in manifest.checkpoints:
            _check_inside(folder, entry.file)
        return cls(folder, manifest)

    @property
    def steps(self) -> list[int]:
        """Steps of the checkpoints, ascending."""
        return [entry.step for entry in self.checkpoints]

    @property
    def final(self) -> Checkpoint:
        """The last checkpoint: the teacher of one-shot distillation; its step is T0."""
        return self.checkpoints[-1]

    def __iter__(self) -> Iterator[Checkpoint]:
        return iter(self.checkpoints)

    def at(self, step: int) -> Checkpoint:
        """Return the checkpoint taken at ``step``.

        Raises:
            UsageError: if there is none, naming the nearest.
        """
        for entry in self.checkpoints:
            if entry.step == step:
                return entry
        nearest = min(self.steps, key=lambda other: abs(other - step))
        raise UsageError(
            f"checkpoint: got step {step}; allowed: one of the {len(self.steps)} steps in "
            f"{self.folder / MANIFEST}, nearest {nearest}"
        )

    def nearest(self, step: float) -> Checkpoint:
        """Return the checkpoint nearest to ``step``; of two equally near, the earlier."""
        return min(self.checkpoints, key=lambda entry: (abs(entry.step - step), entry.step))

    def verify(self, entry: Checkpoint) -> Path:
        """Return the path of a checkpoint whose bytes match the manifest; one of the Hub is downloaded first.

        Raises:
            UsageError: if the file is missing or its SHA-256 differs.
        """
        path = self.folder / entry.file
        if self.source is not None and not is_there(path):
            hub.fetch(self.source, entry.step, entry.sha256, path)
        return verify_file(self.folder, entry, "teacher")

    def is_here(self, entry: Checkpoint) -> bool:
        """Tell whether a checkpoint's file is in the folder; one of the Hub may still have to come."""
        return self.source is None or is_there(self.folder / entry.file)

    def check_schedule(self, schedule: Schedule) -> None:
        """Check that every checkpoint of a schedule can teach; those that are still to be downloaded later.

        Raises:
            UsageError: if one is missing, altered, not finite or of another architecture.
        """
        for entry in filter(self.is_here, schedule.distinct):
            self.weights(entry)
        self.load(schedule.teachers[0])  # one load tells whether the architecture fits the files

    def digest(self, entry: Checkpoint) -> str:
        """Return the SHA-256 of a checkpoint's file."""
        return entry.sha256

    def load(self, entry: Checkpoint) -> nn.Module:
        """Build the model of a checkpoint, verified, in eval mode and without gradients.

        Raises:
            UsageError: if the file does not match the manifest, or not the architecture named there; if a
                weight is not a finite number.
        """
        state, path = self.weights(entry), self.folder / entry.file
        try:
            _check_sizes(self.model, state)
            if self.model.get("name") in (foreign.HUGGINGFACE, foreign.CLASS):
                with torch.random.fork_rng(devices=[]):  # a student's dropout does not depend on its teachers
                    return self._foreign(state).eval().requires_grad_(False)
            model = registry.build(self.model)
            _fill(model, state)
        except _WRONG_MODEL as error:
            raise self._no_model(path, error) from error
        return model.eval().requires_grad_(False)

    def _foreign(self, state: dict[str, torch.Tensor]) -> nn.Module:
        if self.model["name"] == foreign.HUGGINGFACE:
            return foreign.load_huggingface(self.model, state)
        model = registry.build(self.model)
        _fill(model, state)
        return model

    def weights(self, entry: Checkpoint) -> dict[str, torch.Tensor]:
        """Return the tensors of a checkpoint, verified.

        Raises:
            UsageError: if the file does not match the manifest or is none of tensors; if a weight is not a
                finite number.
        """
        path = self.verify(entry)
        try:
            state = load_file(path)
        except _WRONG_MODEL as error:
            raise self._no_model(path, error) from error
        broken = first_broken(state.items())
        if broken is not None:
            raise UsageError(
                f"teacher: {path}, checkpoint {entry.step:,}, holds a weight that is not finite, {broken}; "
                "allowed: checkpoints of a training that stayed finite"
            )
        return state

    def _no_model(self, path: Path, error: Exception) -> UsageError:
        return UsageError(
            f"teacher: {path} does not hold a {self.model.get('name')} with "
            f"{shortened(self.model.get('init_args'))}: {' '.join(str(error).split())}"
        )


def _fill(model: nn.Module, state: dict[str, torch.Tensor]) -> None:
    # The precision of the weights is theirs, not torch's default.
    floating = [tensor.dtype for tensor in state.values() if tensor.is_floating_point()]
    registry.load_saved_state(model.to(floating[0]) if floating else model, state)


def read_manifest(folder: Path) -> Manifest:
    """Read a bank's manifest.

    Raises:
        UsageError: if it cannot be read, is no manifest, is damaged or contradicts itself.
    """
    path = folder / MANIFEST
    return parse_manifest(read_json(path, "bank"), f"bank: {path}")


def _check_inside(folder: Path, name: str) -> None:
    """Refuse a file that is a link to somewhere else: a bank is copied, and believed, as a whole."""
    path = folder / name
    with as_usage_error(path, "bank"):
        if path.is_symlink() and os.path.dirname(os.path.realpath(path)) != os.path.realpath(folder):
            raise bad_value("bank: file", str(path), f"no link that leads outside of {folder}")


def _check_sizes(model: dict[str, Any], state: dict[str, torch.Tensor]) -> None:
    """Refuse a description of a much larger model than the weights are of, before it is built.

    Every size of a model (layers, widths, tokens, ...) is at most the number of its weights.
    """
    weights = sum(tensor.numel() for tensor in state.values())
    if model.get("name") in (foreign.HUGGINGFACE, foreign.CLASS):
        foreign.check_size(model, weights)
        return
    most = max(1024, weights)
    for key, value in model.get("init_args", {}).items():
        if isinstance(value, int) and abs(value) > most:
            raise bad_value(f"model.init_args.{key}", value, f"at most {most}, the file's number of weights")
    with torch.device("meta"):
        described = sum(parameter.numel() for parameter in registry.build(model).parameters())
    if described > most:
        raise bad_value("model.init_args", described, f"a model of at most {most} weights, the file's number")


def verify_file(folder: Path, entry: Checkpoint, key: str) -> Path:
    """Return the path of a checkpoint of a bank whose bytes match its entry.

    Args:
        folder: of the bank.
        entry: of the manifest.
        key: what the error calls it.

    Raises:
        UsageError: if the file is missing or its SHA-256 differs.
    """
    path = folder / check_file_name(f"{key}: file", entry.file)
    if not is_there(path):
        raise UsageError(f"{key}: {path} is missing; allowed: every file that {MANIFEST} lists")
    _check_inside(folder, entry.file)
    with as_usage_error(path, key):
        if not path.is_file():
            raise UsageError(f"{key}: {path} is no plain file; allowed: the one that was harvested")
        digest = sha256_of(path)
    if digest != entry.sha256:
        raise UsageError(
            f"{key}: {path} has sha256 {digest[:12]}; allowed: {entry.sha256[:12]} as in "
            f"{MANIFEST} (the file is truncated or altered)"
        )
    return path
