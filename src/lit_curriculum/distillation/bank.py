"""The checkpoint bank: a folder of safetensors and one manifest that says what each of them is.

    bank/manifest.json            {schema, model, task, config_hash, commit, checkpoints: [...]}
    bank/step_000000020000.safetensors

Every entry carries the SHA-256 of its file. A checkpoint is read only if its bytes still match: weights
under a wrong step's name are the fault that users of published checkpoint series report most.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from lit_curriculum.errors import UsageError
from lit_curriculum.files import sha256_of, write_json, write_with
from lit_curriculum.finite import first_broken
from lit_curriculum.models import registry

SCHEMA = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Checkpoint:
    """One harvested checkpoint.

    Attributes:
        step: optimizer updates made before it was taken.
        samples: training samples seen, all devices together.
        file: name inside the bank's folder.
        sha256: of the file's bytes.
        metrics: held-out metrics measured at exactly this step, e.g. ``val/accuracy``; may be empty.
    """

    step: int
    samples: int
    file: str
    sha256: str
    metrics: dict[str, float] = field(default_factory=dict)


class CheckpointBank:
    """Reads a bank and checks what it reads. Use `BankWriter` to make one."""

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder = folder
        self.model: dict[str, Any] = manifest["model"]
        self.task: dict[str, Any] = manifest["task"]
        self.config_hash: str | None = manifest.get("config_hash")
        self.commit: str | None = manifest.get("commit")
        entries = [Checkpoint(**entry) for entry in manifest["checkpoints"]]
        self.checkpoints = sorted(entries, key=lambda entry: entry.step)

    @classmethod
    def open(cls, folder: str | Path) -> CheckpointBank:
        """Read the manifest.

        Raises:
            UsageError: if the folder has no manifest, the manifest is not one, or the bank is empty.
        """
        folder = Path(folder)
        path = folder / MANIFEST
        if not path.is_file():
            raise UsageError(f"bank: got {str(folder)!r}; allowed: a folder with a {MANIFEST}")
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            if manifest.get("schema") != SCHEMA:
                raise UsageError(f"bank: {path} has schema {manifest.get('schema')!r}; allowed: {SCHEMA}")
            bank = cls(folder, manifest)
            if not isinstance(bank.model, dict) or not isinstance(bank.task, dict):
                raise TypeError("model and task are mappings")
            if len(set(bank.steps)) != len(bank.steps) or not all(type(s) is int for s in bank.steps):
                raise TypeError("steps are distinct integers")
        except UsageError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"bank: {path} is not a bank manifest ({error})") from error
        if not bank.checkpoints:
            raise UsageError(f"bank: {path} lists no checkpoints; allowed: at least one")
        return bank

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
        """Return the path of a checkpoint whose bytes match the manifest.

        Raises:
            UsageError: if the file is missing or its SHA-256 differs.
        """
        path = self.folder / entry.file
        if not path.is_file():
            raise UsageError(f"teacher: {path} is missing; allowed: every file that {MANIFEST} lists")
        digest = sha256_of(path)
        if digest != entry.sha256:
            raise UsageError(
                f"teacher: {path} has sha256 {digest[:12]}; allowed: {entry.sha256[:12]} as in "
                f"{MANIFEST} (the file is truncated or altered)"
            )
        return path

    def load(self, entry: Checkpoint) -> nn.Module:
        """Build the model of a checkpoint, verified, in eval mode and without gradients.

        Raises:
            UsageError: if the file does not match the manifest, or not the architecture named there; if a
                weight is not a finite number.
        """
        model = registry.build(self.model)
        state, path = self.weights(entry), self.folder / entry.file
        try:
            # The precision of the weights is theirs, not torch's default.
            floating = [tensor.dtype for tensor in state.values() if tensor.is_floating_point()]
            registry.load_saved_state(model.to(floating[0]) if floating else model, state)
        except UsageError as error:
            raise self._no_model(path, error) from error
        return model.eval().requires_grad_(False)

    def weights(self, entry: Checkpoint) -> dict[str, torch.Tensor]:
        """Return the tensors of a checkpoint, verified.

        Raises:
            UsageError: if the file does not match the manifest or is none of tensors; if a weight is not a
                finite number.
        """
        path = self.verify(entry)
        try:
            state = load_file(path)
        except SafetensorError as error:
            raise self._no_model(path, error) from error
        broken = first_broken(state.items())
        if broken is not None:
            raise UsageError(
                f"teacher: {path}, checkpoint {entry.step:,}, holds a weight that is not finite, {broken}; "
                "allowed: checkpoints of a training that stayed finite"
            )
        return state

    def _no_model(self, path: Path, error: Exception) -> UsageError:
        reason = " ".join(str(error).split())
        return UsageError(
            f"teacher: {path} does not hold a {self.model['name']} with {self.model['init_args']}: {reason}"
        )


class BankWriter:
    """Adds checkpoints to a bank. Killed at any instant, it leaves a bank that opens.

    A file gets its final name complete, and only then does the manifest mention it. Writing a step again,
    as a resumed run does, replaces it.
    """

    def __init__(
        self,
        folder: Path,
        model: dict[str, Any],
        task: dict[str, Any],
        config_hash: str | None = None,
        commit: str | None = None,
    ) -> None:
        self.folder = folder
        self._header = {
            "schema": SCHEMA,
            "model": model,
            "task": task,
            "config_hash": config_hash,
            "commit": commit,
        }
        self._entries: dict[int, Checkpoint] = {}

    def continue_from(self, step: int) -> None:
        """Take over the entries up to ``step`` of an earlier, interrupted run in the same folder.

        Raises:
            UsageError: if the bank there is of another model or task.
        """
        if not (self.folder / MANIFEST).is_file():
            return
        try:
            manifest = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
        except ValueError as error:
            raise UsageError(f"bank: {self.folder / MANIFEST} is not a bank manifest ({error})") from error
        for key in ("model", "task"):
            if manifest[key] != self._header[key]:
                raise UsageError(f"bank: {self.folder} holds another {key}; allowed: the run's own bank")
        entries = (Checkpoint(**entry) for entry in manifest["checkpoints"])
        self._entries = {entry.step: entry for entry in entries if entry.step <= step}

    @property
    def steps(self) -> list[int]:
        """Steps written so far, ascending."""
        return sorted(self._entries)

    def add(self, step: int, samples: int, state: dict[str, torch.Tensor]) -> Checkpoint:
        """Write one checkpoint and list it.

        Args:
            step: optimizer updates made.
            samples: training samples seen.
            state: the model's state_dict.
        """
        path = self.folder / f"step_{step:012d}.safetensors"
        tensors = {name: tensor.cpu() for name, tensor in registry.state_for_saving(state).items()}
        write_with(path, lambda temporary: save_file(tensors, temporary))
        entry = Checkpoint(step, samples, path.name, sha256_of(path))
        self._entries[step] = entry
        self._write_manifest()
        return entry

    def add_metrics(self, step: int, metrics: dict[str, float]) -> None:
        """Note held-out metrics measured at a harvested step; steps not harvested are ignored."""
        if step in self._entries:
            old = self._entries[step]
            self._entries[step] = Checkpoint(
                old.step, old.samples, old.file, old.sha256, {**old.metrics, **metrics}
            )
            self._write_manifest()

    def _write_manifest(self) -> None:
        entries = [asdict(self._entries[step]) for step in self.steps]
        write_json(self.folder / MANIFEST, {**self._header, "checkpoints": entries})
