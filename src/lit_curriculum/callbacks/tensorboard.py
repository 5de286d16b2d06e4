"""What TensorBoard shows of a run beside its metrics: settings, learning rate, single losses, swaps, phases.

Other loggers beside metrics.csv get the numbers. Nothing here changes a result.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.tensorboard.summary import hparams

from lit_curriculum.distillation import find_transition
from lit_curriculum.reading import read_table
from lit_curriculum.training.base import CurriculumModule

_HISTORY = "val/loss"
_FEWEST = 5


def writers(trainer: Trainer) -> list[Any]:
    """Return the trainer's TensorBoard writers; none on other devices than the first."""
    if not trainer.is_global_zero:
        return []
    return [logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]


class DescribeRun(Callback):
    """Shows a run's settings, learning rate, losses of single updates, and the phases that it went through.

    `lit fit` adds it to every run that has a logger beside metrics.csv. A loss and a learning rate are shown
    every ``trainer.log_every_n_steps`` updates; with several devices the loss is of the first one's share.
    """

    def __init__(self) -> None:
        self._described = False

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the settings once it is known which metrics there are; the HPARAMS tab asks for both."""
        if self._described or trainer.sanity_checking or not isinstance(pl_module, CurriculumModule):
            return
        self._described = True
        settings = json.loads(pl_module.settings or "{}")
        measured = {name: 0.0 for name in trainer.callback_metrics if "/" in name}
        for writer in writers(trainer):
            # add_hparams of torch's writer would open a run of its own beside this one.
            for summary in hparams(flat(settings), measured):  # type: ignore[no-untyped-call]
                writer.file_writer.add_summary(summary)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write the loss and the learning rate of an update, now and then."""
        if not trainer.is_global_zero:
            return
        if not isinstance(pl_module, CurriculumModule) or not isinstance(outputs, Mapping):
            return  # batch-1 SGD: thousands of updates a batch, at a constant rate
        every, step = getattr(trainer, "log_every_n_steps", 0), pl_module.step + 1  # the module counts later
        if not every or step % every or (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        rate = float(trainer.optimizers[0].param_groups[0]["lr"])
        shown = {"train/loss_of_update": float(outputs["loss"]), "train/learning_rate": rate}
        show_scalars(trainer, shown, step)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the phases of the held-out loss, as the choice of checkpoints would find them."""
        if not isinstance(pl_module, CurriculumModule):
            return
        later = "began_from" in json.loads(pl_module.settings or "{}")
        for writer in writers(trainer):
            told = phases(Path(trainer.default_root_dir) / "metrics.csv", later)
            writer.add_text("phases", told, pl_module.step)


def show_scalars(trainer: Trainer, values: Mapping[str, float], step: int) -> None:
    """Write numbers by name, measured after ``step`` updates, to every logger beside metrics.csv."""
    if trainer.is_global_zero:
        for logger in trainer.loggers:
            logger.log_metrics(dict(values), step)


def show_swap(trainer: Trainer, step: int, before: int, after: int, told: str) -> None:
    """Write a swap of teacher; to TensorBoard also a line of text, and two points: the curve is one of steps.

    Args:
        trainer: the student's.
        step: updates that the student has made.
        before: step of the checkpoint that taught until now; of no account at the first step.
        after: step of the one that teaches from now on.
        told: the line.
    """
    for writer in writers(trainer):
        writer.add_text("teacher/swaps", told, step)
        if step > 0:
            writer.add_scalar("teacher/checkpoint", before, step - 1)
    show_scalars(trainer, {"teacher/checkpoint": after}, step)


def phases(metrics: Path, later: bool = False) -> str:
    """Return, in words, the phases of the held-out loss in a run's metrics.csv.

    Args:
        metrics: the table; if it is not there, nothing was measured.
        later: whether the run began from another's checkpoint: what was before is not in its table, and the
            words say from where on they hold.
    """
    rows = read_table(metrics) if metrics.is_file() else []
    history = {int(row["step"]): float(row[_HISTORY]) for row in rows if row.get(_HISTORY)}
    what = f"{_HISTORY} from step {min(history):,} on" if later and history else _HISTORY
    if len(history) < _FEWEST:
        return f"{what} was measured {len(history)} times: too few to tell phases"
    found = find_transition(list(history), list(history.values()))
    if found is None:
        return f"{what} has no transition"
    end = f"{found.end:,}" if found.complete else "the end of the run"
    return (
        f"{what} is flat to step {found.begin:,} ({found.before:.4g}), changes to {end} "
        f"({found.after:.4g}), half of it at {found.middle:,}"
    )


def flat(settings: Mapping[str, Any]) -> dict[str, str | float | bool]:
    """Return nested settings under dotted names, as the command line has them.

    Args:
        settings: a resolved configuration; a class and its ``init_args`` become ``name = class`` and
            ``name.argument``. Entries of a list are named after their class, or their place.
    """
    return dict(_flat(settings, ""))


def _flat(value: Any, name: str) -> Iterator[tuple[str, str | float | bool]]:
    if isinstance(value, Mapping):
        if "class_path" in value:
            yield name, str(value["class_path"]).rpartition(".")[2]
            value = value.get("init_args") or {}
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(inner, Mapping) for inner in value):
        for place, inner in enumerate(value):
            path = inner.get("class_path") if isinstance(inner, Mapping) else None
            yield from _flat(inner, f"{name}.{str(path).rpartition('.')[2] if path else place}")
    elif isinstance(value, bool | int | float | str):
        yield name, value
    elif value is not None:
        yield name, str(value)
