"""Writes what ``lit predict`` predicts: the rows of all processes, in the order of the samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_info
from safetensors.torch import save_file

from lit_curriculum.files import write_with
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.soundness import check_metrics

Rows = dict[str, torch.Tensor]


class WritePredictions(Callback):
    """Keeps the rows of every batch, and at the end writes all of them once, from the first process.

    Batches are taken in turns, and are the same on any number of processes (`training.base_data`), so the
    file is the same, too.

    Args:
        path: the file; its tensors are those that the module's `predict_batch` returns.
        metadata: what the file says of the weights, kept in its header.
    """

    def __init__(self, path: Path, metadata: dict[str, str]) -> None:
        self.path = path
        self.metadata = metadata
        self._batches: dict[int, Rows] = {}

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the rows of a batch."""
        if outputs:
            number = batch_idx * trainer.world_size + trainer.global_rank
            self._batches[number] = {name: rows.cpu() for name, rows in outputs.items()}

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gather and write.

        Raises:
            NotFinite: if a prediction is not finite.
        """
        assert isinstance(pl_module, CurriculumModule)
        everywhere: dict[int, Rows] = {}
        for batches in pl_module.gather(self._batches):
            everywhere.update(batches)
        self._batches = {}
        ordered = [everywhere[number] for number in sorted(everywhere)]
        joined = {name: torch.cat([rows[name] for rows in ordered]).contiguous() for name in ordered[0]}
        for name, rows in joined.items():
            check_metrics(pl_module, {f"a row of {name}": float(rows.double().abs().sum())})
        if trainer.is_global_zero:
            write_with(self.path, lambda temporary: save_file(joined, temporary, self.metadata))
        rank_zero_info(f"{self.path}: {len(joined['labels'])} rows")
