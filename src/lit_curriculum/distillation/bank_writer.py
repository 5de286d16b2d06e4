"""Writing a checkpoint bank, file by file, so that it opens wherever its writer was killed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from lit_curriculum.distillation.bank import read_manifest, verify_file
from lit_curriculum.distillation.manifest import MANIFEST, Checkpoint, Manifest, checkpoint_file
from lit_curriculum.errors import NotFinite, RunFailed, UsageError
from lit_curriculum.files import sha256_of, write_json, write_with
from lit_curriculum.models import registry
from lit_curriculum.reading import is_there


class BankWriter:
    """Adds checkpoints to a bank. Killed at any instant, it leaves a bank that opens.

    A file gets its final name complete, and only then does the manifest mention it. Writing a step again,
    as a resumed run does, replaces it. Weights that an earlier checkpoint holds as well are listed with
    ``same_as``.
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
        self._header = Manifest(model, task, config_hash, commit, ())
        self._entries: dict[int, Checkpoint] = {}

    def continue_from(self, step: int, hashes: Mapping[int, str] | None = None) -> None:
        """Take over the entries up to ``step`` of an earlier, interrupted run in the same folder.

        Args:
            step: of the checkpoint that the run goes on from.
            hashes: what `hashes` was then; None if that is not known (version 0.1).

        Raises:
            UsageError: if the bank there is of another model or task, its manifest is damaged, or it is not
                what it was.
        """
        if not is_there(self.folder / MANIFEST) and not hashes:
            return
        manifest = read_manifest(self.folder)
        if manifest.model != self._header.model:
            raise UsageError(f"bank: {self.folder} holds another model; allowed: the run's own bank")
        if manifest.task != self._header.task:
            raise UsageError(f"bank: {self.folder} holds another task; allowed: the run's own bank")
        self._entries = {entry.step: entry for entry in manifest.checkpoints if entry.step <= step}
        known = dict(hashes or {})
        if step in self._entries:
            # Harvested right after the checkpoint was saved, at the same step: the same weights.
            known.setdefault(step, self._entries[step].sha256)
        if hashes is not None and self.hashes != known:
            raise UsageError(
                f"bank: {self.folder / MANIFEST} does not list what the run had harvested by step {step}; "
                "allowed: the bank as the run left it, or a new run in another folder"
            )
        for entry in self._entries.values():
            verify_file(self.folder, entry, "bank")

    @property
    def hashes(self) -> dict[int, str]:
        """SHA-256 of every checkpoint's file, by step."""
        return {step: self._entries[step].sha256 for step in self.steps}

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
        path = self.folder / checkpoint_file(step)
        tensors = {name: tensor.cpu() for name, tensor in registry.state_for_saving(state).items()}
        write_with(path, lambda temporary: save_file(tensors, temporary))
        entry = Checkpoint(step, samples, path.name, sha256_of(path))
        self._entries[step] = entry
        self._write_manifest()
        return entry

    def add_metrics(self, step: int, metrics: dict[str, float]) -> None:
        """Note held-out metrics measured at a harvested step; steps not harvested are ignored.

        Raises:
            NotFinite: for a metric that no manifest can hold.
        """
        if step in self._entries:
            for name, value in metrics.items():
                if not math.isfinite(value):
                    raise NotFinite(f"step {step}: {name} is {value}; a bank holds finite metrics only")
            old = self._entries[step]
            self._entries[step] = replace(old, metrics={**old.metrics, **metrics})
            self._write_manifest()

    def check_whole(self) -> None:
        """Check that nobody removed what has been harvested.

        Raises:
            RunFailed: naming what is gone.
        """
        for name in [MANIFEST, *(entry.file for entry in self._entries.values())]:
            if self._entries and not is_there(self.folder / name):
                raise RunFailed(
                    f"{self.folder / name}: it is gone; another program changed the folder during the run; "
                    "start again in another folder"
                )

    def _write_manifest(self) -> None:
        manifest = replace(self._header, checkpoints=tuple(self._entries.values()))
        write_json(self.folder / MANIFEST, manifest.as_json())
