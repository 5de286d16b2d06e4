"""Modules that are not this suite's, harvested and taught by its callbacks."""

from __future__ import annotations

import gc
import math
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from transformers import BertConfig, BertForSequenceClassification

import lit_curriculum as lc
from lit_curriculum.callbacks import LogMonomials, LogNgrams
from lit_curriculum.models import MLP
from lit_curriculum.reading import read_table
from lit_curriculum.training.guest import check_harvestable
from tests.support import in_child

N_TRAIN, BATCH = 24, 4


def data(seed: int = 0) -> DataLoader[Any]:
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randn(N_TRAIN, 3, generator=generator), torch.randint(0, 4, (N_TRAIN,), generator=generator)
    return DataLoader(TensorDataset(x, y), BATCH)


class Plain(LightningModule):
    """A module that has never heard of this suite."""

    def __init__(self, width: int = 5, dropout: float = 0.0) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Linear(3, width), nn.Tanh(), nn.Dropout(dropout), nn.Linear(width, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)  # type: ignore[no-any-return]

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val/loss", nn.functional.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Student(lc.Distilled, Plain):
    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        return self.distillation_loss(self(batch[0]), batch)


def train(
    module: LightningModule, folder: Path, *callbacks: Callback, ckpt_path: Any = None, **options: Any
) -> Trainer:
    given: dict[str, Any] = {
        "max_epochs": 2,
        "accelerator": "cpu",
        "logger": False,
    }
    trainer = Trainer(
        default_root_dir=folder,
        callbacks=list(callbacks),
        enable_model_summary=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
        **{**given, **options},
    )
    trainer.fit(module, data(), data(1), ckpt_path=ckpt_path)
    return trainer


def seeded(module: type[Plain], seed: int = 0, **arguments: Any) -> Plain:
    torch.manual_seed(seed)
    return module(**arguments)


@pytest.fixture
def bank(tmp_path: Path) -> lc.CheckpointBank:
    train(seeded(Plain, 1), tmp_path / "teacher", lc.HarvestCheckpoints(every_n_steps=3))
    return lc.bank.open(tmp_path / "teacher" / "bank")


def test_steps_are_lightnings_and_metrics_are_noted(tmp_path: Path, bank: lc.CheckpointBank) -> None:
    assert bank.steps == [3, 6, 9, 12]
    assert [entry.samples for entry in bank] == [12, 24, 36, 48]
    assert [set(entry.metrics) for entry in bank] == [set(), {"val/loss"}, set(), {"val/loss"}]
    module = seeded(Plain, 1)
    train(module, tmp_path / "again")
    assert all(
        torch.equal(a, b)
        for a, b in zip(bank.load(bank.final).parameters(), module.parameters(), strict=True)
    )


def test_accumulated_batches_are_one_step(tmp_path: Path) -> None:
    harvest = lc.HarvestCheckpoints(every_n_steps=2)
    train(seeded(Plain), tmp_path, harvest, accumulate_grad_batches=3)
    bank = lc.bank.open(tmp_path / "bank")
    assert bank.steps == [2, 4]
    assert bank.final.samples == N_TRAIN * 2


class Inside(Plain):
    def __init__(self, model: nn.Module) -> None:
        LightningModule.__init__(self)
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if isinstance(self.model, BertForSequenceClassification):
            return self.model(x.abs().long().clamp(max=6)).logits  # type: ignore[no-any-return]
        return self.model(x)  # type: ignore[no-any-return]


def bert() -> nn.Module:
    sizes = {"hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 4}
    config = BertConfig(vocab_size=7, max_position_embeddings=4, num_labels=4, **sizes)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    return BertForSequenceClassification(config)


@pytest.mark.parametrize(
    ("model", "name"), [(bert, "huggingface"), (lambda: MLP(d=3, width=6, n_classes=4), "mlp")]
)
def test_the_model_inside_is_what_is_harvested(model: Any, name: str, tmp_path: Path) -> None:
    inner = model()
    train(Inside(inner), tmp_path, lc.HarvestCheckpoints(at_steps=[5]))
    bank = lc.bank.open(tmp_path / "bank")
    assert bank.model["name"] == name
    assert bank.steps == [5, 12]
    loaded = bank.load(bank.final)
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), inner.parameters(), strict=True))


class Secretive(Plain):
    def __init__(self, width: int) -> None:
        LightningModule.__init__(self)
        self.net = nn.Linear(3, 4)


