"""SwapTeacher: the right teacher for every single update, and nothing of it in the student."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from lit_curriculum.cli.main import main
from lit_curriculum.distillation import CheckpointBank, teacher_probabilities
from lit_curriculum.files import sha256_of
from lit_curriculum.models import build
from lit_curriculum.reading import read_table
from lit_curriculum.tasks.sparse_parity import SparseParity
from tests.support import config, fit, in_child, unfinish

RUN = [config("sparse_parity_mlp"), config("smoke/sparse_parity_mlp")]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    assert in_child(lambda: fit(folder / "run", *RUN)) == 0
    return folder / "run" / "bank"


def student(tmp_path: Path, bank: Path, strategy: str, extra: str = "tau: 1.0", steps: int = 60) -> Path:
    """Train a float32 student for a few updates, its checkpoints cut at odd places."""
    overlay = tmp_path / "student.yaml"
    overlay.write_text(
        "model: {init_args: {width: 5, model_seed: 3}}\n"
        f"data: {{init_args: {{num_steps: {steps}, eval_every: {steps // 2}, data_seed: 9, "
        "steps_per_call: 10}}\n"
        "trainer: {callbacks: [{class_path: SwapTeacher, init_args: "
        f"{{bank: {bank}, strategy: {strategy}, {extra}}}}}]}}\n"
    )
    assert in_child(lambda: fit(tmp_path / "run", *RUN, str(overlay))) == 0
    return tmp_path / "run"


def test_every_update_is_supervised_by_the_scheduled_teacher(bank: Path, tmp_path: Path) -> None:
    """A plain float64 loop, written without any of the suite's training code, gives the same student."""
    plan = "{class_path: Explicit, init_args: {checkpoints: [3000, 9000, 20000], durations: [7, 20, 1]}}"
    run = student(tmp_path, bank, plan)
    task, teachers = SparseParity.create(12, 3), CheckpointBank.open(bank)
    model = build({"name": "mlp", "init_args": {"d": 12, "width": 5, "n_classes": 2}}, seed=3).double()
    for step in range(60):
        teacher = teachers.load(teachers.at(3000 if step < 7 else 9000 if step < 27 else 20000))
        x = torch.from_numpy(task.sample(9, "train", step, 1)[0])
        target = torch.softmax(teacher(x).double(), -1)
        loss = -(target * torch.log_softmax(model(x.double()), -1)).sum()
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.sub_(0.01 * parameter.grad)
    state = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(state[f"model.{name}"].double(), tensor, rtol=0, atol=2e-6)
    swaps = [(int(row["step"]), int(row["teacher_step"])) for row in read_table(run / "swaps.csv")]
    assert swaps == [(0, 3000), (7, 9000), (27, 20000)]


def test_a_run_killed_before_its_last_line_still_names_its_teachers(bank: Path, tmp_path: Path) -> None:
    """Its training is over, so nothing trains any more; the same command only writes what was missing."""
    plan = "{class_path: TwoShot, init_args: {T: 20, checkpoint: 3000}}"
    run = student(tmp_path, bank, plan)
    written = json.loads((run / "provenance.json").read_text())
    unfinish(run)
    student(tmp_path, bank, plan)
    again = json.loads((run / "provenance.json").read_text())
    assert again["teachers"] == written["teachers"]
    assert [teacher["step"] for teacher in again["teachers"]] == [3000, 20000]
    assert (again["steps"], again["samples"]) == (60, 60)


def test_the_students_checkpoint_holds_no_teacher_but_its_hashes(bank: Path, tmp_path: Path) -> None:
    run = student(tmp_path, bank, "{class_path: NT, init_args: {N: 2, T: 10}}")
    state = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert set(state["state_dict"]) == {
        f"model.{layer}.{part}" for layer in ("hidden", "output") for part in ("weight", "bias")
    }
    kept = next(value for name, value in state["callbacks"].items() if name.startswith("SwapTeacher"))
    opened = CheckpointBank.open(bank)
    assert kept == {"starts": [0, 10], "sha256": [opened.at(10000).sha256, opened.at(20000).sha256]}


def test_a_resumed_student_refuses_other_teachers(
    bank: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree(bank, tmp_path / "bank"))
    run = student(tmp_path, copy, "{class_path: OneShot}", steps=40)
    checkpoint = run / "checkpoints" / "last.ckpt"
    state = torch.load(checkpoint, weights_only=True)
    name = next(name for name in state["callbacks"] if name.startswith("SwapTeacher"))
    state["callbacks"][name]["sha256"] = ["0" * 64]
    torch.save(state, tmp_path / "other.ckpt")
    words = ["fit", "--config", RUN[0], "--config", RUN[1], "--config", str(tmp_path / "student.yaml")]
    words += ["--run_dir", str(tmp_path / "again"), "--ckpt_path", str(tmp_path / "other.ckpt")]
    words += ["--data.num_steps=80", "--trainer.enable_progress_bar=false"]
    assert in_child(lambda: main(words)) == 2
    assert "other teachers" in capfd.readouterr().err


