"""LiveTeacher: teacher and student in one run are what they are one after the other, bit for bit."""

from __future__ import annotations

import copy
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning import LightningModule, Trainer

from lit_curriculum.callbacks import LiveTeacher, SwapTeacher
from lit_curriculum.callbacks.tensorboard import flat
from lit_curriculum.cli.main import main
from lit_curriculum.distillation import Distilled, Explicit, Kappa, OneShot, PeakOfEach, Reordered, TwoShot
from lit_curriculum.errors import NotFinite, UsageError
from lit_curriculum.experiments.parity_mixture import ParityMixtureData, ParityMixtureGPT
from lit_curriculum.experiments.sparse_parity import (
    SparseParityData,
    SparseParityMinibatchMLP,
    SparseParityMLP,
)
from lit_curriculum.experiments.sparse_parity_gpt2 import SparseParityGPT, SparseParityTokens
from lit_curriculum.reading import read_table
from lit_curriculum.runs.folder import RunFolder
from lit_curriculum.training.base import STATE
from tests.support import config, fit, in_child, killed_at_write, without_times

# A base, how often its smoke teacher is harvested, and its length.
GPT2 = ("sparse_parity_gpt2", 5, 40)
MLP = ("sparse_parity_mlp", 1000, 20_000)

DROPOUT = ("--model.dropout=0.2",)


def resolved(run: Path) -> dict[str, Any]:
    """Return the model and data of a run as its config.yaml has them."""
    settings = yaml.safe_load((run / "config.yaml").read_text())
    return {"model": settings["model"], "data": settings["data"]}


def overlay(path: Path, bank: Any, strategy: dict[str, Any], num_steps: int, eval_every: int) -> str:
    """Write a student's overlay: other seeds than its teacher's."""
    swap = {"bank": bank, "strategy": strategy, "tau": 0.5, "label_cache": False}
    settings = {
        "model": {"init_args": {"model_seed": 3}},
        "data": {"init_args": {"data_seed": 9, "num_steps": num_steps, "eval_every": eval_every}},
        "trainer": {"callbacks": [{"class_path": "SwapTeacher", "init_args": swap}]},
    }
    path.write_text(yaml.safe_dump(settings))
    return str(path)


def live(teacher: Path, every: int) -> dict[str, Any]:
    """Return the setting of a live teacher, of what a run of it resolved."""
    return {"class_path": "LiveTeacher", "init_args": {**resolved(teacher), "every_n_steps": every}}


def weights(run: Path) -> dict[str, torch.Tensor]:
    state = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    return dict(state)


def same(one: Path, other: Path) -> None:
    """Assert that two runs are one student, taught by one teacher."""
    assert read_table(one / "swaps.csv") == read_table(other / "swaps.csv")
    assert without_times(one / "metrics.csv") == without_times(other / "metrics.csv")
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module", params=[GPT2, MLP], ids=lambda kind: kind[0])
def taught(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[str], Path, Path]:
    """Return a base's configurations, its teacher's run, and a student of its bank."""
    name, every, steps = request.param
    folder = tmp_path_factory.mktemp(name)
    base = [config(name), config(f"smoke/{name}")]
    assert in_child(lambda: fit(folder / "teacher", *base)) == 0
    strategy = {"class_path": "Kappa", "init_args": {"kappa": 1.0}}
    student = overlay(folder / "stored.yaml", str(folder / "teacher" / "bank"), strategy, steps, every)
    assert in_child(lambda: fit(folder / "stored", *base, student)) == 0
    overlay(folder / "live.yaml", live(folder / "teacher", every), strategy, steps, every)
    return base, folder / "teacher", folder / "stored"


def test_a_live_teacher_is_the_stored_one_bit_for_bit(taught: Any, tmp_path: Path) -> None:
    base, teacher, stored = taught
    assert in_child(lambda: fit(tmp_path / "live", *base, str(teacher.parent / "live.yaml"))) == 0
    same(tmp_path / "live", stored)
    swaps = read_table(tmp_path / "live" / "swaps.csv")
    harvested = json.loads((teacher / "bank" / "manifest.json").read_text())["checkpoints"]
    assert [row["sha256"] for row in swaps] == [entry["sha256"] for entry in harvested]
    taught_by = json.loads((tmp_path / "live" / "provenance.json").read_text())["teachers"]
    assert [entry["sha256"] for entry in taught_by] == [entry["sha256"] for entry in harvested]