def test_a_model_must_tell_how_it_was_made(tmp_path: Path) -> None:
    with pytest.raises(lc.UsageError, match=r"model: got 'Secretive'; allowed: one that tells how it"):
        train(Secretive(3), tmp_path, lc.HarvestCheckpoints(every_n_steps=3))
    assert not (tmp_path / "bank").exists()


def losses_by_hand(bank: lc.CheckpointBank, teachers: list[int], tau: float) -> list[float]:
    """Return the losses of a student in a bare loop: the mean of sum p (log p - log q)."""
    student, found = seeded(Student), []
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
    for step, (x, _) in enumerate([*data(), *data()]):
        with torch.no_grad():
            p = (bank.load(bank.at(teachers[step]))(x) / tau).log_softmax(-1)
        loss = (p.exp() * (p - student(x).log_softmax(-1))).sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def swaps_of(run: Path) -> list[tuple[int, int]]:
    return [(int(row["step"]), int(row["teacher_step"])) for row in read_table(run / "swaps.csv")]


class Losses(Callback):
    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, *_: Any) -> None:
        self.seen.append(float(outputs["loss"]))


@pytest.mark.parametrize("tau", [1.0, 0.5])
def test_a_student_hears_each_teacher_in_its_time(
    tau: float, tmp_path: Path, bank: lc.CheckpointBank
) -> None:
    losses = Losses()
    train(seeded(Student), tmp_path / "s", lc.SwapTeacher(bank, lc.Kappa(1.0), tau=tau), losses)
    teachers = [3] * 3 + [6] * 3 + [9] * 3 + [12] * 3
    assert losses.seen == pytest.approx(losses_by_hand(bank, teachers, tau), abs=1e-6)
    swaps = read_table(tmp_path / "s" / "swaps.csv")
    assert [(int(row["step"]), int(row["teacher_step"])) for row in swaps] == [
        (0, 3),
        (3, 6),
        (6, 9),
        (9, 12),
    ]


def test_without_a_teacher_the_labels_teach(tmp_path: Path) -> None:
    student, plain = seeded(Student), seeded(Plain)
    train(student, tmp_path / "student")
    train(plain, tmp_path / "plain")
    assert all(torch.equal(a, b) for a, b in zip(student.parameters(), plain.parameters(), strict=True))


def test_a_teacher_leaves_when_the_training_ends(tmp_path: Path, bank: lc.CheckpointBank) -> None:
    student, plain, losses = seeded(Student), seeded(Plain), Losses()
    train(student, tmp_path / "first", lc.SwapTeacher(bank, lc.OneShot(), tau=1.0), losses, max_epochs=1)
    assert student.supervision.teacher is None
    plain.load_state_dict(student.state_dict())
    train(student, tmp_path / "labels", max_epochs=1)
    train(plain, tmp_path / "plain", max_epochs=1)
    assert all(torch.equal(a, b) for a, b in zip(student.parameters(), plain.parameters(), strict=True))
    with pytest.raises(RuntimeError, match="killed"):
        train(student, tmp_path / "k", lc.SwapTeacher(bank, lc.OneShot()), Killed(tmp_path / "k.ckpt"))
    assert student.supervision.teacher is None


def test_who_does_not_listen_is_told_how(tmp_path: Path, bank: lc.CheckpointBank) -> None:
    with pytest.raises(lc.UsageError, match=r"Plain cannot be taught; allowed: .*Distilled"):
        train(seeded(Plain), tmp_path / "s", lc.SwapTeacher(bank, lc.OneShot()))
    with pytest.raises(lc.UsageError, match="noisy_labels"):
        train(seeded(Student), tmp_path / "s", lc.SwapTeacher(bank, lc.OneShot(), noisy_labels=True))
    with pytest.raises(lc.UsageError, match="the length of the run is not known; allowed: max_steps"):
        train(seeded(Student), tmp_path / "s", lc.SwapTeacher(bank, lc.OneShot()), max_epochs=-1)
    with pytest.raises(lc.UsageError, match="teacher_device: got 'gpu7'"):
        lc.SwapTeacher(bank, lc.OneShot(), teacher_device="gpu7")


@pytest.mark.parametrize("probe", [LogMonomials(every_n_steps=2), LogNgrams(every_n_steps=2)])
def test_what_measures_only_this_suites_modules_says_so(probe: Callback, tmp_path: Path) -> None:
    with pytest.raises(lc.UsageError, match=f"{type(probe).__name__}: got the module Plain; allowed"):
        train(seeded(Plain), tmp_path, probe)


