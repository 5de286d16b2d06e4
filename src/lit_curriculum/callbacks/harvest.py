"""Harvest checkpoints of the model in training into a bank, for students to come."""

from __future__ import annotations

import bisect
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_info
from torch.utils._pytree import tree_leaves

from lit_curriculum.callbacks.metric_moved import MetricMoved
from lit_curriculum.callbacks.stop_when_learned import ended_early
from lit_curriculum.distillation import BankWriter
from lit_curriculum.distillation.manifest import MANIFEST, MAX_STEP, check_file_name
from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.models import describe
from lit_curriculum.reading import is_there
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.base_data import CurriculumData
from lit_curriculum.training.guest import Guest, GuestData, Run, check_harvestable, run_of
from lit_curriculum.training.listeners import ChecksData, MetricListener, StepListener, every
from lit_curriculum.training.soundness import check_weights

TAKEN = ("checkpoints", "labels")
"""Folders of a run folder that hold something else."""


class HarvestCheckpoints(StepListener, MetricListener, ChecksData, Callback):
    """Write the model to ``<run folder>/bank`` at chosen steps; rules may be combined.

    Args:
        every_n_steps: at multiples of this many updates.
        every_n_samples: at multiples of this many samples; must be a multiple of the batch size.
        at_steps: at these steps.
        log_spaced: at this many steps a decade, evenly spaced on a log scale (10 gives 1, 2, 3, 4, 5, ...).
        on_change: after an evaluation that moved ``metric`` by at least this much since the last harvest,
            which samples a sharp transition densely and a plateau hardly at all.
        metric: the metric that ``on_change`` watches.
        include_start: also the untrained model, as step 0.
        folder: name of the bank's folder inside the run folder.

    The model is a module's of this suite, or any LightningModule's: its ``model``, if that is one of
    transformers or tells how it was made (`models.foreign.describe_foreign`), else the whole module. Steps
    are Lightning's optimizer steps there, and the run folder is ``trainer.default_root_dir``.

    The end of the run is always harvested. Held-out metrics measured at exactly a harvested step are noted
    in the manifest: choose ``data.eval_every`` as a divisor of the spacing to have them everywhere.

    Raises:
        UsageError: for a number below 1, a spacing in samples that no step count meets, or a folder that is
            no plain name.
    """

    def __init__(
        self,
        every_n_steps: int | None = None,
        every_n_samples: int | None = None,
        at_steps: list[int] | None = None,
        log_spaced: int | None = None,
        on_change: float | None = None,
        metric: str = "val/accuracy",
        include_start: bool = False,
        folder: str = "bank",
    ) -> None:
        counts = {
            "every_n_steps": every_n_steps,
            "every_n_samples": every_n_samples,
            "log_spaced": log_spaced,
        }
        for key, value in counts.items():
            if value is not None and (type(value) is not int or not 1 <= value <= MAX_STEP):
                raise bad_value(f"HarvestCheckpoints.{key}", value, "an integer of at least 1, at most 2^53")
        for step in at_steps or []:
            if type(step) is not int or not 1 <= step <= MAX_STEP:
                allowed = "integers of at least 1, at most 2^53 (include_start harvests step 0)"
                raise bad_value("HarvestCheckpoints.at_steps", step, allowed)
        check_file_name("HarvestCheckpoints.folder", folder)
        if folder in TAKEN:
            raise bad_value("HarvestCheckpoints.folder", folder, f"a name other than {', '.join(TAKEN)}")
        self.every_n_steps = every_n_steps
        self.every_n_samples = every_n_samples
        self.at_steps = sorted(at_steps or [])
        self.log_spaced = log_spaced
        self._moved = MetricMoved("HarvestCheckpoints", on_change, metric)
        self.include_start = include_start
        self.folder = folder
        self._batch_size = 1
        self._num_steps = 0
        self._writer: BankWriter | None = None
        self._noted: tuple[int, dict[str, float]] = (-1, {})
        self._kept: dict[int, str] | None = None
        self._seen = 0

    def next_event(self, step: int) -> int | None:
        """See `StepListener.next_event`."""
        place = bisect.bisect_right(self.at_steps, step)
        due = [s for s in (*self.at_steps[place : place + 1], self._num_steps) if s > step]
        if self.every_n_steps:
            due.append(every(self.every_n_steps, step))
        if self.every_n_samples:
            due.append(every(self.every_n_samples // self._batch_size, step))
        if self.log_spaced:
            due.append(_next_log_spaced(self.log_spaced, step))
        return min(due, default=None)

    def expected(self, data: CurriculumData) -> int:
        """Return how many checkpoints a run keeps, but for those that ``on_change`` adds."""
        return len(self.planned(data))

    def planned(self, data: CurriculumData) -> list[int]:
        """Return the steps at which a run harvests, but for those that ``on_change`` adds."""
        self._batch_size, self._num_steps = data.batch_size, data.num_steps
        step, steps = self.next_event(0), [0] * self.include_start
        while step is not None and step <= data.num_steps:
            steps.append(step)
            step = self.next_event(step)
        return steps

    @property
    def adds(self) -> bool:
        """Whether it harvests at steps that are not known before."""
        return self._moved.on_change is not None

    def on_step(self, trainer: Trainer, module: Run, step: int) -> None:
        """Harvest."""
        self._harvest(trainer, module)

    def check_run(self, module: CurriculumModule, data: CurriculumData) -> None:
        """See `ChecksData.check_run`: a spacing in samples must be met by a step count."""
        self._check_spacing(data)

    def _check_spacing(self, data: CurriculumData | GuestData) -> None:
        if self.every_n_samples and not data.batch_size:
            allowed = "every_n_steps, where the loader does not tell its batch size"
            raise bad_value("HarvestCheckpoints.every_n_samples", self.every_n_samples, allowed)
        if self.every_n_samples and self.every_n_samples % data.batch_size:
            raise bad_value(
                "HarvestCheckpoints.every_n_samples",
                self.every_n_samples,
                f"a multiple of data.batch_size = {data.batch_size}",
            )

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read what the spacing depends on.

        Raises:
            UsageError: if ``every_n_samples`` is not a multiple of the batch size.
        """
        module = run_of(trainer, pl_module)
        if isinstance(module, Guest):
            for note in check_harvestable(module.model):
                rank_zero_info(f"HarvestCheckpoints: {note}")
        self._check_spacing(module.data)
        self._batch_size, self._num_steps = module.data.batch_size, module.data.num_steps

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the bank; a resumed run goes on with what it harvested up to its checkpoint."""
        module = run_of(trainer, pl_module)
        if not trainer.is_global_zero or (isinstance(module, Guest) and trainer.fast_dev_run):  # type: ignore[attr-defined]
            return
        kept = self._kept if self._writer is None else self._writer.hashes
        self._writer = BankWriter(
            Path(trainer.default_root_dir) / self.folder,
            describe(module.model),
            module.data.describe_task(),
            module.identity["config_hash"],
            module.identity["commit"],
        )
        if isinstance(module, Guest):
            self._continue(module, kept)
        elif module.tables.resumed:
            self._writer.continue_from(module.step, self._kept)
        if module.step == 0 and self.include_start:
            self._harvest(trainer, module)

    def _continue(self, module: Guest, kept: dict[int, str] | None) -> None:
        """Go on with a guest's bank; never write over one that is another training's."""
        assert self._writer is not None
        if not is_there(self._writer.folder / MANIFEST):
            return
        if kept is None:
            raise UsageError(
                f"HarvestCheckpoints: {self._writer.folder} holds a bank of an earlier training; allowed: "
                "another default_root_dir, another folder, or the same training resumed (ckpt_path)"
            )
        self._writer.continue_from(module.step, {s: h for s, h in kept.items() if s <= module.step})

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Count a guest's samples."""
        super().on_train_batch_start(trainer, pl_module, batch, batch_idx)
        if isinstance(run_of(trainer, pl_module), Guest):
            first = next((leaf for leaf in tree_leaves(batch) if isinstance(leaf, torch.Tensor)), None)
            rows = 0 if first is None or not first.dim() else len(first)
            self._seen += rows * trainer.world_size

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the evaluation in the manifest; harvest if the metric moved enough."""
        module = run_of(trainer, pl_module)
        if trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            return
        metrics = module.evaluation
        if self._moved(metrics):
            self._harvest(trainer, module)
        self.on_metrics(module.step, metrics)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Harvest the end of a run that was ended before its time.

        Raises:
            RunFailed: if something that was harvested is not there any more.
        """
        module = run_of(trainer, pl_module)
        if self._writer is None:
            return
        # One that Lightning ended: it knew no last step, or `StopWhenLearned` or a user's rule saw enough.
        early = ended_early(trainer) or trainer.should_stop or isinstance(module, Guest)
        if early and module.step not in self._writer.steps:
            self._harvest(trainer, module)
        self._writer.check_whole()

    def on_metrics(self, step: int, metrics: dict[str, float]) -> None:
        """Note them in the manifest, if this step is harvested (before or after they are measured)."""
        known = self._noted[1] if self._noted[0] == step else {}
        self._noted = (step, {**known, **metrics})
        if self._writer is not None:
            self._writer.add_metrics(step, metrics)

    def state_dict(self) -> dict[str, Any]:
        """Return the metric at the last harvest, and the SHA-256 of all that was harvested, by step."""
        kept = self._writer.hashes if self._writer is not None else {}
        return {"last_value": self._moved.last_value, "sha256": kept, "seen": self._seen}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take them up again; version 0.1 noted no hashes."""
        self._moved.last_value = state_dict["last_value"]
        self._kept = state_dict.get("sha256")
        self._seen = state_dict.get("seen", 0)

    def _harvest(self, trainer: Trainer, module: Run) -> None:
        if self._writer is not None:
            check_weights(module)
            samples = self._seen if isinstance(module, Guest) else module.step * module.data.batch_size
            self._writer.add(module.step, samples, module.model.state_dict())
            if self._noted[0] == module.step:
                self._writer.add_metrics(*self._noted)


def _next_log_spaced(per_decade: int, step: int) -> int:
    """Return the first integer of 10^(i / per_decade), rounded, above ``step``."""

    def point(i: int) -> int:
        return round(10 ** (i / per_decade))

    # A search by halves in as many decades as the step has digits, however many points each of them has.
    first = bisect.bisect_right(range(per_decade * (len(str(step)) + 1)), step, key=point)
    return point(first)
