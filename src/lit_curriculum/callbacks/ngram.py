"""Log how much a masked prediction depends on its nearest neighbours while the model trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger

from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.experiments.base import CurriculumModule
from lit_curriculum.experiments.listeners import StepListener, every_and_last
from lit_curriculum.files import StepTable
from lit_curriculum.probes.ngram import draw_inputs, ngram_distances
from lit_curriculum.tasks.pcfg import MaskedPCFG


class LogNgrams(StepListener, Callback):
    """Measure M_robust and M_close (progressive, section 4.1.1, figures 4 and 22), medians over all places.

    Every measurement adds a row for each n to ``<run folder>/ngrams.csv``, goes to TensorBoard, and, at a
    step that `HarvestCheckpoints` harvests, is noted in the bank's manifest as ``ngrams/robust_3`` and so on.

    Args:
        every_n_steps: spacing in updates; the end of the run is always measured.
        ngrams: window sizes n.
        strings: strings of the "probe" stream; the same ones at every measurement.
        positions: positions in each string.

    Raises:
        UsageError: for a number below 1.
    """

    def __init__(
        self,
        every_n_steps: int,
        ngrams: list[int] = [3, 5, 7, 9],  # noqa: B006 - the YAML shows it; never mutated
        strings: int = 64,
        positions: int = 8,
    ) -> None:
        counts = {"every_n_steps": every_n_steps, "strings": strings, "positions": positions}
        for key, value in counts.items():
            if value < 1:
                raise bad_value(f"LogNgrams.{key}", value, "an integer of at least 1")
        if not ngrams or min(ngrams) < 1:
            raise bad_value("LogNgrams.ngrams", ngrams, "integers of at least 1")
        self.every_n_steps = every_n_steps
        self.ngrams = ngrams
        self.strings = strings
        self.positions = positions
        self._num_steps = 0
        self._inputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None = None
        self._table: StepTable | None = None

    def next_event(self, step: int) -> int | None:
        """See `StepListener.next_event`."""
        return every_and_last(self.every_n_steps, self._num_steps, step)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the strings.

        Raises:
            UsageError: if the data are not strings of a grammar.
        """
        assert isinstance(pl_module, CurriculumModule)
        data = pl_module.data
        task = getattr(data, "task", None)
        if not isinstance(task, MaskedPCFG):
            raise UsageError("LogNgrams: the data have no grammar; allowed: PCFGData")
        self._num_steps = data.num_steps
        self._inputs = draw_inputs(task.sampler, data.data_seed, self.strings, self.positions)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the table; a resumed run goes on with it."""
        assert isinstance(pl_module, CurriculumModule)
        self._table = StepTable(Path(trainer.default_root_dir) / "ngrams.csv")
        if pl_module.step > 0:
            self._table.cut_back(pl_module.step)

    def on_step(self, trainer: Trainer, module: CurriculumModule, step: int) -> None:
        """Measure and write, on one device."""
        if not trainer.is_global_zero or self._inputs is None or self._table is None:
            return
        model: Any = module.model
        distances = ngram_distances(model, *self._inputs, ns=self.ngrams)
        robust, close = distances.median_robust(), distances.median_close()
        self._table.append(
            [{"step": step, "n": n, "robust": robust[n], "close": close[n]} for n in self.ngrams]
        )
        metrics = {f"ngrams/robust_{n}": value for n, value in robust.items()}
        metrics |= {f"ngrams/close_{n}": value for n, value in close.items()}
        module.note(metrics)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.log_metrics(metrics, step=step)