@pytest.mark.parametrize("nth", [20, 40])
def test_a_run_killed_in_the_middle_goes_on_bit_for_bit(taught: Any, tmp_path: Path, nth: int) -> None:
    base, teacher, stored = taught
    words = [*base, str(teacher.parent / "live.yaml")]
    saves = ("--trainer.callbacks+=ExactResume", "--trainer.callbacks.min_seconds=0")

    def go() -> int:
        return fit(tmp_path / "live", *words, options=saves)

    assert in_child(killed_at_write(go, nth)) == -9
    state = torch.load(tmp_path / "live" / "checkpoints" / "last.ckpt", weights_only=True)
    under_way = state["callbacks"]["SwapTeacher"]["live"]["training"]["step"]
    last = json.loads((teacher / "bank" / "manifest.json").read_text())["checkpoints"][-1]["step"]
    assert 0 < under_way < last
    assert in_child(go) == 0
    same(tmp_path / "live", stored)
    assert json.loads((tmp_path / "live" / "provenance.json").read_text())["resumed"] == 1


def test_the_teacher_is_in_the_callbacks_part_of_a_checkpoint_alone(taught: Any, tmp_path: Path) -> None:
    base, teacher, stored = taught
    assert in_child(lambda: fit(tmp_path / "live", *base, str(teacher.parent / "live.yaml"))) == 0
    ours, theirs = (
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
        for run in (tmp_path / "live", stored)
    )
    for part in ("state_dict", "optimizer_states"):
        assert str(ours[part]) == str(theirs[part])
    kept = ours["callbacks"]["SwapTeacher"]["live"]["training"]
    final = json.loads((teacher / "bank" / "manifest.json").read_text())["checkpoints"][-1]
    assert kept["step"] == final["step"]


# --- what a run records of it ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def begun_run(taught: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run with a live teacher."""
    base, teacher, _ = taught
    folder = tmp_path_factory.mktemp("live") / "run"
    assert in_child(lambda: fit(folder, *base, str(teacher.parent / "live.yaml"))) == 0
    return folder


def bank_in(config: Any) -> dict[str, Any]:
    """Return the setting of the live teacher in a configuration."""
    bank = config["trainer"]["callbacks"][0]["init_args"]["bank"]
    assert isinstance(bank, dict), bank
    return bank


def changed(run: Path, path: Path, value: Any, *keys: str) -> str:
    """Write a run's own configuration with another value inside of its teacher."""
    settings = yaml.safe_load((run / "config.yaml").read_text())
    place = bank_in(settings)["init_args"]
    for key in keys[:-1]:
        place = place[key]
    assert keys[-1] in place
    place[keys[-1]] = value
    settings |= {"run_dir": None, "ckpt_path": None}
    path.write_text(yaml.safe_dump(settings))
    return str(path)


def longer(run: Path) -> tuple[str, ...]:
    """Return the words of a run that goes on from another's checkpoint."""
    steps = resolved(run)["data"]["init_args"]
    length = f"--data.num_steps={steps['num_steps'] + steps['eval_every']}"
    return (f"--ckpt_path={run / 'checkpoints' / 'last.ckpt'}", length)


def test_the_recorded_configuration_is_nested_and_fits_again(
    taught: Any, begun_run: Path, tmp_path: Path
) -> None:
    _, teacher, stored = taught
    settings = yaml.safe_load((begun_run / "config.yaml").read_text())
    told = bank_in(settings)
    assert told["class_path"] == "lit_curriculum.callbacks.LiveTeacher"
    assert {name: told["init_args"][name] for name in ("model", "data")} == resolved(teacher)
    assert in_child(lambda: fit(tmp_path / "again", str(begun_run / "config.yaml"))) == 0
    same(tmp_path / "again", stored)
    hashes = [RunFolder(run).provenance()["config_hash"] for run in (begun_run, tmp_path / "again")]
    assert hashes[0] == hashes[1]
    assert main(["check", str(begun_run / "config.yaml")]) == 0


