"""StopWhenLearned: a run ends early, counts as finished, and goes on exactly if it was killed."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.callbacks import StopWhenLearned
from lit_curriculum.distillation import CheckpointBank
from lit_curriculum.errors import UsageError
from lit_curriculum.reading import read_table
from tests.support import config, fit, in_child, killed_at_write, unfinish, without_times

RUN = [config("bit_subset_parity"), config("smoke/bit_subset_parity")]


def overlay(folder: Path, stop: str, others: str = "") -> str:
    path = folder / "overlay.yaml"
    path.write_text(
        "data: {init_args: {num_steps: 200, eval_every: 5}}\n"
        f"trainer: {{callbacks: [{{class_path: StopWhenLearned, init_args: {{{stop}}}}}{others}]}}\n"
    )
    return str(path)


RESUME = ", {class_path: ExactResume, init_args: {min_seconds: 0, every_n_steps: 1}}"
HARVEST = ", {class_path: HarvestCheckpoints, init_args: {every_n_steps: 4}}"
# An untrained model reaches this, and not at every evaluation.
EASY = "level: 0.5, times: 2"


def ended(run: Path) -> int:
    provenance = json.loads((run / "provenance.json").read_text())
    assert provenance["finished"] is True
    return int(provenance["steps"])


def test_a_run_ends_at_the_first_evaluations_in_a_row_and_is_finished(tmp_path: Path) -> None:
    run, configs = tmp_path / "run", [*RUN, overlay(tmp_path, EASY, HARVEST)]
    assert in_child(lambda: fit(run, *configs)) == 0
    rows = read_table(run / "metrics.csv")
    met = [float(row["val/accuracy"]) >= 0.5 for row in rows]
    first = next(i for i in range(1, len(met)) if met[i - 1] and met[i])
    assert len(rows) == first + 1 < 40
    assert ended(run) == int(rows[-1]["step"]) == 5 * (first + 1)
    last = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["lit_curriculum"]["step"] == ended(run)
    bank = CheckpointBank.open(run / "bank")
    assert bank.final.step == ended(run)
    assert bank.final.metrics["val/accuracy"] == float(rows[-1]["val/accuracy"])
    before = (run / "metrics.csv").read_bytes()
    assert in_child(lambda: fit(run, *configs)) == 0  # finished: nothing to do
    assert (run / "metrics.csv").read_bytes() == before


def test_a_level_that_is_not_reached_leaves_the_run_its_length(tmp_path: Path) -> None:
    configs = [*RUN, overlay(tmp_path, "level: 2.0")]
    assert in_child(lambda: fit(tmp_path / "run", *configs)) == 0
    assert ended(tmp_path / "run") == 200


@pytest.mark.parametrize("share", [0.5, 0.97])
def test_a_run_killed_before_it_ends_early_goes_on_exactly(share: float, tmp_path: Path) -> None:
    configs = [*RUN, overlay(tmp_path, EASY, RESUME)]
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    assert in_child(lambda: fit(theirs, *configs)) == 0
    # Two syncs a checkpoint of every step, one or two a row: about 2.4 a step.
    nth = max(3, int(share * 2.4 * ended(theirs)))
    code = in_child(killed_at_write(lambda: fit(ours, *configs), nth))
    assert code in (-signal.SIGKILL, 0)
    assert in_child(lambda: fit(ours, *configs)) == 0
    assert ended(ours) == ended(theirs)
    assert without_times(ours / "metrics.csv") == without_times(theirs / "metrics.csv")
    a, b = (torch.load(run / "checkpoints" / "last.ckpt", weights_only=True) for run in (ours, theirs))
    assert all(torch.equal(a["state_dict"][name], b["state_dict"][name]) for name in b["state_dict"])


def test_a_run_killed_between_its_last_checkpoint_and_its_last_line_is_finished_at_once(
    tmp_path: Path,
) -> None:
    run, configs = tmp_path / "run", [*RUN, overlay(tmp_path, EASY, RESUME)]
    assert in_child(lambda: fit(run, *configs)) == 0
    steps, rows = ended(run), without_times(run / "metrics.csv")
    unfinish(run)
    assert in_child(lambda: fit(run, *configs)) == 0
    assert ended(run) == steps
    assert without_times(run / "metrics.csv") == rows


@given(st.lists(st.sampled_from([0.9, 1.0]), max_size=12), st.integers(1, 4))
def test_it_stops_after_so_many_in_a_row_and_remembers_them(values: list[float], times: int) -> None:
    text = "".join("1" if value == 1.0 else "0" for value in values)
    callback = StopWhenLearned(times=times)
    for value in values:
        callback.count(value)
    assert callback.learned == text.endswith("1" * times)
    again = StopWhenLearned(times=times)
    again.load_state_dict(callback.state_dict())
    assert again.learned == callback.learned


def test_wrong_arguments_are_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match=r"StopWhenLearned\.times: got 0"):
        StopWhenLearned(times=0)
    configs = [*RUN, overlay(tmp_path, "metric: val/acuracy")]
    assert in_child(lambda: fit(tmp_path / "run", *configs)) == 2
    assert "StopWhenLearned.metric: got 'val/acuracy'" in capfd.readouterr().err
