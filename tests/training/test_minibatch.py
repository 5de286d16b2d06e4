"""One optimizer mechanism for every experiment that is trained by autograd."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.modular_addition import ModularAdditionData, ModularAdditionMLP
from lit_curriculum.training.learning_rate import WarmupDecay
from lit_curriculum.training.muon import MuonAdamW
from tests.support import config, fit, in_child

AUTOGRAD = (
    *("bit_subset_parity", "circuits", "elman_population", "lego", "modular_addition"),
    *("parity_mixture", "pcfg_bert", "programs", "sparse_parity_gpt2", "sparse_parity_minibatch"),
)


def module(**settings: Any) -> ModularAdditionMLP:
    return ModularAdditionMLP(p=5, width=4, **settings)


def data() -> ModularAdditionData:
    return ModularAdditionData(p=5, num_steps=20, eval_every=10, batch_size=4)


@pytest.mark.parametrize("name", AUTOGRAD)
def test_any_torch_optimizer_and_schedule_can_be_asked_for(name: str, tmp_path: Path) -> None:
    options = (
        *("--model.optimizer=SGD", "--model.optimizer.lr=0.01", "--model.optimizer.momentum=0.5"),
        *("--model.lr_scheduler=torch.optim.lr_scheduler.StepLR", "--model.lr_scheduler.step_size=1"),
        *("--data.num_steps=4", "--data.eval_every=2"),
    )
    configs = [config(name), config(f"smoke/{name}")]
    assert in_child(lambda: fit(tmp_path / "run", *configs, options=options)) == 0
    kept = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=False)
    (group,) = kept["optimizer_states"][0]["param_groups"]
    assert (group["momentum"], group["initial_lr"]) == (0.5, 0.01)
    assert group["lr"] == pytest.approx(0.01 * 0.1**4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": 0.0}, "model.optimizer.lr: got 0.0; allowed: a finite number > 0"),
        ({"lr": float("inf")}, "model.optimizer.lr: got inf; allowed: a finite number"),
        ({"lr": -1.0}, "model.optimizer.lr: got -1.0; allowed: a finite number > 0"),
        ({"weight_decay": -1.0}, "model.optimizer.weight_decay: got -1.0; allowed: a number of at least 0"),
        ({"weight_decay": float("inf")}, "model.optimizer.weight_decay: got inf; allowed: a finite number"),
        (
            {"betas": (0.9, 1.0)},
            "model.optimizer.betas: got 1.0; allowed: two numbers of at least 0 and below 1",
        ),
        ({"eps": -1.0}, "model.optimizer.eps: got -1.0; allowed: a number of at least 0"),
        ({"maximize": True}, "model.optimizer.maximize: got True; allowed: false: a loss is minimised"),
        (
            {"foreach": True, "fused": True},
            "model.optimizer: `fused` and `foreach` cannot be `True` together.",
        ),
    ],
)
def test_settings_that_train_nothing_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        module(optimizer=partial(torch.optim.AdamW, **settings)).check_data(data())
    assert str(caught.value) == message


@pytest.mark.parametrize("kind", [torch.optim.LBFGS, torch.optim.SparseAdam])
def test_optimizers_that_ask_for_more_than_a_gradient_are_refused(kind: Any) -> None:
    with pytest.raises(
        UsageError, match=f"model.optimizer: got '{kind.__name__}'; allowed: an optimizer that"
    ):
        module(optimizer=kind).check_data(data())


@pytest.mark.parametrize(
    ("scheduler", "message"),
    [
        (partial(lr_scheduler.ReduceLROnPlateau), "model.lr_scheduler: got 'ReduceLROnPlateau'; allowed: a"),
        (
            partial(lr_scheduler.OneCycleLR, max_lr=0.1, total_steps=10),
            "model.lr_scheduler.total_steps: got 10; allowed: at least num_steps = 20",
        ),
        (partial(lr_scheduler.StepLR, step_size=0), "model.lr_scheduler: integer modulo by zero"),
        (
            partial(lr_scheduler.ExponentialLR, gamma=-1),
            "model.lr_scheduler: got -0.001; allowed: a schedule",
        ),
        (
            partial(WarmupDecay, num_steps=19),
            "model.lr_scheduler.num_steps: got 19; allowed: at least the run's 20 updates, or null",
        ),
        (
            partial(WarmupDecay, num_steps=-5),
            "model.lr_scheduler.num_steps: got -5; allowed: an integer of at",
        ),
    ],
)
def test_schedules_that_do_not_last_are_refused(scheduler: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        module(lr_scheduler=scheduler).check_data(data())
    assert str(caught.value).startswith(message)


def test_a_schedule_that_lasts_is_taken_and_left_at_its_start() -> None:
    scheduler: Any = partial(lr_scheduler.OneCycleLR, max_lr=0.1, total_steps=20)
    ours = module(lr_scheduler=scheduler)
    ours.check_data(data())
    optimizer = ours.make_optimizer()
    assert ours.make_scheduler(optimizer, 20).last_epoch == 0


def test_a_schedule_that_cannot_be_made_is_named() -> None:
    wrong: Any = partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=0.1)
    with pytest.raises(UsageError, match=r"^model\.lr_scheduler: "):
        module(lr_scheduler=wrong).check_data(data())


def test_muon_needs_numbered_layers() -> None:
    with pytest.raises(UsageError, match=r"model\.optimizer: got MuonAdamW; allowed: with a model that has"):
        module(optimizer=MuonAdamW).check_data(data())