def test_a_stored_bank_is_recorded_as_the_text_that_it_is(taught: Any) -> None:
    _, teacher, stored = taught
    settings = yaml.safe_load((stored / "config.yaml").read_text())
    assert settings["trainer"]["callbacks"][0]["init_args"]["bank"] == str(teacher / "bank")


def test_the_settings_of_a_run_name_what_its_teacher_is_made_of(begun_run: Path) -> None:
    state = torch.load(begun_run / "checkpoints" / "last.ckpt", weights_only=True)
    shown = flat(json.loads(state[STATE]["settings"]))
    name = "trainer.callbacks.SwapTeacher.bank"
    assert shown[name] == "LiveTeacher"
    seed = resolved(begun_run)["data"]["init_args"]["data_seed"]
    assert (shown["data.data_seed"], shown[f"{name}.data.data_seed"]) == (seed, 0) == (9, 0)


def test_a_folder_with_another_teacher_is_refused_by_the_inner_key(
    begun_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = changed(begun_run, tmp_path / "other.yaml", 77, "data", "init_args", "data_seed")
    assert in_child(lambda: fit(begun_run, other)) == 2
    key = "trainer.callbacks[0].init_args.bank.init_args.data.init_args.data_seed"
    assert f"holds a run with {key} = 0, not 77" in capfd.readouterr().err


@pytest.mark.parametrize("key", ["data.init_args.data_seed", "model.init_args.model_seed", "every_n_steps"])
def test_a_checkpoint_of_another_teachers_student_is_refused(
    key: str, begun_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    keys = key.split(".")
    settings = yaml.safe_load((begun_run / "config.yaml").read_text())
    value = 2 * bank_in(settings)["init_args"]["every_n_steps"]
    other = changed(begun_run, tmp_path / "other.yaml", value, *keys)
    assert in_child(lambda: fit(tmp_path / "next", other, options=longer(begun_run))) == 2
    message = capfd.readouterr().err
    assert f"was trained with SwapTeacher.bank.init_args.{key} = " in message
    assert f"(got {value})" in message
    assert not (tmp_path / "next").exists()


def test_a_checkpoint_goes_on_with_a_teacher_that_is_only_evaluated_otherwise(
    begun_run: Path, tmp_path: Path
) -> None:
    other = changed(begun_run, tmp_path / "other.yaml", 16, "data", "init_args", "eval_samples")
    assert in_child(lambda: fit(tmp_path / "next", other, options=longer(begun_run))) == 0


def test_the_shipped_overlays_teacher_is_the_shipped_configuration(tmp_path: Path) -> None:
    base, student = config("sparse_parity_gpt2"), config("distill/live_teacher")
    assert main(["check", base, student, f"--run_dir={tmp_path / 'run'}"]) == 0
    ours = yaml.safe_load(Path(student).read_text())["trainer"]["callbacks"][0]["init_args"]["bank"]
    theirs = yaml.safe_load(Path(base).read_text())
    assert ours["init_args"]["model"] == theirs["model"]
    harvest = theirs["trainer"]["callbacks"][0]["init_args"]
    assert ours["init_args"]["every_n_steps"] == harvest["every_n_steps"]
    evaluation = ("eval_every", "eval_samples", "eval_streams")
    kept = {key: value for key, value in theirs["data"]["init_args"].items() if key not in evaluation}
    assert ours["init_args"]["data"]["init_args"] == kept


def test_a_student_with_dropout_has_the_same_masks(taught: Any, tmp_path: Path) -> None:
    base, teacher, _ = taught
    if "gpt2" not in base[0]:
        return  # the batch-1 engine knows no dropout
    for name in ("stored", "live"):
        words = [*base, str(teacher.parent / f"{name}.yaml")]
        code = in_child(lambda words=words, name=name: fit(tmp_path / name, *words, options=DROPOUT))  # type: ignore[misc]
        assert code == 0
    same(tmp_path / "live", tmp_path / "stored")


def begun(**changes: Any) -> LiveTeacher:
    made = small(**changes)
    made.begin(torch.device("cpu"), None)
    return made


def test_its_copies_stay_what_they_were_while_it_trains_on() -> None:
    teacher = begun()
    first = teacher.load(teacher.at(10))
    before = {name: tensor.clone() for name, tensor in first.state_dict().items()}
    second = teacher.load(teacher.at(20))
    assert all(torch.equal(tensor, before[name]) for name, tensor in first.state_dict().items())
    assert any(not torch.equal(tensor, before[name]) for name, tensor in second.state_dict().items())
    assert not first.training
    assert not any(parameter.requires_grad for parameter in first.parameters())


def test_its_training_draws_no_random_number_of_its_students() -> None:
    teacher = begun()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    teacher.training.advance(20)
    assert torch.equal(torch.rand(3), expected)


def test_a_state_that_is_not_its_own_is_refused() -> None:
    teacher = begun()
    teacher.load(teacher.at(10))
    state = copy.deepcopy(teacher.state_dict())
    again = small()
    again.begin(torch.device("cpu"), copy.deepcopy(state))
    assert again.digest(again.at(10)) == teacher.digest(teacher.at(10))
    state["training"]["model"]["head.bias"] += 1
    with pytest.raises(UsageError, match="at step 10 is not the one that taught"):
        small().begin(torch.device("cpu"), state)
    del state["training"]["model"]["head.bias"]
    with pytest.raises(UsageError, match="holds another teacher's training"):
        small().begin(torch.device("cpu"), state)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"every_n_steps": 20}, "LiveTeacher.every_n_steps: got 20, but the checkpoint's teacher has 10"),
        ({"model_seed": 1}, "LiveTeacher.model.model_seed: got 1, but the checkpoint's teacher has 0"),
        ({"data_seed": 77}, "LiveTeacher.data.data_seed: got 77, but the checkpoint's teacher has 0"),
        ({"lr": 0.5}, "LiveTeacher.model.optimizer.groups[0].lr: got 0.5, but the checkpoint's"),
        ({"heads": 2}, "LiveTeacher.model.network.init_args.heads: got 2, but"),
    ],
)
def test_a_state_of_a_teacher_that_is_made_otherwise_is_refused_by_its_key(
    change: dict[str, Any], message: str
) -> None:
    """In a program of one's own there are no settings to compare."""
    teacher = begun()
    teacher.load(teacher.at(10))
    with pytest.raises(UsageError) as caught:
        small(**change).begin(torch.device("cpu"), copy.deepcopy(teacher.state_dict()))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_state_that_tells_less_of_its_teacher_is_taken_up() -> None:
    """Another version of the suite may have kept fewer arguments."""
    teacher = begun()
    teacher.load(teacher.at(10))
    state = copy.deepcopy(teacher.state_dict())
    del state["teacher"]["data"]["batch_size"]
    again = small()
    again.begin(torch.device("cpu"), state)
    assert again.training.step == 10