def test_tau_zero_is_argmax_and_labels_mix_in(bank: Path, tmp_path: Path) -> None:
    from lit_curriculum.distillation import Supervision, Teacher

    opened = CheckpointBank.open(bank)
    teacher = opened.load(opened.at(2000))
    x, y = SparseParity.create(12, 3).sample_torch(0, "val", 0, 64)
    hard = Supervision(Teacher(teacher, 0.0)).targets(x, y, 2)
    assert torch.equal(hard.argmax(-1), teacher(x).argmax(-1))
    mixed = Supervision(Teacher(teacher, 1.0), label_weight=0.25).targets(x, y, 2)
    expected = 0.75 * teacher_probabilities(teacher(x), 1.0)
    expected[torch.arange(64), y] += 0.25
    torch.testing.assert_close(mixed, expected)


def test_dropped_checkpoints_are_named(bank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("lit_curriculum.callbacks.swap_teacher.rank_zero_info", said.append)
    overlay = tmp_path / "student.yaml"
    swap = f"{{bank: {bank}, strategy: {{class_path: Kappa, init_args: {{kappa: 0.02}}}}}}"
    overlay.write_text(
        "model: {init_args: {width: 5}}\n"
        "data: {init_args: {num_steps: 60, eval_every: 30, steps_per_call: 10}}\n"
        f"trainer: {{callbacks: [{{class_path: SwapTeacher, init_args: {swap}}}]}}\n"
    )
    assert fit(tmp_path / "run", *RUN, str(overlay)) == 0
    taught, dropped = said
    assert taught.endswith("teach: 1,000 from step 0, 2,000 from step 20, 3,000 from step 40")
    assert dropped.startswith("SwapTeacher: 17 checkpoints do not fit into the student's 60 steps")
    assert "[4000, 5000, " in dropped


def test_a_broken_teacher_that_comes_later_is_refused_before_the_run(
    bank: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its bytes are what the manifest says; its weights are no numbers."""
    shutil.copytree(bank, tmp_path / "bank")
    manifest = json.loads((bank / "manifest.json").read_text())
    entry = next(entry for entry in manifest["checkpoints"] if entry["step"] == 9000)
    file = tmp_path / "bank" / entry["file"]
    weights = load_file(file)
    weights["output.bias"][1] = float("nan")
    save_file(weights, file)
    entry["sha256"] = sha256_of(file)
    manifest.pop("digest", None)  # as in version 0.1
    (tmp_path / "bank" / "manifest.json").write_text(json.dumps(manifest))
    overlay = tmp_path / "student.yaml"
    overlay.write_text(
        f"trainer: {{callbacks: [{{class_path: SwapTeacher, init_args: {{bank: {tmp_path / 'bank'}, "
        "strategy: {class_path: Explicit, init_args: {checkpoints: [3000, 9000], durations: [7, 20]}}}}]}"
    )
    assert in_child(lambda: fit(tmp_path / "run", *RUN, str(overlay))) == 2
    line = capfd.readouterr().err.splitlines()[-1]
    assert line.startswith(
        f"lit: error: teacher: {file}, checkpoint 9,000, holds a weight that is not finite"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("option", ["--trainer.accumulate_grad_batches=2", "--trainer.devices=2"])
def test_noisy_labels_are_of_whole_batches(
    option: str, bank: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Drawn for parts of a batch they would be others on other devices."""
    overlay = tmp_path / "noisy.yaml"
    overlay.write_text(
        f"trainer: {{callbacks: [{{class_path: SwapTeacher, init_args: {{bank: {bank}, "
        "strategy: {class_path: OneShot}, noisy_labels: true}}]}\n"
    )
    configs = [config("sparse_parity_minibatch"), config("smoke/sparse_parity_minibatch"), str(overlay)]
    options = (option, "--trainer.accelerator=cpu", "--data.d=12", "--model.d=12", "--data.k=3")
    assert fit(tmp_path / "run", *configs, options=options) == 2
    assert "SwapTeacher.noisy_labels: got True; allowed: false on several devices" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_noisy_labels_stand_alone_and_batch_1_sgd_takes_whole_answers(
    bank: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for more, message in {
        "top_k: 1": "SwapTeacher.top_k: got 1; allowed: null with batch-1 SGD",
        "noisy_labels: true, label_weight: 0.5": "SwapTeacher.label_weight: got 0.5; allowed: 0 with noisy",
    }.items():
        overlay = tmp_path / "noisy.yaml"
        overlay.write_text(
            f"trainer: {{callbacks: [{{class_path: SwapTeacher, init_args: {{bank: {bank}, "
            f"strategy: {{class_path: OneShot}}, {more}}}}}]}}\n"
        )
        assert fit(tmp_path / "run", *RUN, str(overlay)) == 2
        assert message in capsys.readouterr().err
        assert not (tmp_path / "run").exists()
