"""Swap the teacher of a student between two updates, as its schedule says (progressive, section 2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_info

from lit_curriculum.callbacks.live_teacher import LiveTeacher
from lit_curriculum.callbacks.shelves import shelf_of
from lit_curriculum.callbacks.swap_options import (
    check_foreseen,
    check_options,
    check_task,
    check_together,
    device_of,
)
from lit_curriculum.callbacks.tensorboard import show_swap
from lit_curriculum.distillation import (
    CachedTeacher,
    Checkpoint,
    CheckpointBank,
    LabelFlips,
    Schedule,
    Shares,
    Shelf,
    Strategy,
    Teacher,
    TeacherLoader,
)
from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.tables import StepTable
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.base_data import CurriculumData
from lit_curriculum.training.guest import Guest, GuestData, Run, run_of
from lit_curriculum.training.listeners import ChecksData, StepListener


class SwapTeacher(StepListener, ChecksData, Callback):
    """Distil from a bank of teacher checkpoints.

    Args:
        bank: folder with the teacher's manifest, or a `LiveTeacher`, which trains in this run; in a program
            of one's own also a bank.
        strategy: which checkpoint teaches when: OneShot, NT, TwoShot, PeakOfEach,
            Explicit, EqualSplit, Kappa; as a control Reordered.
        tau: temperature of the teacher; 0 is argmax. The papers use 1e-4 here, 1e-20 for language.
        label_weight: share of the label in the target, 0 to 1.
        scale_by_tau_squared: multiply the loss by tau^2.
        student_temperature: temperature of the student in the loss.
        label_cache: keep the teachers' answers in ``labels`` beside the bank, where every student that sees
            the same samples finds them (with batch-1 SGD at any tau, with minibatches below 0.01; results
            do not depend on it).
        label_cache_gib: most space that the folder may take.
        other_task: take a teacher of another support, tree or grammar, which is refused otherwise; a control.
            All else is the student's: inputs, masks, tokens, and strings no longer than the teacher reads.
        teacher_device: where the teacher answers if not where the student trains, e.g. ``cpu``.
        top_k: keep only so many of the teacher's likeliest classes, and one bucket for all others; the loss
            is then a lower bound of the divergence. For vocabularies: answers are cached at any temperature.
        weight: share of this teacher's answers in the target, where several SwapTeacher stand in one run, or
            ``{step: share}``, each from that student step on; at every step the weights add up to 1.
        noisy_labels: the teacher does not answer; its student learns from labels with the same error rate as
            each checkpoint's answers (``val/accuracy`` in the manifest), drawn by their batch's number; a
            control, on one device.

    The student is a module of this suite, or any LightningModule that inherits `Distilled`.

    Every swap is written to ``<run folder>/swaps.csv``. The teacher is no part of the student: a checkpoint
    holds only the schedule and the teachers' hashes, and a resumed run must find the same ones; of a
    `LiveTeacher` also its training and what it is made of.

    Raises:
        UsageError: for a value out of range.
    """

    def __init__(
        self,
        bank: str | Path | CheckpointBank,
        strategy: Strategy,
        tau: float = 1e-4,
        label_weight: float = 0.0,
        scale_by_tau_squared: bool = False,
        student_temperature: float = 1.0,
        label_cache: bool = True,
        label_cache_gib: float = 4.0,
        other_task: bool = False,
        noisy_labels: bool = False,
        teacher_device: str | None = None,
        top_k: int | None = None,
        weight: float | dict[int, float] | None = None,
    ) -> None:
        self.bank = str(bank.folder if isinstance(bank, CheckpointBank) else bank)
        self.live = bank if isinstance(bank, LiveTeacher) else None
        self.strategy = strategy
        self.tau = tau
        self.label_weight = label_weight
        self.scale_by_tau_squared = scale_by_tau_squared
        self.student_temperature = student_temperature
        self.label_cache = label_cache
        self.label_cache_gib = label_cache_gib
        self.other_task = other_task
        self.noisy_labels = noisy_labels
        self.teacher_device = None if teacher_device is None else device_of(teacher_device)
        self.top_k = top_k
        self.weight = weight
        check_options(self)
        self.shares = Shares.of(weight, "SwapTeacher.weight")
        self._shelf: Shelf[Any] | None = None
        self._schedule: Schedule | None = None
        self._loader: TeacherLoader | None = None
        self._restored: dict[str, Any] | None = None
        self._table: StepTable | None = None

    @property
    def state_key(self) -> str:
        """Tell the teachers of a run apart in its checkpoints; one that is alone has the class's name."""
        return "SwapTeacher" if self.weight is None else f"SwapTeacher({self.bank})"

    def check_run(self, module: CurriculumModule, data: CurriculumData) -> None:
        """See `ChecksData.check_run`: batch-1 SGD takes whole answers."""
        if self.top_k and not module.automatic_optimization:
            raise bad_value("SwapTeacher.top_k", self.top_k, "null with batch-1 SGD")

    def check_trainer(self, trainer: Trainer) -> None:
        """Check what only some teachers allow of the student's trainer.

        Raises:
            UsageError: see `LiveTeacher.check_trainer`; for noisy labels of parts of a batch.
        """
        if self.live is not None:
            self.live.check_trainer(trainer)
        if self.noisy_labels and trainer.world_size * trainer.accumulate_grad_batches > 1:
            allowed = "false on several devices and with accumulated batches: errors are a whole batch's"
            raise bad_value("SwapTeacher.noisy_labels", True, allowed)

    def plan(self, data: CurriculumData | GuestData) -> Schedule:
        """Open the bank, verify every checkpoint that will teach, and return the schedule.

        Raises:
            UsageError: if the bank is missing, empty, altered, not finite or of another task, or the
                schedule does not fit the student's run.
        """
        bank = self.live or CheckpointBank.open(self.bank, "SwapTeacher.bank")
        check_task(bank, data, self.other_task)
        schedule = self.strategy.plan(bank, data.num_steps)
        bank.check_schedule(schedule)
        if self.noisy_labels:
            for entry in schedule.distinct:
                self._error(entry)
        self._loader = TeacherLoader(bank)
        self._schedule = schedule
        return schedule

    def foresee(self, bank: CheckpointBank, data: CurriculumData) -> None:
        """Check what can be told before the teacher is trained: its task, and a schedule that names steps.

        Args:
            bank: of the steps that will be harvested, without files.
            data: the student's.

        Raises:
            UsageError: see `plan`.
        """
        check_task(bank, data, self.other_task)
        check_foreseen(self.strategy, bank, data.num_steps)

    @property
    def teachers(self) -> list[dict[str, Any]]:
        """Path and hash of every teacher of the schedule, for provenance; none before `plan`."""
        if self._schedule is None or self._loader is None:
            return []
        folder, digest = Path(self.bank), self._loader.bank.digest
        return [
            {"path": str(folder / e.file), "step": e.step, "sha256": digest(e)}
            for e in self._schedule.distinct
            if digest(e)
        ]

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Make the schedule; say which checkpoints it had to drop."""
        module = run_of(trainer, pl_module)
        self.check_trainer(trainer)
        callbacks = trainer.callbacks  # type: ignore[attr-defined]
        check_together([callback for callback in callbacks if isinstance(callback, SwapTeacher)])
        if isinstance(module, Guest):
            module.check_student(self.noisy_labels)
        schedule = self.plan(module.data)
        rank_zero_info(f"SwapTeacher: checkpoints of {self.bank} teach: {schedule}")
        if schedule.dropped:
            rank_zero_info(
                f"SwapTeacher: {len(schedule.dropped)} checkpoints do not fit into the student's "
                f"{module.data.num_steps} steps and are dropped: {list(schedule.dropped)}"
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Install the teacher of the current step.

        Raises:
            UsageError: if a resumed run finds other teachers than those it began with.
        """
        module = run_of(trainer, pl_module)
        if self.live is not None:
            state = None if self._restored is None else self._restored.pop("live", None)
            self.live.begin(self.teacher_device or module.device, state)
        if self._restored is not None and self._restored != self._identity():
            raise self._another(self._restored)
        if trainer.is_global_zero:
            self._table = module.tables.open("swaps.csv")
        supervision = module.supervision
        supervision.label_weight = self.label_weight
        supervision.scale_by_tau_squared = self.scale_by_tau_squared
        supervision.student_temperature = self.student_temperature
        self._install(trainer, module, announce=module.step == 0)

    def next_event(self, step: int) -> int | None:
        """See `StepListener.next_event`."""
        if self._schedule is None:
            return None
        due = (self._schedule.next_swap(step), self.shares.next_change(step))
        return min((one for one in due if one is not None), default=None)

    def on_step(self, trainer: Trainer, module: Run, step: int) -> None:
        """Swap, or change the share."""
        self._install(trainer, module, announce=True)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the labels of the last batches."""
        self._put_away()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Write what has been computed so far."""
        self._put_away()
        self._leave(trainer, pl_module)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the student: it may be trained again, by others."""
        self._leave(trainer, pl_module)

    def _leave(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._restored = None  # of this training alone
        if self._schedule is not None:
            supervision = run_of(trainer, pl_module).supervision
            supervision.leave(self)
            supervision.flips = None

    def _another(self, restored: dict[str, Any]) -> UsageError:
        """Return the error for a checkpoint of another schedule, by what differs first."""
        began = "SwapTeacher: the checkpoint was trained under another schedule or other teachers"
        ours = self._identity()
        if restored["starts"] != ours["starts"]:
            now = f"with swaps at steps {restored['starts']}, now {ours['starts']}"
            return UsageError(f"{began}: {now}; allowed: the same strategy and length of the run")
        hashes = [digest[:12] for digest in restored["sha256"]]
        return UsageError(f"{began}; allowed: teachers with sha256 {hashes}")

    def state_dict(self) -> dict[str, Any]:
        """Return the schedule and the teachers' hashes, and what a `LiveTeacher` goes on from."""
        return self._identity() | ({} if self.live is None else {"live": self.live.state_dict()})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep them for the comparison at the start."""
        self._restored = state_dict

    def _identity(self) -> dict[str, Any]:
        if self._schedule is None or self._loader is None:
            return {"starts": [], "sha256": []}
        return {
            "starts": list(self._schedule.starts),
            "sha256": [self._loader.bank.digest(entry) for entry in self._schedule.teachers],
        }

    def _put_away(self) -> None:
        if self._shelf is not None:
            self._shelf.flush()

    def _install(self, trainer: Trainer, module: Run, announce: bool) -> None:
        assert self._schedule is not None
        assert self._loader is not None
        entry = self._schedule.teacher_at(module.step)
        if self.noisy_labels:
            module.supervision.flips = self._flips(entry, module.data)
            self._announce(trainer, module, entry, announce)
            return
        model = self._loader.get(entry, self.teacher_device or module.device)
        source = f"checkpoint {entry.step:,} of {self.bank}"
        self._put_away()
        self._shelf = shelf_of(self, entry, trainer, module)
        settings: dict[str, Any] = {"source": source, "ask": module.ask, "device": self.teacher_device}
        settings |= {"top_k": self.top_k, "exact": module.exact_answers}
        if self._shelf is None:
            teacher = Teacher(model, self.tau, **settings)
        else:
            teacher = CachedTeacher(model, self.tau, **settings, shelf=self._shelf)
        module.supervision.follow(teacher, self.shares.at(module.step), owner=self)
        self._announce(trainer, module, entry, announce)

    def _error(self, entry: Checkpoint) -> float:
        """Return the share of a checkpoint's answers that are wrong."""
        accuracy = entry.metrics.get("val/accuracy")
        if accuracy is None:
            raise UsageError(
                f"SwapTeacher.noisy_labels: {self.bank} notes no val/accuracy at step {entry.step}; "
                "allowed: a bank whose checkpoints were evaluated"
            )
        return 1 - accuracy

    def _flips(self, entry: Checkpoint, data: CurriculumData | GuestData) -> LabelFlips:
        return LabelFlips(self._error(entry), data.data_seed, first=getattr(data, "first_class", 0))

    def _announce(self, trainer: Trainer, module: Run, entry: Checkpoint, announce: bool) -> None:
        if announce and trainer.is_global_zero and self._table is not None:
            assert self._schedule is not None
            assert self._loader is not None
            before = self._schedule.teacher_at(max(0, module.step - 1))
            told = f"SwapTeacher: step {module.step}: teacher checkpoint {entry.step}"
            show_swap(trainer, module.step, before.step, entry.step, told)
            digest = self._loader.bank.digest(entry)
            row = {"step": module.step, "teacher_step": entry.step, "sha256": digest}
            if self.weight is not None:
                row |= {"bank": self.bank, "weight": self.shares.at(module.step)}
            self._table.append([row])