def test_the_teacher_is_in_nobodys_checkpoint(tmp_path: Path, bank: lc.CheckpointBank) -> None:
    swap = lc.SwapTeacher(bank, lc.Kappa(1.0), teacher_device="cpu")
    student = seeded(Student)
    trainer = train(student, tmp_path / "s", swap)
    trainer.save_checkpoint(tmp_path / "end.ckpt")
    saved = torch.load(tmp_path / "end.ckpt", weights_only=True)
    assert set(saved["state_dict"]) == set(dict(student.named_parameters()))
    assert sum(len(group["params"]) for group in saved["optimizer_states"][0]["param_groups"]) == 4


class Killed(Callback):
    """Save at the end of an epoch and die a step later."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == 7:
            raise RuntimeError("killed")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.save_checkpoint(self.path)


def test_a_killed_student_goes_on_as_if_nothing_had_happened(tmp_path: Path, bank: lc.CheckpointBank) -> None:
    def callbacks() -> list[Callback]:
        return [lc.SwapTeacher(bank, lc.Kappa(1.0)), lc.HarvestCheckpoints(every_n_steps=4, at_steps=[7])]

    whole, second = seeded(Student), seeded(Student, 5)
    train(whole, tmp_path / "whole", *callbacks())
    killed = Killed(tmp_path / "parts" / "half.ckpt")
    with pytest.raises(RuntimeError, match="killed"):
        train(seeded(Student), tmp_path / "parts", *callbacks(), killed)
    assert lc.bank.open(tmp_path / "parts" / "bank").steps == [4, 7]
    train(second, tmp_path / "parts", *callbacks(), ckpt_path=killed.path)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), second.parameters(), strict=True))
    banks = [lc.bank.open(tmp_path / name / "bank") for name in ("whole", "parts")]
    assert list(banks[0]) == list(banks[1])
    swaps = [(tmp_path / name / "swaps.csv").read_text() for name in ("whole", "parts")]
    assert swaps[0] == swaps[1]


def test_another_bank_on_resume_is_refused(tmp_path: Path, bank: lc.CheckpointBank) -> None:
    train(seeded(Plain, 2), tmp_path / "other", lc.HarvestCheckpoints(every_n_steps=3))
    killed = Killed(tmp_path / "half.ckpt")
    with pytest.raises(RuntimeError, match="killed"):
        train(seeded(Student), tmp_path / "s", lc.SwapTeacher(bank, lc.Kappa(1.0)), killed)
    swap = lc.SwapTeacher(tmp_path / "other" / "bank", lc.Kappa(1.0))
    with pytest.raises(lc.UsageError, match="under another schedule or other teachers"):
        train(seeded(Student), tmp_path / "s", swap, ckpt_path=killed.path)


def test_two_processes_harvest_and_are_taught_as_one(tmp_path: Path, bank: lc.CheckpointBank) -> None:
    def two() -> int:
        harvest, swap = lc.HarvestCheckpoints(every_n_steps=1), lc.SwapTeacher(bank, lc.NT(2, 2))
        train(seeded(Student), tmp_path / "two", harvest, swap, devices=2, strategy="ddp_fork")
        return 0

    assert in_child(two) == 0
    found = lc.bank.open(tmp_path / "two" / "bank")
    assert found.steps == [1, 2, 3, 4, 5, 6]
    assert found.final.samples == 6 * BATCH * 2
    assert swaps_of(tmp_path / "two") == [(0, 6), (2, 12)]


class Odd(Plain):
    """Its inner model is a Sequential, which does not tell how it was made; its arguments hold a tuple."""

    def __init__(self, widths: tuple[int, ...] = (5, 4), slope: float = 1.0) -> None:
        super(Plain, self).__init__()
        self.save_hyperparameters(ignore=["slope"])
        self.model = nn.Sequential(nn.Linear(3, widths[0]), nn.Tanh(), nn.Linear(widths[0], widths[1]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)  # type: ignore[no-any-return]

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        self.log("train/step", float(self.global_step), on_step=False, on_epoch=True)
        return super().training_step(batch, batch_idx)


def test_a_module_that_tells_of_itself_stands_for_its_silent_parts(tmp_path: Path) -> None:
    killed = Killed(tmp_path / "half.ckpt")
    with pytest.raises(RuntimeError, match="killed"):
        train(Odd((6, 4)), tmp_path / "run", lc.HarvestCheckpoints(every_n_steps=3), killed)
    assert check_harvestable(Odd()) == ["Odd does not record slope: it will be rebuilt with their defaults"]
    harvest = lc.HarvestCheckpoints(every_n_steps=3)  # although JSON made a list of the tuple
    train(Odd((6, 4)), tmp_path / "run", harvest, ckpt_path=killed.path)
    bank = lc.bank.open(tmp_path / "run" / "bank")
    assert bank.steps == [3, 6, 9, 12]
    assert bank.load(bank.final)(torch.zeros(2, 3)).shape == (2, 4)
    # Of the steps that were evaluated, what the evaluation logged: no mean of an epoch of training.
    assert all(set(entry.metrics) <= {"val/loss"} for entry in bank)


def test_a_bank_of_another_training_is_not_written_over(tmp_path: Path, bank: lc.CheckpointBank) -> None:
    folder = bank.folder.parent
    with pytest.raises(lc.UsageError, match="holds a bank of an earlier training"):
        train(seeded(Plain, 7), folder, lc.HarvestCheckpoints(every_n_steps=3))
    assert lc.bank.open(bank.folder).steps == [3, 6, 9, 12]
    train(seeded(Plain, 7), folder, lc.HarvestCheckpoints(every_n_steps=3, folder="second"))


def test_a_bank_goes_on_from_a_checkpoint_that_lies_elsewhere(tmp_path: Path) -> None:
    killed = Killed(tmp_path / "elsewhere" / "half.ckpt")
    with pytest.raises(RuntimeError, match="killed"):
        train(seeded(Plain), tmp_path / "run", lc.HarvestCheckpoints(every_n_steps=2), killed)
    train(seeded(Plain), tmp_path / "run", lc.HarvestCheckpoints(every_n_steps=2), ckpt_path=killed.path)
    assert lc.bank.open(tmp_path / "run" / "bank").steps == [2, 4, 6, 8, 10, 12]


class Stop(Callback):
    """End a training at step 7, right after a checkpoint of it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == 7:
            trainer.save_checkpoint(self.path)
            trainer.should_stop = True