def test_a_teacher_that_diverges_says_that_it_is_the_teacher() -> None:
    def enormous(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=1e38)

    model = SparseParityGPT(d=8, heads=1, head_size=4, layers=1, optimizer=enormous)
    teacher = begun(model=model)
    with pytest.raises(NotFinite, match="the live teacher: step"):
        teacher.load(teacher.at(10))


def test_an_earlier_checkpoint_and_a_file_are_not_to_be_had() -> None:
    teacher = begun()
    teacher.load(teacher.at(20))
    with pytest.raises(RuntimeError, match="cannot go from 20 to 10"):
        teacher.load(teacher.at(10))
    with pytest.raises(UsageError, match="LiveTeacher: step: got 30; allowed: 20, where it is"):
        teacher.weights(teacher.at(30))
    with pytest.raises(UsageError, match="no files"):
        teacher.verify(teacher.at(20))


# --- what is refused --------------------------------------------------------------------------------------


def small(**changes: Any) -> LiveTeacher:
    """Return a teacher of 40 updates, a checkpoint every 10."""
    rate, seed = changes.pop("lr", 1e-3), changes.pop("data_seed", 0)
    shape = {name: changes.pop(name) for name in ("heads", "dropout", "model_seed") if name in changes}
    arguments = {"d": 8, "heads": 1, "head_size": 4, "layers": 1, **shape}
    model = SparseParityGPT(**arguments, optimizer=partial(torch.optim.AdamW, lr=rate))
    lengths = {"num_steps": 40, "batch_size": 4, "eval_every": 10, "eval_samples": 8}
    data = SparseParityTokens(d=8, k=2, data_seed=seed, **lengths)
    return LiveTeacher(**{"model": model, "data": data, "every_n_steps": 10, **changes})


