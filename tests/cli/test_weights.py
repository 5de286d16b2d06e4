"""`lit validate`, `lit test` and `lit predict` look at trained weights, and say at which."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from lit_curriculum.cli.main import main
from lit_curriculum.distillation import CheckpointBank
from lit_curriculum.reading import read_table
from lit_curriculum.tasks.sparse_parity import SparseParity
from tests.support import config, fit, in_child

RUN = [config("sparse_parity_mlp"), config("smoke/sparse_parity_mlp")]
CONFIGS = [word for name in RUN for word in ("--config", name)]
PLAIN = ["--trainer.enable_progress_bar=false", "--trainer.logger=false"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights") / "run"
    assert in_child(lambda: fit(folder, *RUN)) == 0
    return folder


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "run"))


def evaluate(command: str, run: Path, *options: str, configs: list[str] = CONFIGS) -> int:
    return main([command, *configs, "--run_dir", str(run), *PLAIN, *options])


def accuracy(output: str) -> float:
    found = re.search(r"test/accuracy: ([\d.]+)", output)
    assert found
    return float(found.group(1))


def directly(model: torch.nn.Module) -> float:
    """Return the accuracy of a model on the test stream, by float64."""
    x, y = SparseParity.create(12, 3).sample(0, "test", 0, 4096)
    with torch.no_grad():
        return float((model.double()(torch.from_numpy(x).double()).argmax(-1).numpy() == y).mean())


@pytest.mark.parametrize("options", [[], ["--ckpt_path", "last"]])
@pytest.mark.parametrize("configs", [CONFIGS, []], ids=["with configurations", "with the run's own"])
def test_a_run_s_last_checkpoint_is_the_default(
    run: Path, options: list[str], configs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("test", run, *options, configs=configs) == 0
    last = float(read_table(run / "metrics.csv")[-1]["test/accuracy"])
    assert accuracy(capsys.readouterr().out) == last == 1.0


def test_a_harvested_checkpoint_is_named_by_its_step(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bank = CheckpointBank.open(run / "bank")
    for step in (1000, 4000):
        assert evaluate("test", run, f"--step={step}") == 0
        expected = directly(bank.load(bank.at(step)))
        assert accuracy(capsys.readouterr().out) == pytest.approx(expected, abs=1e-6)
        assert expected < 0.9


def test_the_best_checkpoint_is_the_first_with_the_highest_accuracy_and_lowest_loss(
    run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entries = CheckpointBank.open(run / "bank").checkpoints
    best = min(entries, key=lambda e: (-e.metrics["val/accuracy"], e.metrics["val/loss"]))
    with caplog.at_level("INFO"):
        assert evaluate("test", run, "--ckpt_path=best") == 0
    assert f"step {best.step:,}" in caplog.text


def test_the_weights_are_named(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        assert evaluate("test", run) == 0
    assert re.search(r"weights: .*last\.ckpt, step 20,000, sha256 [0-9a-f]{12}", caplog.text)


def test_other_data_than_the_run_s_are_named(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        assert evaluate("test", run, "--data.data_seed=7") == 0
    assert "note: evaluated with data.init_args.data_seed = 7" in caplog.text


def test_a_file_from_elsewhere(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate("test", tmp_path / "none", "--ckpt_path", str(run / "checkpoints" / "last.ckpt")) == 0
    assert accuracy(capsys.readouterr().out) == 1.0
    assert not (tmp_path / "none").exists()


def test_predictions_are_those_of_the_trained_model(copy: Path) -> None:
    assert evaluate("predict", copy) == 0
    written = load_file(copy / "predictions.safetensors")
    assert (written["probabilities"].argmax(-1) == written["labels"]).float().mean() == 1.0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--step=7"], "checkpoint: got step 7"),
        (["--step=1000", "--ckpt_path=last"], "--step: got 1000 beside --ckpt_path last"),
        (["--ckpt_path=absent.ckpt"], "ckpt_path: absent.ckpt is missing"),
        (["--model.width=7"], "model: its weights are not those in"),
        (["--model.width=7", "--step=1000"], "model.init_args.width: got 7"),
    ],
)
@pytest.mark.parametrize("command", ["validate", "test", "predict"])
def test_weights_that_are_not_there_are_refused(
    command: str, options: list[str], expected: str, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(command, copy, *options) == 2
    message = capsys.readouterr().err
    assert message.startswith("lit: error: ")
    assert expected in message
    assert message.count("\n") == 1
    assert not (copy / "predictions.safetensors").exists()


@pytest.mark.parametrize("command", ["validate", "test", "predict"])
def test_without_a_run_there_are_no_weights(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(command, tmp_path / "none") == 2
    assert "no trained weights" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_a_damaged_checkpoint_is_not_evaluated(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = copy / "checkpoints" / "last.ckpt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert evaluate("test", copy) == 2
    assert "last.ckpt has sha256" in capsys.readouterr().err


def test_without_evaluations_there_is_no_best(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = json.loads((copy / "bank" / "manifest.json").read_text())
    manifest.pop("digest", None)
    for entry in manifest["checkpoints"]:
        entry["metrics"] = {}
    (copy / "bank" / "manifest.json").write_text(json.dumps(manifest))
    assert evaluate("test", copy, "--ckpt_path=best") == 2
    assert "ckpt_path: got 'best'; allowed: last" in capsys.readouterr().err


# --- where a run begins --------------------------------------------------------------------------------


def onwards(run: Path, folder: Path, *options: str) -> int:
    start = ("--ckpt_path", str(run / "checkpoints" / "last.ckpt"))
    return in_child(lambda: fit(folder, *RUN, options=(*start, "--data.num_steps=22000", *options)))


def test_a_checkpoint_of_other_settings_is_refused_by_the_first_that_differs(
    run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert onwards(run, tmp_path / "next", "--model.lr=1e-5") == 2
    message = capfd.readouterr().err
    assert re.search(r"ckpt_path: .* was trained with model\.init_args\.lr = 0\.01, .*got 1e-05", message)
    assert not (tmp_path / "next").exists()


def test_where_a_run_began_is_part_of_what_it_is(
    run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert onwards(run, tmp_path / "next") == 0
    scratch = ("--data.num_steps=22000",)
    assert in_child(lambda: fit(tmp_path / "next", *RUN, options=scratch)) == 2
    assert "began_from" in capfd.readouterr().err
    assert onwards(run, tmp_path / "next") == 0  # finished already
    steps = [int(row["step"]) for row in read_table(tmp_path / "next" / "metrics.csv")]
    assert steps == [21000, 22000]
    recorded = yaml.safe_load((tmp_path / "next" / "config.yaml").read_text())
    assert recorded["ckpt_path"] == str(run / "checkpoints" / "last.ckpt")


def test_a_changed_configuration_of_a_run_is_noticed(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = copy / "config.yaml"
    path.write_text(path.read_text().replace("k: 3", "k: 4"))
    assert evaluate("test", copy, configs=[]) == 2
    assert "config.yaml is altered" in capsys.readouterr().err


@pytest.mark.parametrize("steps", [10_000, 20_000])
def test_a_run_that_would_end_before_it_begins_is_refused(
    steps: int, run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    start = ("--ckpt_path", str(run / "checkpoints" / "last.ckpt"), f"--data.num_steps={steps}")
    assert in_child(lambda: fit(tmp_path / "next", *RUN, options=start)) == 2
    assert f"data.num_steps: got {steps}; allowed: more than the 20000 steps" in capfd.readouterr().err
    assert not (tmp_path / "next").exists()


@pytest.mark.parametrize("name", ["metrics.csv", "checkpoints/last.ckpt", "provenance.json"])
def test_a_finished_run_without_its_files_is_not_called_finished(
    name: str, copy: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (copy / name).unlink()
    assert in_child(lambda: fit(copy, *RUN)) == 2
    assert name.rsplit("/", 1)[-1] in capfd.readouterr().err