def test_a_training_that_was_ended_early_goes_on(tmp_path: Path) -> None:
    stop = Stop(tmp_path / "seven.ckpt")
    train(seeded(Plain), tmp_path / "run", lc.HarvestCheckpoints(every_n_steps=4), stop)
    assert lc.bank.open(tmp_path / "run" / "bank").steps == [4, 7]
    train(seeded(Plain), tmp_path / "run", lc.HarvestCheckpoints(every_n_steps=4), ckpt_path=stop.path)
    assert lc.bank.open(tmp_path / "run" / "bank").steps == [4, 7, 8, 12]


class Unheard(Plain):
    """Logs while it trains, and has a name that this suite's modules have, too."""

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        loss = super().training_step(batch, batch_idx)
        self.log("train/loss", loss)
        return loss

    def advance_to(self, step: int) -> None:
        raise AssertionError("nobody asks")


def test_a_name_alone_makes_no_module_of_this_suite(tmp_path: Path) -> None:
    train(seeded(Unheard), tmp_path, lc.HarvestCheckpoints(every_n_steps=5))
    assert lc.bank.open(tmp_path / "bank").steps == [5, 10, 12]


def test_only_what_was_evaluated_is_noted_of_the_end(tmp_path: Path) -> None:
    stop = Stop(tmp_path / "seven.ckpt")
    train(seeded(Unheard), tmp_path / "seven", lc.HarvestCheckpoints(every_n_steps=4), stop)
    # Lightning evaluates where it is told to stop; what was logged in training is no evaluation.
    assert set(lc.bank.open(tmp_path / "seven" / "bank").final.metrics) == {"val/loss"}
    train(seeded(Unheard), tmp_path / "all", lc.HarvestCheckpoints(at_steps=[1]))
    final = lc.bank.open(tmp_path / "all" / "bank").final
    assert (final.step, set(final.metrics)) == (12, {"val/loss"})


def test_a_module_is_not_kept_alive_by_having_been_trained(tmp_path: Path) -> None:
    module = seeded(Plain)
    trainer = train(module, tmp_path, lc.HarvestCheckpoints(every_n_steps=4))
    gone = weakref.ref(module), weakref.ref(trainer)
    del module, trainer
    gc.collect()
    assert [of() for of in gone] == [None, None]