def swap(strategy: Any, **options: Any) -> SwapTeacher:
    return SwapTeacher(**{"bank": small(), "strategy": strategy, "label_cache": False, **options})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: small(every_n_steps=0), "LiveTeacher.every_n_steps: got 0; allowed: an integer from 1 to"),
        (lambda: small(every_n_steps=41), "from 1 to the teacher's num_steps = 40"),
        (lambda: small(dropout=0.1), "LiveTeacher.model.dropout: got 0.1; allowed: 0"),
        (
            lambda: LiveTeacher(ParityMixtureGPT(n=4), ParityMixtureData(n=4, num_steps=1000), 10),
            "LiveTeacher.model: got 'ParityMixtureGPT'",
        ),
        (
            lambda: LiveTeacher(SparseParityMLP(8, 4), SparseParityData(8, 2, 2000, steps_per_call=100), 150),
            "LiveTeacher.every_n_steps: got 150; allowed: a multiple of its data's steps_per_call = 100",
        ),
        (
            lambda: LiveTeacher(SparseParityMinibatchMLP(9, 4), SparseParityData(8, 2, 2000), 100),
            "model.d: got 9; allowed: the data's d = 8",
        ),
        (
            lambda: swap(Kappa(1.0), label_cache=True),
            "SwapTeacher.label_cache: got True; allowed: false with",
        ),
        (lambda: swap(Kappa(1.0), noisy_labels=True), "SwapTeacher.noisy_labels: got True; allowed: false"),
        (lambda: swap(TwoShot(5)), "SwapTeacher.strategy: got 'TwoShot'; allowed: one that names steps"),
        (lambda: swap(PeakOfEach(5, [["a"]])), "SwapTeacher.strategy: got 'PeakOfEach'"),
        (lambda: swap(Reordered(TwoShot(5), "reversed")), "SwapTeacher.strategy: got 'Reordered'"),
    ],
)
def test_what_it_cannot_do_is_refused_in_a_line(make: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (
            OneShot(),
            "step 40 is to teach from the student's step 0 on, when a LiveTeacher has made at most 10",
        ),
        (TwoShot(20, 10), "step 40 is to teach from the student's step 20 on"),
        (Kappa(0.5), "step 20 is to teach from the student's step 5 on"),
        (Explicit([10, 20, 10], [20, 20, 20]), "step 10 comes after 20; allowed: ascending steps"),
    ],
)
def test_a_strategy_that_needs_the_future_or_the_past_is_refused(strategy: Any, message: str) -> None:
    student = SparseParityTokens(d=8, k=2, num_steps=100, batch_size=4, eval_every=10, eval_samples=8)
    with pytest.raises(UsageError, match=r"SwapTeacher\.strategy") as caught:
        swap(strategy).plan(student)
    assert message in str(caught.value)


@pytest.mark.parametrize("strategy", [Kappa(1.0), Kappa(3.0), TwoShot(30, 10), Explicit([10, 40], [30, 1])])
def test_a_strategy_that_stays_behind_is_planned_as_of_a_bank(strategy: Any) -> None:
    student = SparseParityTokens(d=8, k=2, num_steps=100, batch_size=4, eval_every=10, eval_samples=8)
    schedule = swap(strategy).plan(student)
    assert schedule.teachers[-1].step == 40
    assert [entry.step for entry in small()] == [10, 20, 30, 40]


