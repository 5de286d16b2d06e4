"""Checkpoints from which a killed run goes on as if nothing had happened."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from lightning import LightningModule, Trainer
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.trainer.states import TrainerFn

from lit_curriculum.callbacks.stop_request import StopRequest
from lit_curriculum.errors import bad_value
from lit_curriculum.sealed import write_sealed
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.guest import own_module

# Of a run's time at most a fiftieth goes into saving, of which hashing is less than half.
_SHARE = 50.0


class SealedCheckpointIO(TorchCheckpointIO):
    """Saves atomically, with the SHA-256 beside it: no reader meets half a file or an altered one."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """See `CheckpointIO.save_checkpoint`."""
        write_sealed(Path(path), lambda stream: torch.save(checkpoint, stream))


class ExactResume(Checkpoint):
    """Save ``<run folder>/checkpoints/last.ckpt`` after evaluations and at the end.

    A Lightning checkpoint holds model, optimizer, schedulers, loops and callbacks; this adds the state of
    every random generator on every device, and the length and SHA-256 of every table of the run folder. It is
    taken as the next batch begins, when the evaluation of the last one is complete, so that a resumed run
    neither repeats nor skips one. A run that is asked to stop (`stop_request`) saves in the same place.

    Args:
        min_seconds: leave out an evaluation if the last save is younger than this, or than fifty times what
            it took: a model of a gigabyte is saved less often. 0 saves after every evaluation.
        every_n_steps: save at these multiples of updates as well (where a Lightning batch begins).

    Raises:
        UsageError: for a negative or zero spacing.
    """

    def __init__(self, min_seconds: float = 10.0, every_n_steps: int | None = None) -> None:
        if min_seconds < 0:
            raise bad_value("ExactResume.min_seconds", min_seconds, "a number >= 0")
        if every_n_steps is not None and every_n_steps < 1:
            raise bad_value("ExactResume.every_n_steps", every_n_steps, "an integer of at least 1")
        self.min_seconds = min_seconds
        self.every_n_steps = every_n_steps
        self.stop_request = StopRequest()
        self._saved_at = 0.0
        self._save_seconds = 0.0
        self._saved_step = -1
        self._rng: list[dict[str, Any]] | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Seal every checkpoint of this trainer."""
        trainer.strategy.checkpoint_io = SealedCheckpointIO()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start counting."""
        pl_module = own_module(self, pl_module)
        self._saved_at = time.monotonic()
        self._saved_step = pl_module.step

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Save if it is time; first of all, in a resumed run, put the random generators back.

        Raises:
            RunStopped: if the run was asked to stop; it has been saved.
            RunFailed: if the run folder is no longer this run's.
        """
        assert isinstance(pl_module, CurriculumModule)
        if self._rng is not None:
            # Not earlier: making a DataLoader's iterator draws from torch's generator.
            _restore_rng(self._rng[trainer.global_rank])
            self._rng = None
        if batch_idx % trainer.accumulate_grad_batches:
            return
        step = pl_module.step
        stop = self.stop_request.wanted(trainer, batch_idx)
        if step != self._saved_step and (stop or self._due(trainer, pl_module, step)):
            self._save(trainer, pl_module)
        if stop:
            raise self.stop_request.stopped(step, pl_module.data.num_steps)

    def _due(self, trainer: Trainer, module: CurriculumModule, step: int) -> bool:
        wanted = bool(self.every_n_steps) and step % (self.every_n_steps or 1) == 0
        if step % module.data.eval_every == 0:
            # One device decides by its clock, for saving is a joint act.
            wait = max(self.min_seconds, _SHARE * self._save_seconds) if self.min_seconds else 0.0
            old = time.monotonic() - self._saved_at >= wait
            wanted |= bool(trainer.strategy.broadcast(old))
        return wanted

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the end of the run."""
        assert isinstance(pl_module, CurriculumModule)
        if pl_module.step != self._saved_step:
            self._save(trainer, pl_module)

    def _save(self, trainer: Trainer, module: CurriculumModule) -> None:
        began = time.monotonic()
        trainer.save_checkpoint(Path(trainer.default_root_dir) / "checkpoints" / "last.ckpt")
        self._saved_at = time.monotonic()
        self._save_seconds = self._saved_at - began
        self._saved_step = module.step

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the random generators of every device, and the marks of the tables."""
        states: list[Any] = [_rng_state()]
        if trainer.world_size > 1:
            states = [None] * trainer.world_size
            torch.distributed.all_gather_object(states, _rng_state())
        checkpoint["rng"] = states
        assert isinstance(pl_module, CurriculumModule)
        pl_module.tables.check_untouched()
        checkpoint["tables"] = pl_module.tables.marks()

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep them until the first batch; open a finished epoch again for a run that was made longer.

        A run that begins from another's checkpoint on other devices has random generators of its own.
        """
        states = checkpoint.get("rng")
        if states is not None and len(states) == trainer.world_size:
            self._rng = states
        assert isinstance(pl_module, CurriculumModule)
        folder = Path(trainer.default_root_dir).resolve()
        # A checkpoint of another folder tells nothing of the tables of this one: they begin here.
        if trainer.is_global_zero and folder in Path(trainer.ckpt_path or "").resolve().parents:
            pl_module.tables.resume(pl_module.step, checkpoint.get("tables"))
        loop = checkpoint["loops"]["fit_loop"]
        if loop["epoch_progress"]["current"]["completed"] and trainer.state.fn == TrainerFn.FITTING:
            # To Lightning the one epoch is over. To us the run is over at data.num_steps.
            for progress in loop["epoch_progress"].values():
                progress.update(processed=0, completed=0)
            loop["epoch_loop.batch_progress"]["is_last_batch"] = False


def _rng_state() -> dict[str, Any]:
    """Return the state of Python's, numpy's and torch's generators as plain lists and tensors."""
    version, words, gauss = random.getstate()
    # numpy's global generator: whatever user code draws from must come back.
    name, keys, position, has_gauss, cached = cast(Any, np.random.get_state())  # noqa: NPY002
    return {
        "python": [version, list(words), gauss],
        "numpy": [name, keys.tolist(), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
    }


def _restore_rng(state: dict[str, Any]) -> None:
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), position, has_gauss, cached))  # noqa: NPY002
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"].cpu())
