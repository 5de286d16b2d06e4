"""HarvestCheckpoints: when, what, and what the manifest says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from lightning import Trainer
from lightning.pytorch.callbacks import Callback

from lit_curriculum.callbacks import HarvestCheckpoints
from lit_curriculum.callbacks.harvest import _next_log_spaced
from lit_curriculum.distillation import CheckpointBank
from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.sparse_parity import SparseParityData, SparseParityMinibatchMLP
from lit_curriculum.reading import read_table
from tests.support import calls, config, fit, in_child

RUN = [config("sparse_parity_mlp"), config("smoke/sparse_parity_mlp")]
SHORT = ("--data.num_steps=3000", "--data.eval_every=500", "--data.steps_per_call=500")


def bank_of(tmp_path: Path, harvest: str, *options: str, configs: list[str] = RUN) -> CheckpointBank:
    if "every_n_steps" not in harvest:
        harvest += ", every_n_steps: null"  # an overlay's entry keeps what it does not name
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(
        f"trainer: {{callbacks: [{{class_path: HarvestCheckpoints, init_args: {{{harvest}}}}}]}}\n"
    )
    assert in_child(lambda: fit(tmp_path / "run", *configs, str(overlay), options=options)) == 0
    return CheckpointBank.open(tmp_path / "run" / "bank")


def test_every_n_steps_between_two_batches_and_the_end(tmp_path: Path) -> None:
    bank = bank_of(tmp_path, "every_n_steps: 700, include_start: true", *SHORT)
    assert bank.steps == [0, 700, 1400, 2100, 2800, 3000]
    assert [entry.samples for entry in bank] == bank.steps


def test_explicit_and_log_spaced_steps_combine(tmp_path: Path) -> None:
    bank = bank_of(tmp_path, "at_steps: [1234, 5], log_spaced: 1", *SHORT)
    assert bank.steps == [1, 5, 10, 100, 1000, 1234, 3000]


def test_samples_are_steps_times_the_batch(tmp_path: Path) -> None:
    minibatch = [config("sparse_parity_minibatch"), config("smoke/sparse_parity_minibatch")]
    bank = bank_of(tmp_path, "every_n_samples: 6400", configs=minibatch)
    assert bank.steps == [100, 200]
    assert [entry.samples for entry in bank] == [6400, 12800]


class Stop(Callback):
    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        trainer.should_stop = trainer.global_step >= 7


def own_trainer(folder: Path, *callbacks: Callback) -> Trainer:
    quiet: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return Trainer(
        max_epochs=1,
        callbacks=list(callbacks),
        accelerator="cpu",
        default_root_dir=folder,
        enable_checkpointing=False,
        **quiet,
    )


def parities(num_steps: int, eval_every: int) -> SparseParityData:
    return SparseParityData(8, 2, num_steps=num_steps, batch_size=4, eval_every=eval_every, eval_samples=8)


def test_a_run_that_a_programs_own_rule_ends_is_harvested_at_its_end(tmp_path: Path) -> None:
    trainer = own_trainer(tmp_path, HarvestCheckpoints(every_n_steps=5), Stop())
    trainer.fit(SparseParityMinibatchMLP(8, 4), datamodule=parities(20, 10))
    assert CheckpointBank.open(tmp_path / "bank").steps == [5, 7]


def test_a_trainer_that_is_used_again_evaluates_as_the_next_data_say(tmp_path: Path) -> None:
    seen: list[int] = []

    class Seen(Callback):
        def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
            if not trainer.sanity_checking:
                seen.append(pl_module.step)

    trainer = own_trainer(tmp_path, Seen())
    for eval_every in (10, 5):
        trainer.fit_loop.epoch_progress.reset()
        trainer.fit(SparseParityMinibatchMLP(8, 4), datamodule=parities(20, eval_every))
    assert seen == [10, 20, 5, 10, 15, 20]


def test_metrics_are_noted_where_an_evaluation_coincides(tmp_path: Path) -> None:
    bank = bank_of(tmp_path, "every_n_steps: 250", *SHORT)
    rows = {int(row["step"]): row for row in read_table(tmp_path / "run" / "metrics.csv")}
    for entry in bank:
        if entry.step % 500:
            assert entry.metrics == {}
        else:
            assert entry.metrics["val/accuracy"] == pytest.approx(float(rows[entry.step]["val/accuracy"]))


def test_on_change_harvests_only_where_the_metric_moved(tmp_path: Path) -> None:
    bank = bank_of(tmp_path, "on_change: 0.2", "--data.eval_every=250", "--data.steps_per_call=250")
    rows = read_table(tmp_path / "run" / "metrics.csv")
    expected, last = [], None
    for row in rows:
        value = float(row["val/accuracy"])
        if last is None or abs(value - last) >= 0.2:
            expected.append(int(row["step"]))
            last = value
    assert bank.steps == sorted({*expected, 20_000})
    assert len(bank.steps) < len(rows) / 2


def test_the_harvested_weights_are_those_of_that_step(tmp_path: Path) -> None:
    whole = bank_of(tmp_path, "every_n_steps: 1000", *SHORT)
    (tmp_path / "short").mkdir()
    stopped = bank_of(tmp_path / "short", "every_n_steps: 1000", "--data.num_steps=1000", *SHORT[1:])
    ours, theirs = whole.load(whole.at(1000)), stopped.load(stopped.final)
    for name, tensor in ours.state_dict().items():
        assert torch.equal(tensor, theirs.state_dict()[name]), name


@given(st.integers(1, 20), st.integers(0, 10**7))
def test_log_spacing_goes_on_from_any_step(per_decade: int, step: int) -> None:
    following = _next_log_spaced(per_decade, step)
    grid = {round(10 ** (i / per_decade)) for i in range(8 * per_decade + 2)}
    assert following == min(point for point in grid if point > step)


@pytest.mark.parametrize(
    "harvest",
    ["every_n_steps: 700, include_start: true", "at_steps: [1234, 5], log_spaced: 2", "include_start: false"],
)
def test_what_is_kept_is_what_was_expected(tmp_path: Path, harvest: str) -> None:
    settings = yaml.safe_load(f"{{{harvest}}}") or {}
    expected = HarvestCheckpoints(**settings).expected(parities(3000, 500))
    assert len(list(bank_of(tmp_path, harvest, *SHORT))) == expected


def test_nothing_is_due_without_a_rule_but_the_end() -> None:
    callback = HarvestCheckpoints()
    callback._num_steps = 50
    assert callback.next_event(0) == 50
    assert callback.next_event(50) is None


@pytest.mark.parametrize("per_decade", [10**9, 2**53])
def test_a_step_costs_nothing_however_many_points_a_decade_has(per_decade: int) -> None:
    assert _next_log_spaced(per_decade, 10**7) == 10**7 + 1
    assert calls(lambda: _next_log_spaced(per_decade, 2**53)) < 500


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *(
            ({"folder": folder}, "HarvestCheckpoints.folder: got .*; allowed: a plain name")
            for folder in ("../bank", "/tmp/bank", "a/b", "", ".", "..", "a\\b")
        ),
        ({"folder": "checkpoints"}, "a name other than checkpoints, labels"),
        (
            {"log_spaced": 2**53 + 1},
            "HarvestCheckpoints.log_spaced: got .*; allowed: an integer of at least 1",
        ),
        ({"at_steps": [5, 0]}, "HarvestCheckpoints.at_steps: got 0; allowed: integers of at least 1"),
        ({"at_steps": [-5]}, "HarvestCheckpoints.at_steps: got -5"),
    ],
)
def test_a_wrong_rule_is_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        HarvestCheckpoints(**arguments)


def test_many_steps_are_found_without_looking_at_all() -> None:
    callback = HarvestCheckpoints(at_steps=list(range(10, 10**6, 10)))
    assert callback.next_event(499_990) == 500_000
    assert callback.next_event(500_001) == 500_010
    assert calls(lambda: callback.next_event(499_990)) < 20