def test_another_task_or_several_devices_are_refused_before_the_run(
    taught: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    base, teacher, _ = taught
    words = ["fit", *(word for name in base for word in ("--config", name))]
    words += ["--config", str(teacher.parent / "live.yaml"), f"--run_dir={tmp_path / 'run'}"]
    assert in_child(lambda: main([*words, "--trainer.precision=64-true"])) == 2
    assert "32-true with a LiveTeacher" in capfd.readouterr().err
    assert in_child(lambda: main([*words, "--data.k=1"])) == 2
    assert "the teacher in LiveTeacher learned support" in capfd.readouterr().err
    if "gpt2" in base[0]:  # the batch-1 engine has one device anyway
        devices = ["--trainer.accelerator=cpu", "--trainer.devices=2", "--trainer.strategy=ddp_fork"]
        assert in_child(lambda: main([*words, *devices])) == 2
        assert "trainer.devices: got 2; allowed: 1 with a LiveTeacher" in capfd.readouterr().err
    assert not (tmp_path / "run").exists()


# --- a student that is not this suite's -------------------------------------------------------------------


class Net(Distilled, LightningModule):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layer = torch.nn.Linear(8, 2)

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        return self.distillation_loss(self.layer(batch[0]), batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_any_lightning_module_can_be_its_student(tmp_path: Path) -> None:
    """The oracle asks the teacher's harvested checkpoints for the targets of the same plain updates."""
    data = {"d": 8, "k": 2, "num_steps": 7, "batch_size": 4, "eval_every": 7, "eval_samples": 8}
    teacher = LiveTeacher(SparseParityMinibatchMLP(8, 4), SparseParityData(**data), 5)
    x, y = SparseParityData(**data).draw("val", 0, 8).values()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=2)
    swap = SwapTeacher(teacher, Explicit([5, 7], [2, 1]), tau=1.0, label_cache=False)
    student = Net()
    trainer = Trainer(
        max_epochs=1,
        callbacks=[swap],
        accelerator="cpu",
        default_root_dir=tmp_path,
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    trainer.fit(student, loader)
    again = LiveTeacher(SparseParityMinibatchMLP(8, 4), SparseParityData(**data), 5)
    again.begin(torch.device("cpu"), None)
    expected = Net()
    optimizer = expected.configure_optimizers()
    for step, (inputs, _) in enumerate(loader):
        if step in (0, 2):
            model = again.load(again.at(5 if step == 0 else 7))
        targets = torch.softmax(model(inputs), -1)
        loss = -(targets * torch.log_softmax(expected.layer(inputs), -1)).sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.testing.assert_close(student.layer.weight, expected.layer.weight)
    assert [row["teacher_step"] for row in read_table(tmp_path / "swaps.csv")] == ["5", "7"]


@pytest.mark.parametrize("seed", [0, 77])
def test_a_programs_own_trainer_goes_on_with_the_same_teacher_alone(tmp_path: Path, seed: int) -> None:
    data = {"d": 8, "k": 2, "num_steps": 20, "batch_size": 4, "eval_every": 10, "eval_samples": 8}
    samples = torch.utils.data.TensorDataset(*SparseParityData(**data).draw("val", 0, 8).values())

    def trained(seed: int, epochs: int, checkpoint: str | None = None) -> Trainer:
        teacher = LiveTeacher(SparseParityMinibatchMLP(8, 4), SparseParityData(**data, data_seed=seed), 10)
        taught = swap(Explicit([10, 20], [10, 1]), bank=teacher, tau=1.0)
        trainer = Trainer(
            max_epochs=epochs,
            callbacks=[taught],
            accelerator="cpu",
            default_root_dir=tmp_path,
            logger=False,
            enable_progress_bar=False,
            enable_checkpointing=False,
            enable_model_summary=False,
        )
        loader = torch.utils.data.DataLoader(samples, batch_size=1)
        trainer.fit(Net(), loader, ckpt_path=checkpoint)
        return trainer

    path = str(tmp_path / "one.ckpt")
    trained(0, 2).save_checkpoint(path)
    if seed == 0:
        assert trained(seed, 3, path).global_step == 24
        return
    with pytest.raises(UsageError, match=r"LiveTeacher\.data\.data_seed: got 77, but the checkpoint's"):
        trained(seed, 3, path)
