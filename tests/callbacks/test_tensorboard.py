"""What TensorBoard shows is what the run's own tables say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from lit_curriculum.callbacks.tensorboard import flat, phases
from lit_curriculum.cli.main import main
from lit_curriculum.reading import read_table

SMOKE = ["--config", "sparse_parity_minibatch", "--config", "smoke/sparse_parity_minibatch"]
SHORT = ["--data.num_steps=200", "--data.eval_every=50", "--trainer.log_every_n_steps=25"]


def fit(folder: Path, *words: str) -> EventAccumulator:
    assert main(["fit", *SMOKE, "--run_dir", str(folder), *SHORT, *words]) == 0
    return events_of(folder)


def events_of(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    return events


def points(events: EventAccumulator, tag: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in events.Scalars(tag)]


def hparams_of(events: EventAccumulator) -> dict[str, Any]:
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    start = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in start.hparams.items()}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("board") / "teacher"
    fit(folder, "--trainer.callbacks=[{class_path: HarvestCheckpoints, init_args: {every_n_steps: 50}}]")
    return folder


def test_settings_and_the_names_of_metrics_are_there_once(teacher: Path) -> None:
    events = events_of(teacher)
    settings = hparams_of(events)
    assert settings["data.num_steps"] == 200
    assert settings["data"] == "SparseParityData"
    content = events.SummaryMetadata("_hparams_/experiment").plugin_data.content
    names = plugin_data_pb2.HParamsPluginData.FromString(content).experiment.metric_infos
    assert {"val/accuracy", "test/accuracy"} <= {info.name.tag for info in names}
    # The names alone: no value is invented for a metric.
    assert [step for step, _ in points(events, "val/accuracy")] == [50, 100, 150, 200]


def test_losses_and_learning_rates_come_every_so_many_updates(teacher: Path) -> None:
    events = events_of(teacher)
    for tag in ("train/loss_of_update", "train/learning_rate"):
        assert [step for step, _ in points(events, tag)] == list(range(25, 201, 25))
    assert all(value > 0 for _, value in points(events, "train/loss_of_update"))


def test_swaps_are_a_curve_of_steps_and_lines(teacher: Path, tmp_path: Path) -> None:
    plan = "{class_path: Explicit, init_args: {checkpoints: [50, 200], durations: [100, 100]}}"
    bank = teacher / "bank"
    swap = f"{{class_path: SwapTeacher, init_args: {{bank: {bank}, strategy: {plan}}}}}"
    events = fit(tmp_path / "student", f"--trainer.callbacks=[{swap}]")
    assert points(events, "teacher/checkpoint") == [(0, 50), (99, 50), (100, 200)]
    swaps = read_table(tmp_path / "student" / "swaps.csv")
    told = [(int(row["step"]), row["teacher_step"]) for row in swaps]
    lines = events.Tensors("teacher/swaps/text_summary")
    assert [(line.step, line.tensor_proto.string_val[0].decode().split()[-1]) for line in lines] == told


def test_phases_are_told_in_words(tmp_path: Path) -> None:
    losses = [0.7] * 10 + [0.5, 0.3] + [0.1] * 10
    table = tmp_path / "metrics.csv"
    table.write_text("step,val/loss\n" + "".join(f"{10 * i},{loss}\n" for i, loss in enumerate(losses)))
    assert phases(table) == "val/loss is flat to step 90 (0.7), changes to 120 (0.1), half of it at 110"
    table.write_text("step,val/loss\n0,0.7\n10,0.7\n")
    assert phases(table) == "val/loss was measured 2 times: too few to tell phases"
    assert phases(tmp_path / "none.csv").startswith("val/loss was measured 0 times")


def test_the_phases_of_a_run_that_began_later_say_from_where_on(tmp_path: Path) -> None:
    table = tmp_path / "metrics.csv"
    losses = [0.7] * 10 + [0.5, 0.3] + [0.1] * 10
    table.write_text("step,val/loss\n" + "".join(f"{1000 + 10 * i},{x}\n" for i, x in enumerate(losses)))
    assert phases(table, later=True).startswith("val/loss from step 1,000 on is flat to step 1,090 (0.7)")
    assert phases(table).startswith("val/loss is flat")
    assert phases(tmp_path / "none.csv", later=True).startswith("val/loss was measured 0 times")


def test_a_run_that_began_from_anothers_checkpoint_says_so_beside_its_phases(
    teacher: Path, tmp_path: Path
) -> None:
    start = f"--ckpt_path={teacher / 'checkpoints' / 'last.ckpt'}"
    words = [*SMOKE, f"--run_dir={tmp_path / 'next'}", "--data.num_steps=300", "--data.eval_every=50"]
    assert main(["fit", *words, start]) == 0
    (text,) = events_of(tmp_path / "next").Tensors("phases/text_summary")
    told = text.tensor_proto.string_val[0].decode()
    assert told == "val/loss from step 250 on was measured 2 times: too few to tell phases"
    (text,) = events_of(teacher).Tensors("phases/text_summary")
    assert text.tensor_proto.string_val[0].decode().startswith("val/loss was measured 4 times")


def test_settings_are_named_as_on_the_command_line() -> None:
    nested = {
        "model": {"class_path": "a.b.Net", "init_args": {"d": 4, "optimizer": {"class_path": "torch.SGD"}}},
        "data": {"sizes": [1, 2], "none": None},
        "trainer": {"callbacks": [{"class_path": "x.Swap", "init_args": {"tau": 0.1}}]},
    }
    assert flat(nested) == {
        "model": "Net",
        "model.d": 4,
        "model.optimizer": "SGD",
        "data.sizes": "[1, 2]",
        "trainer.callbacks.Swap": "Swap",
        "trainer.callbacks.Swap.tau": 0.1,
    }
