"""Muon and AdamW as one optimizer: the same updates as apart, one schedule, a state that can be resumed."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from lit_curriculum.experiments.lego import LegoBert
from lit_curriculum.experiments.muon import MuonAdamW
from lit_curriculum.experiments.programs import ProgramsBert

SETTINGS: dict[str, Any] = {"lr": 0.01, "betas": (0.8, 0.9), "weight_decay": 0.1}
TINY: dict[str, Any] = {"layers": 2, "heads": 2, "head_size": 4, "initializer_range": 0.2}


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.GELU(), nn.Linear(5, 3))


def split(model: nn.Sequential) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    parameters = list(model.parameters())
    return [p for p in parameters if p.ndim == 2], [p for p in parameters if p.ndim == 1]


def together(model: nn.Sequential) -> MuonAdamW:
    return MuonAdamW(*split(model), **SETTINGS, momentum=0.7, adamw_share=0.5)


def gradients(model: nn.Sequential, step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    model.zero_grad()
    model(torch.randn(4, 6, generator=generator)).square().sum().backward()


def test_updates_are_those_of_the_two_optimizers_apart() -> None:
    ours, theirs = network(), network()
    optimizer = together(ours)
    matrices, others = split(theirs)
    apart = (
        torch.optim.Muon(matrices, lr=0.01, weight_decay=0.1, momentum=0.7, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=0.005, betas=(0.8, 0.9), weight_decay=0.1, fused=True),
    )
    for step in range(3):
        gradients(ours, step)
        gradients(theirs, step)
        optimizer.step()
        for part in apart:
            part.step()
    for a, b, start in zip(ours.parameters(), theirs.parameters(), network().parameters(), strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, start)


def test_the_first_update_of_a_matrix_is_orthogonal_and_as_large_as_adamws() -> None:
    """From W = 0 and a gradient of full rank: all singular values about alike, RMS near 0.2 rates."""
    matrix = nn.Parameter(torch.zeros(8, 8))
    optimizer = MuonAdamW([matrix], [nn.Parameter(torch.zeros(1))], lr=0.01)
    generator = torch.Generator().manual_seed(0)
    left, _ = torch.linalg.qr(torch.randn(8, 8, generator=generator))
    right, _ = torch.linalg.qr(torch.randn(8, 8, generator=generator))
    matrix.grad = left @ torch.diag(torch.tensor([4.0, 3.5, 3.0, 2.5, 2.0, 1.5, 1.2, 1.0])) @ right
    optimizer.step()
    singular = torch.linalg.svdvals(matrix.detach())
    assert float(singular.max() / singular.min()) < 2
    assert float(matrix.detach().square().mean().sqrt()) == pytest.approx(0.2 * 0.01, rel=0.3)


def test_a_schedule_sets_the_rate_of_both() -> None:
    model = network()
    optimizer = together(model)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.0 if step else 1.0)
    gradients(model, 0)
    optimizer.step()
    schedule.step()
    before = [p.detach().clone() for p in model.parameters()]
    gradients(model, 1)
    optimizer.step()
    for a, b in zip(model.parameters(), before, strict=True):
        assert torch.equal(a, b)


def test_a_saved_state_goes_on_exactly() -> None:
    model = network()
    optimizer = together(model)
    for step in range(2):
        gradients(model, step)
        optimizer.step()
    again = copy.deepcopy(model)
    resumed = together(again)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for step in range(2, 4):
        for net, opt in ((model, optimizer), (again, resumed)):
            gradients(net, step)
            opt.step()
    for a, b in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    assert len(optimizer.state) == 4


def test_a_closure_is_called_with_gradients_on() -> None:
    model = network()

    def closure() -> float:
        gradients(model, 0)
        return 3.5

    with torch.no_grad():
        assert together(model).step(closure) == 3.5


@pytest.mark.parametrize("kind", [LegoBert, ProgramsBert])
def test_bert_gives_muon_the_matrices_of_its_layers(kind: Any) -> None:
    sizes = {"vocab_size": 9} if kind is LegoBert else {"n_statements": 3, "readout": "cls"}
    module = kind(max_length=9, optimizer="muon", lr=0.25, weight_decay=0.5, **sizes, **TINY)
    optimizer = module.make_optimizer()
    matrices, others = (group["params"] for group in optimizer.param_groups)
    # Query, key, value, output and two feed-forward maps in each of two layers.
    assert len(matrices) == 12
    assert {tuple(p.shape) for p in matrices} == {(8, 8), (32, 8), (8, 32)}
    assert set(map(id, matrices + others)) == set(map(id, module.parameters()))
    assert [(g["lr"], g["weight_decay"]) for g in optimizer.param_groups] == [(0.25, 0.5), (0.05, 0.5)]
    assert isinstance(kind(max_length=9, **sizes, **TINY).make_optimizer(), torch.optim.AdamW)
