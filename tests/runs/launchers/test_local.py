"""Workers of this machine share its GPUs."""

from __future__ import annotations

import pytest
import torch

from lit_curriculum.runs.launchers import local
from lit_curriculum.runs.launchers.local import Local, share_devices, visible_gpus
from tests.runs.fake_fit import fit


@pytest.mark.parametrize(
    ("gpus", "each", "workers", "expected"),
    [
        ([], 1, 2, []),
        (["0", "1"], 1, 2, ["0", "1"]),
        (["0", "1"], 1, 4, ["0", "1", "0", "1"]),
        (["3", "5", "6", "7"], 2, 2, ["3,5", "6,7"]),
        (["0", "1", "2"], 2, 2, ["0,1", "0,1"]),  # the third is no pair
        (["0"], 2, 1, ["0"]),
    ],
)
def test_every_worker_sees_its_own(gpus: list[str], each: int, workers: int, expected: list[str]) -> None:
    assert share_devices(gpus, each, workers) == expected


def test_the_gpus_that_a_job_was_given_are_named_as_it_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    assert visible_gpus() == ["4", "6"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert visible_gpus() == ["0", "1"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert visible_gpus() == []


def test_there_are_as_many_workers_as_gpus_or_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_cores", lambda: 8)
    monkeypatch.setattr(local, "visible_gpus", lambda: [])
    assert Local(fit).jobs == 8
    assert Local(fit, devices_per_run=3).jobs == 2
    assert Local(fit, devices_per_run=9).jobs == 1
    monkeypatch.setattr(local, "visible_gpus", lambda: ["0", "1", "2", "3"])
    assert Local(fit).jobs == 4
    assert Local(fit, devices_per_run=2).jobs == 2
    assert Local(fit, jobs=16).jobs == 16