def test_a_student_is_taught_again_by_the_same_callback(tmp_path: Path, bank: lc.CheckpointBank) -> None:
    """Resumed once, then trained from the beginning over another number of steps."""
    swap, student = lc.SwapTeacher(bank, lc.EqualSplit(2)), seeded(Student)
    train(student, tmp_path / "a", lc.SwapTeacher(bank, lc.EqualSplit(2))).save_checkpoint(
        tmp_path / "a.ckpt"
    )
    train(student, tmp_path / "b", swap, ckpt_path=tmp_path / "a.ckpt")
    train(seeded(Student), tmp_path / "c", swap, max_epochs=1)
    assert swaps_of(tmp_path / "c") == [(0, 6), (3, 12)]


def test_labels_that_are_the_inputs_are_refused_once() -> None:
    class Reader(lc.Distilled):
        pass

    ids = torch.randint(0, 5, (2, 6), generator=torch.Generator().manual_seed(0))
    logits = torch.zeros(2, 6, 5)
    copied = {"input_ids": ids, "labels": ids.masked_fill(ids == 0, -100)}
    with pytest.raises(lc.UsageError, match="labels: got input_ids themselves"):
        Reader().distillation_loss(logits, copied)
    shifted = {"input_ids": ids, "labels": ids.roll(-1, 1)}
    assert Reader().distillation_loss(logits, shifted).item() == pytest.approx(math.log(5))


class Untold(Plain):
    def __init__(self, inner: int) -> None:
        LightningModule.__init__(self)
        self.save_hyperparameters({"inner": inner + 1})
        self.net = nn.Linear(3, inner)


class Manual(Student):
    automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        loss = super().training_step(batch, batch_idx)
        optimizer: Any = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        return loss


def test_what_cannot_go_well_is_told_before_the_training(tmp_path: Path, bank: lc.CheckpointBank) -> None:
    with pytest.raises(lc.UsageError, match="Untold cannot be rebuilt from its own description"):
        train(Untold(4), tmp_path / "a", lc.HarvestCheckpoints(every_n_steps=3))
    with pytest.raises(lc.UsageError, match="max_steps: missing; allowed: a number with manual"):
        train(seeded(Manual), tmp_path / "b", lc.SwapTeacher(bank, lc.Kappa(1.0)))
    train(seeded(Manual), tmp_path / "b", lc.SwapTeacher(bank, lc.Kappa(1.0)), max_steps=10, max_epochs=-1)
    assert swaps_of(tmp_path / "b") == [(0, 3), (3, 6), (6, 9), (9, 12)]
    for arguments in ({"every_n_steps": 2.5}, {"at_steps": [2.5]}, {"every_n_steps": True}):
        with pytest.raises(lc.UsageError, match="HarvestCheckpoints"):
            lc.HarvestCheckpoints(**arguments)  # type: ignore[arg-type]
    for wrong in ({"strategy": lc.OneShot}, {"tau": "1"}, {"top_k": 2.5}, {"label_weight": "x"}):
        with pytest.raises(lc.UsageError, match=f"SwapTeacher.{next(iter(wrong))}"):
            lc.SwapTeacher(bank, **{"strategy": lc.OneShot(), **wrong})  # type: ignore[arg-type]
    for strategy in (lc.NT(2, 2.5), lc.EqualSplit(2.0), lc.Explicit([3, 12], [2.5, 3])):  # type: ignore[arg-type,list-item]
        with pytest.raises(lc.UsageError, match="an integer of at least 1"):
            train(seeded(Student), tmp_path / "c", lc.SwapTeacher(bank, strategy))


def test_a_teacher_keeps_its_precision_beside_a_student_in_less(
    tmp_path: Path, bank: lc.CheckpointBank
) -> None:
    student, kinds = seeded(Student), set()

    def rows(teacher: nn.Module, batch: Any) -> torch.Tensor:
        logits = Student.rows_of_teacher(student, teacher, batch)  # type: ignore[arg-type]
        kinds.add(logits.dtype)
        return logits

    student.rows_of_teacher = rows  # type: ignore[method-assign]
    train(student, tmp_path / "s", lc.SwapTeacher(bank, lc.OneShot()), precision="bf16-mixed", max_epochs=1)
    assert kinds == {torch.float32}


def test_importing_the_suite_imports_nothing_else() -> None:
    code = (
        "import lit_curriculum as lc, sys; print(sorted({'torch', 'lightning', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="has no attribute 'SwapTeachers'"):
        lc.SwapTeachers  # type: ignore[attr-defined] # noqa: B018
    assert set(lc.__all__) <= set(dir(lc))
    assert all(getattr(lc, name).__doc__ for name in lc.__all__)
