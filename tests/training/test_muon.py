"""Muon in batches of matrices, against float64; with AdamW as one optimizer, one schedule, one state."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.lego import LegoBert
from lit_curriculum.experiments.programs import ProgramsBert
from lit_curriculum.training.muon import BatchedMuon, MuonAdamW, orthogonalize

SETTINGS: dict[str, Any] = {"lr": 0.01, "betas": (0.8, 0.9), "weight_decay": 0.1}
TINY: dict[str, Any] = {"layers": 2, "heads": 2, "head_size": 4, "initializer_range": 0.2}


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.GELU(), nn.Linear(5, 3))


def split(model: nn.Sequential) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    parameters = list(model.parameters())
    return [p for p in parameters if p.ndim == 2], [p for p in parameters if p.ndim == 1]


def together(model: nn.Sequential) -> MuonAdamW:
    return MuonAdamW(model.named_parameters(), **SETTINGS, momentum=0.7, adamw_share=0.5)


def gradients(model: nn.Sequential, step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    model.zero_grad()
    model(torch.randn(4, 6, generator=generator)).square().sum().backward()


# Two of one shape, one on its side, one upright.
SHAPES = ((3, 5), (3, 5), (7, 2), (2, 9))
MUON: dict[str, Any] = {"lr": 0.05, "weight_decay": 0.3, "momentum": 0.8}


def weights() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(1)
    return [nn.Parameter(torch.randn(*shape, generator=generator)) for shape in SHAPES]


def drawn_gradients(step: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(10 + step)
    return [torch.randn(*shape, generator=generator) for shape in SHAPES]


def torchs(parameters: list[nn.Parameter], **settings: Any) -> torch.optim.Muon:
    return torch.optim.Muon(parameters, adjust_lr_fn="match_rms_adamw", **settings)


def updated(make: Callable[..., torch.optim.Muon], n_steps: int = 3) -> list[nn.Parameter]:
    parameters = weights()
    optimizer = make(parameters, **MUON)
    for step in range(n_steps):
        for parameter, gradient in zip(parameters, drawn_gradients(step), strict=True):
            parameter.grad = gradient
        optimizer.step()
    return parameters


def muon_in_float64(matrix: np.ndarray, gradients: list[np.ndarray]) -> np.ndarray:
    """One matrix, by its singular values: the iteration is a polynomial of each of them."""
    buffer = np.zeros_like(matrix)
    for gradient in gradients:
        buffer = 0.8 * buffer + 0.2 * gradient
        u, s, vt = np.linalg.svd(0.2 * gradient + 0.8 * buffer, full_matrices=False)
        s = s / np.sqrt((s**2).sum())
        for _ in range(5):
            s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
        step = 0.2 * np.sqrt(max(matrix.shape)) * (u * s) @ vt
        matrix = matrix - 0.05 * (0.3 * matrix + step)
    return matrix


def test_batched_muon_is_the_float64_loop() -> None:
    drawn = [[g.double().numpy() for g in drawn_gradients(step)] for step in range(3)]
    for parameter, start, *gradients in zip(updated(BatchedMuon), weights(), *drawn, strict=True):
        expected = muon_in_float64(start.detach().double().numpy(), gradients)
        np.testing.assert_allclose(parameter.detach().numpy(), expected, rtol=0, atol=2e-5)


def test_batched_muon_is_torchs_to_bfloat16() -> None:
    for ours, theirs, start in zip(updated(BatchedMuon), updated(torchs), weights(), strict=True):
        moved = (theirs - start).detach().norm()
        assert (ours - theirs).detach().norm() < 0.03 * moved


def test_a_matrix_without_a_gradient_stays_and_has_no_state() -> None:
    parameters = weights()
    optimizer = BatchedMuon(parameters, **MUON)
    parameters[0].grad = torch.ones(3, 5)
    optimizer.step()
    assert not torch.equal(parameters[0], weights()[0])
    for parameter, start in list(zip(parameters, weights(), strict=True))[1:]:
        assert torch.equal(parameter, start)
    assert list(optimizer.state) == [parameters[0]]


def test_a_zero_gradient_gives_no_direction() -> None:
    found = orthogonalize(torch.zeros(2, 4, 3), (3.4445, -4.7750, 2.0315), 5)
    assert torch.equal(found, torch.zeros(2, 4, 3))


def test_updates_are_those_of_the_two_optimizers_apart() -> None:
    ours, theirs = network(), network()
    optimizer = together(ours)
    matrices, others = split(theirs)
    apart = (
        BatchedMuon(matrices, lr=0.01, weight_decay=0.1, momentum=0.7),
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
    optimizer = MuonAdamW([("layer.0.weight", matrix), ("bias", nn.Parameter(torch.zeros(1)))], lr=0.01)
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


@pytest.mark.parametrize("alone", [True, False])
def test_a_closure_is_called_with_gradients_on(alone: bool) -> None:
    model = network()
    optimizer = BatchedMuon(split(model)[0], **MUON) if alone else together(model)

    def closure() -> float:
        gradients(model, 0)
        return 3.5

    with torch.no_grad():
        assert optimizer.step(closure) == 3.5
    assert not torch.equal(model[0].weight, network()[0].weight)


@pytest.mark.parametrize("kind", [LegoBert, ProgramsBert])
def test_bert_gives_muon_the_matrices_of_its_layers(kind: Any) -> None:
    sizes = {"vocab_size": 9} if kind is LegoBert else {"n_statements": 3, "readout": "cls"}
    muon = partial(MuonAdamW, lr=0.25, weight_decay=0.5)
    module = kind(max_length=9, optimizer=muon, **sizes, **TINY)
    optimizer = module.make_optimizer()
    matrices, others = (group["params"] for group in optimizer.param_groups)
    # Query, key, value, output and two feed-forward maps in each of two layers.
    assert len(matrices) == 12
    assert {tuple(p.shape) for p in matrices} == {(8, 8), (32, 8), (8, 32)}
    assert set(map(id, matrices + others)) == set(map(id, module.parameters()))
    encoder = module.model.classifier.bert.encoder.parameters()
    assert [id(p) for p in matrices] == [id(p) for p in encoder if p.ndim == 2]
    assert [(g["lr"], g["weight_decay"]) for g in optimizer.param_groups] == [(0.25, 0.5), (0.05, 0.5)]
    assert isinstance(kind(max_length=9, **sizes, **TINY).make_optimizer(), torch.optim.AdamW)


@pytest.mark.parametrize(("key", "value"), [("momentum", 2.0), ("momentum", -0.1), ("adamw_share", 0.0)])
def test_numbers_out_of_range_are_refused(key: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"model.optimizer.{key}: got {value}"):
        MuonAdamW([("layer.0.weight", nn.Parameter(torch.zeros(2, 2)))], **{key: value})
