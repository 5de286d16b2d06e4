"""Which checkpoint teaches: by the loss's phases, by M_robust's peak, and where they differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lit_curriculum.distillation import BankWriter, CheckpointBank, TwoShot, choose_checkpoint
from lit_curriculum.errors import UsageError

STEPS = list(range(0, 1001, 20))
CHECKPOINTS = [100, 200, 300, 400, 1000]


def falling_loss() -> list[tuple[int, float]]:
    """Flat until 100, steep until 300, slowly falling after."""
    return list(
        zip(STEPS, np.interp(STEPS, [0, 100, 300, 1000], [1.1, 1.09, 0.5, 0.4]).tolist(), strict=True)
    )


def hump(at: int) -> list[tuple[int, float]]:
    return [(step, 0.2 - abs(step - at) / 5000) for step in CHECKPOINTS]


def test_the_middle_of_the_fall_and_the_peak_agree() -> None:
    choice = choose_checkpoint(CHECKPOINTS, falling_loss(), hump(200))
    assert (choice.by_loss, choice.by_peak, choice.agree) == (200, 200, True)
    assert choice.phases is not None
    assert choice.phases.begin < 200 < choice.phases.end


def test_where_they_differ_both_are_reported() -> None:
    choice = choose_checkpoint(CHECKPOINTS, falling_loss(), hump(400))
    assert (choice.by_loss, choice.by_peak, choice.agree) == (200, 400, False)


def test_a_metric_that_still_rises_has_no_peak_and_a_flat_loss_no_phases() -> None:
    flat = [(step, 1.0) for step in STEPS]
    choice = choose_checkpoint(CHECKPOINTS, flat, hump(1000))
    assert (choice.by_loss, choice.by_peak, choice.phases, choice.agree) == (None, None, None, False)
    assert choose_checkpoint([1000], falling_loss(), []).by_loss is None


def bank(folder: Path, robust: list[float]) -> CheckpointBank:
    writer = BankWriter(folder, {"name": "mlp", "init_args": {"d": 1, "width": 1}}, {})
    for step, value in enumerate(robust, 1):
        writer.add(step, step, {"w": torch.zeros(1)})
        writer.add_metrics(step, {"ngrams/robust_3": value})
    return CheckpointBank.open(folder)


def test_two_shot_teaches_from_the_peak(tmp_path: Path) -> None:
    schedule = TwoShot(T=4, checkpoint="peak", metric="ngrams/robust_3").plan(
        bank(tmp_path, [0.1, 0.3, 0.3, 0.2]), 10
    )
    assert [entry.step for entry in schedule.teachers] == [2, 4]


def test_a_missing_peak_is_refused(tmp_path: Path) -> None:
    rising = bank(tmp_path, [0.1, 0.2, 0.3])
    with pytest.raises(UsageError, match="no peak before its last checkpoint, step 3"):
        TwoShot(T=4, checkpoint="peak", metric="ngrams/robust_3").plan(rising, 10)
    with pytest.raises(UsageError, match=r"got 'val/loss', measured at no checkpoint .* ngrams/robust_3"):
        TwoShot(T=4, checkpoint="peak", metric="val/loss").plan(rising, 10)


def test_a_loss_that_falls_from_the_start_has_its_rapid_phase_there() -> None:
    steps = list(range(50, 1601, 50))
    values = np.interp(steps, [50, 400, 1000, 1600], [1.03, 0.63, 0.42, 0.35]).tolist()
    phases = choose_checkpoint([100, 200, 800], list(zip(steps, values, strict=True)), []).phases
    assert phases is not None
    assert phases.begin == 50
    assert 200 <= phases.middle <= 250
    assert phases.end <= 400
