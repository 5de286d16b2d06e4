"""A training as plain data: what is told of it, and that it tells two apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from lit_curriculum.experiments.sparse_parity import (
    SparseParityData,
    SparseParityMinibatchMLP,
    SparseParityMLP,
)
from lit_curriculum.training.description import describe_training
from lit_curriculum.training.learning_rate import WarmupDecay


def told(module: dict[str, Any] | None = None, data: dict[str, Any] | None = None) -> dict[str, Any]:
    made = SparseParityMinibatchMLP(**{"d": 8, "width": 4, **(module or {})})
    lengths = {"d": 8, "k": 2, "num_steps": 40, "batch_size": 4, "eval_every": 10, "eval_samples": 8}
    return describe_training(made, SparseParityData(**{**lengths, **(data or {})}))


def adam(**settings: Any) -> Callable[..., torch.optim.Optimizer]:
    return partial(torch.optim.AdamW, **settings)


def decaying(decay: Any) -> Callable[..., Any]:
    return partial(WarmupDecay, warmup_steps=5, decay=decay)


def test_it_is_what_json_gives_back_and_the_same_every_time() -> None:
    settings = {"optimizer": adam(lr=torch.tensor(0.25), betas=(0.5, 0.75)), "lr_scheduler": decaying("none")}
    found = told(settings)
    assert found == json.loads(json.dumps(found)) == told(settings)
    (group,) = found["model"]["optimizer"]["groups"]
    assert (group["lr"], group["betas"]) == (0.25, [0.5, 0.75])
    assert found["model"]["optimizer"]["class"] == "torch.optim.adamw.AdamW"
    assert found["model"]["lr_scheduler"]["warmup_steps"] == 5
    assert found["model"]["network"]["init_args"]["width"] == 4


@pytest.mark.parametrize(
    ("module", "data"),
    [
        ({"width": 5}, {}),
        ({"model_seed": 1}, {}),
        ({"optimizer": adam(lr=0.5)}, {}),
        ({"optimizer": adam(weight_decay=0.5)}, {}),
        ({"optimizer": partial(torch.optim.RMSprop, lr=1e-3)}, {}),
        ({"lr_scheduler": decaying("none")}, {}),
        ({"lr_scheduler": decaying("cosine")}, {}),
        ({}, {"data_seed": 1}),
        ({}, {"batch_size": 8}),
        ({}, {"num_steps": 50}),
        ({}, {"support": [0, 3]}),
    ],
)
def test_another_training_is_told_otherwise(module: dict[str, Any], data: dict[str, Any]) -> None:
    assert told(module, data) != told()


def test_two_schedules_are_two() -> None:
    assert told({"lr_scheduler": decaying("none")}) != told({"lr_scheduler": decaying("cosine")})


def test_how_it_is_evaluated_is_left_out() -> None:
    assert told(data={"eval_every": 20, "eval_samples": 16, "num_workers": 1}) == told()


def test_a_module_that_makes_its_updates_itself_tells_its_rate() -> None:
    data = SparseParityData(8, 2, num_steps=40, eval_every=10, eval_samples=8)
    ours, others = (describe_training(SparseParityMLP(8, 4, lr=rate), data) for rate in (0.5, 0.25))
    assert (ours["model"]["lr"], others["model"]["lr"]) == (0.5, 0.25)
    assert "optimizer" not in ours["model"]
