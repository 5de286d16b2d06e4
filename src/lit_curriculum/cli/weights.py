"""Which weights `lit validate`, `lit test` and `lit predict` look at: never freshly initialised ones."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lit_curriculum.differences import first_difference
from lit_curriculum.distillation import Checkpoint, CheckpointBank
from lit_curriculum.distillation.manifest import MANIFEST
from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.models import describe
from lit_curriculum.runs.checkpoints import read_checkpoint
from lit_curriculum.runs.folder import RunFolder
from lit_curriculum.sealed import verify_sealed
from lit_curriculum.training.base import CurriculumModule

LAST, BEST = "last", "best"


@dataclass(frozen=True)
class Weights:
    """Weights that have been loaded.

    Attributes:
        path: the file.
        step: updates made before they were saved.
        sha256: of the file.
    """

    path: Path
    step: int
    sha256: str

    def as_metadata(self) -> dict[str, str]:
        """Return what a file of their predictions says of them."""
        return {"step": str(self.step), "sha256": self.sha256}

    def __str__(self) -> str:
        return f"{self.path}, step {self.step:,}, sha256 {self.sha256[:12]}"


def load_weights(
    module: CurriculumModule, folder: RunFolder, ckpt_path: str | None, step: int | None
) -> Weights:
    """Load weights into a module and say which.

    Args:
        module: the model of the configuration.
        folder: the run's.
        ckpt_path: ``last``, the run's checkpoint, which is the default; ``best``, the harvested checkpoint
            with the highest ``val/accuracy``, of equal ones the lowest ``val/loss``; or a checkpoint file.
        step: a harvested checkpoint by its step, instead.

    Raises:
        UsageError: if there are no such weights, they are damaged, or do not fit the model.
    """
    if step is not None and ckpt_path is not None:
        raise UsageError(f"--step: got {step} beside --ckpt_path {ckpt_path}; allowed: one of the two")
    if step is not None or ckpt_path == BEST:
        bank = _bank(folder)
        entry = bank.at(step) if step is not None else _best(bank)
        return _load_harvested(module, bank, entry)
    if ckpt_path in (None, LAST):
        if not folder.checkpoint.is_file():
            raise UsageError(
                f"run_dir: {folder.path} holds no checkpoints/last.ckpt, so there are no trained weights; "
                "allowed: the --run_dir of a run, or --ckpt_path FILE"
            )
        return _load_checkpoint(module, folder.checkpoint, folder.verify_checkpoint())
    path = Path(str(ckpt_path)).expanduser()
    return _load_checkpoint(module, path, verify_sealed(path, "ckpt_path", required=False))


def _load_checkpoint(module: CurriculumModule, path: Path, sha256: str) -> Weights:
    content = read_checkpoint(path)
    try:
        module.load_state_dict(content["state_dict"])
    except (RuntimeError, KeyError) as error:
        raise UsageError(
            f"model: its weights are not those in {path} ({' '.join(str(error).split())[:300]})"
        ) from error
    module.step = int(content["lit_curriculum"]["step"])
    return Weights(path, module.step, sha256)


def _load_harvested(module: CurriculumModule, bank: CheckpointBank, entry: Checkpoint) -> Weights:
    ours = describe(module.model)
    difference = first_difference(ours, bank.model, "model")
    if difference:
        key, wanted, found = difference
        raise UsageError(f"{key}: got {wanted!r}; allowed: {found!r}, that of the models in {bank.folder}")
    module.model.load_state_dict(bank.load(entry).state_dict())
    module.step = entry.step
    return Weights(bank.folder / entry.file, entry.step, entry.sha256)


def _bank(folder: RunFolder) -> CheckpointBank:
    if not (folder.path / "bank" / MANIFEST).is_file():
        raise UsageError(f"run_dir: {folder.path} holds no bank; allowed: a run with HarvestCheckpoints")
    return CheckpointBank.open(folder.path / "bank")


def _best(bank: CheckpointBank) -> Checkpoint:
    judged = [entry for entry in bank if {"val/accuracy", "val/loss"} <= set(entry.metrics)]
    if not judged:
        allowed = f"last, or --step N: no checkpoint of {bank.folder} was evaluated at its step"
        raise bad_value("ckpt_path", BEST, allowed)
    return max(judged, key=lambda e: (e.metrics["val/accuracy"], -e.metrics["val/loss"], -e.step))


def differences(folder: RunFolder, settings: dict[str, Any]) -> str | None:
    """Return in what the evaluation's model or data differ from the run's, or None."""
    if not (folder.path / "config.yaml").is_file():
        return None
    recorded = folder.config()
    for section in ("model", "data"):
        found = first_difference(settings.get(section), recorded.get(section), section)
        if found:
            key, ours, theirs = found
            return f"{key} = {ours!r}, where the run in {folder.path} has {theirs!r}"
    return None


@contextmanager
def with_config_of_run(words: Sequence[str]) -> Iterator[list[str]]:
    """Yield the arguments, with the model and data of ``--run_dir`` where no ``--config`` is given.

    Raises:
        UsageError: if that folder holds no run.
    """
    run_dir = _option(words, "--run_dir")
    if run_dir is None or any(word.split("=", 1)[0] in ("-c", "--config", "--help", "-h") for word in words):
        yield list(words)
        return
    folder = RunFolder(Path(run_dir).expanduser())
    if not (folder.path / "config.yaml").is_file():
        raise bad_value("run_dir", run_dir, "the folder of a run, or --config FILE beside it")
    config = folder.config()
    kept = {section: config.get(section) for section in ("model", "data")}
    kept["trainer"] = {"precision": (config.get("trainer") or {}).get("precision")}
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "config.yaml"
        path.write_text(yaml.safe_dump(kept), encoding="utf-8")
        yield [words[0], "--config", str(path), *words[1:]]


def _option(words: Sequence[str], name: str) -> str | None:
    found = None
    for i, word in enumerate(words):
        if word == name and i + 1 < len(words):
            found = words[i + 1]
        elif word.startswith(f"{name}="):
            found = word.split("=", 1)[1]
    return found
