"""The compiled backends compute what the reference computes, and refuse what they cannot."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_curriculum.errors import NotFinite, UsageError
from lit_curriculum.models.mlp import MLP
from lit_curriculum.online_sgd import choose_backend, train_samples
from lit_curriculum.online_sgd.blocked import BLOCK
from lit_curriculum.online_sgd.blocked import train as train_blocked

FAST = ("numba", "blocked")
Problem = tuple[MLP, torch.Tensor, torch.Tensor, torch.Tensor]


def draw(
    d: int,
    width: int,
    classes: int,
    n: int,
    *,
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
    rate: float = 1e-2,
) -> Problem:
    """Return a network, inputs of +-1, soft targets, and rates that change every step."""
    torch.manual_seed(seed)
    model = MLP(d, width, classes).to(dtype)
    x = (2 * torch.randint(0, 2, (n, d)) - 1).to(dtype)
    targets = torch.softmax(3 * torch.randn(n, classes, dtype=dtype), dim=1)
    return model, x, targets, rate * torch.linspace(0.5, 1, n, dtype=dtype)


def difference(a: MLP, b: MLP) -> float:
    """Return the largest difference of two networks' weights."""
    pairs = zip(a.parameters(), b.parameters(), strict=True)
    return max(float((p - q).detach().abs().max()) for p, q in pairs)


def equal(a: MLP, b: MLP) -> bool:
    """Return whether two networks have the same bits."""
    return all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


@settings(max_examples=40, deadline=None)
@given(
    d=st.integers(1, 40),
    width=st.integers(1, 300),
    classes=st.integers(1, 9),
    n=st.integers(1, 90),
    block=st.sampled_from([8, 16, 24, 32, 64]),
    seed=st.integers(0, 1000),
    mass=st.sampled_from([1.0, 0.7]),
)
def test_any_shape_and_block(
    d: int, width: int, classes: int, n: int, block: int, seed: int, mass: float
) -> None:
    model, x, targets, rates = draw(d, width, classes, n, seed=seed)
    x, targets = x * torch.rand(n, d, dtype=x.dtype), targets * mass
    expected = copy.deepcopy(model)
    losses = train_samples(expected, x, targets, rates, backend="reference", loss_scale=0.6)
    got = train_blocked(model, x, targets, rates, 0.6, block=block)
    assert difference(model, expected) < 1e-12
    torch.testing.assert_close(got, losses, rtol=0, atol=1e-12)


@pytest.mark.parametrize("backend", FAST)
@pytest.mark.parametrize(
    ("rate", "d", "width", "classes"), [(1e-2, 25, 60, 2), (5e-3, 40, 33, 8), (1e-3, 9, 130, 3)]
)
def test_ten_thousand_steps(backend: str, rate: float, d: int, width: int, classes: int) -> None:
    model, x, targets, rates = draw(d, width, classes, 10_000, rate=rate)
    expected = copy.deepcopy(model)
    losses = train_samples(expected, x, targets, rates, backend="reference")
    got = train_samples(model, x, targets, rates, backend=backend)
    assert difference(model, expected) < 1e-9
    torch.testing.assert_close(got, losses, rtol=0, atol=1e-9)


SWEEP = ((1e-2, 25, 60, 2, 0.0), (5e-3, 40, 33, 8, 1.0), (1e-3, 9, 130, 3, 0.3), (1e-2, 50, 25, 4, 1.0))


@pytest.fixture(scope="module", params=range(len(SWEEP)))
def ten_thousand_steps(request: pytest.FixtureRequest) -> tuple[Problem, MLP, torch.Tensor]:
    """Return a problem, the network that the reference trains on it, and its losses."""
    rate, d, width, classes, softness = SWEEP[request.param]
    model, x, targets, rates = draw(d, width, classes, 10_000, seed=request.param, rate=rate)
    one_hot = torch.nn.functional.one_hot(targets.argmax(-1), classes)
    targets = softness * targets + (1 - softness) * one_hot
    expected = copy.deepcopy(model)
    losses = train_samples(expected, x, targets, rates, backend="reference")
    return (model, x, targets, rates), expected, losses


@pytest.mark.slow
@pytest.mark.parametrize("block", range(8, 129, 8))
def test_every_block_size_over_ten_thousand_steps(
    ten_thousand_steps: tuple[Problem, MLP, torch.Tensor], block: int
) -> None:
    (start, x, targets, rates), expected, losses = ten_thousand_steps
    model = copy.deepcopy(start)
    got = train_blocked(model, x, targets, rates, 1.0, block=block)
    assert difference(start, expected) > 1e-2
    assert difference(model, expected) < 1e-9
    torch.testing.assert_close(got, losses, rtol=0, atol=1e-9)


@pytest.mark.parametrize("backend", FAST)
def test_float32_stays_at_rounding_level(backend: str) -> None:
    model, x, targets, rates = draw(30, 100, 2, 2000, dtype=torch.float32)
    expected = copy.deepcopy(model).double()
    train_samples(expected, x.double(), targets.double(), rates.double(), backend="reference")
    train_samples(model, x, targets, rates, backend=backend)
    assert difference(model.double(), expected) < 2e-5


@pytest.mark.parametrize("backend", ["reference", "blocked"])
def test_hinge(backend: str) -> None:
    model, x, _, rates = draw(10, 50, 1, 100)
    y = x[:, :1] * x[:, 1:2]
    weights = [p.detach().clone().requires_grad_() for p in model.parameters()]
    losses = []
    for i in range(len(x)):
        W, b, U, c = weights
        loss = torch.clamp(1 - y[i] * (U @ torch.relu(W @ x[i] + b) + c), min=0).sum()
        gradients = torch.autograd.grad(loss, weights)
        weights = [
            (w - rates[i] * g).detach().requires_grad_() for w, g in zip(weights, gradients, strict=True)
        ]
        losses.append(loss.detach())
    got = train_samples(model, x, y, rates, backend=backend, loss="hinge")
    torch.testing.assert_close(got, torch.stack(losses), rtol=0, atol=1e-12)
    for p, q in zip(model.parameters(), weights, strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("d", "width", "n"), [(20, 700, 200), (3, 20_000, 70)])
def test_threads_do_not_change_a_bit(d: int, width: int, n: int) -> None:
    model, x, targets, rates = draw(d, width, 2, n, dtype=torch.float32)
    models = [copy.deepcopy(model) for _ in range(3)]
    losses = [
        train_blocked(m, x, targets, rates, 1.0, threads=threads)
        for m, threads in zip(models, (1, 2, 3), strict=True)
    ]
    assert not equal(models[0], model)
    assert equal(models[0], models[1])
    assert equal(models[0], models[2])
    assert torch.equal(losses[0], losses[1])
    assert torch.equal(losses[0], losses[2])


def test_calls_that_end_with_a_block_are_one_call() -> None:
    model, x, targets, rates = draw(20, 100, 2, 3 * BLOCK, dtype=torch.float32)
    whole = copy.deepcopy(model)
    losses = train_blocked(whole, x, targets, rates, 1.0)
    cut = BLOCK
    first = train_blocked(model, x[:cut], targets[:cut], rates[:cut], 1.0)
    rest = train_blocked(model, x[cut:], targets[cut:], rates[cut:], 1.0)
    assert equal(model, whole)
    assert torch.equal(torch.cat([first, rest]), losses)


def test_no_samples() -> None:
    model, x, targets, rates = draw(5, 4, 2, 0)
    assert len(train_samples(model, x, targets, rates, backend="blocked")) == 0


@pytest.mark.parametrize("backend", ["reference", *FAST])
def test_a_rate_that_diverges_is_named(backend: str) -> None:
    model, x, targets, rates = draw(10, 40, 2, 50, dtype=torch.float32)
    rates[20:] = 1e30
    with pytest.raises(NotFinite, match=r"^step 1,02\d: the loss .*too large \(1e\+30\)$"):
        train_samples(model, x, targets, rates, backend=backend, first_step=1000)


@pytest.mark.parametrize("backend", ["reference", *FAST])
def test_broken_weights_behind_a_finite_loss_are_found(backend: str) -> None:
    model, x, targets, rates = draw(10, 40, 2, 1, dtype=torch.float32)
    with pytest.raises(NotFinite, match=r"^step 8: weight \S+ \(-?(inf|nan)\) is not finite"):
        train_samples(model, 1e3 * x, targets, rates.fill_(3e38), backend=backend, first_step=7)


def test_nan_in_a_weight_is_not_an_inactive_unit() -> None:
    model, x, targets, rates = draw(10, 40, 2, 20, dtype=torch.float32)
    with torch.no_grad():
        model.hidden.weight[3, 3] = float("nan")
    losses = train_blocked(model, x, targets, rates, 1.0)
    assert torch.isnan(losses).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(4, 6)}, "shape of x"),
        ({"x": torch.zeros(4, 5, dtype=torch.float64)}, "dtype of x"),
        ({"targets": torch.zeros(3, 2)}, "shape of targets"),
        ({"rates": torch.zeros(4, 1)}, "shape of rates"),
        ({"loss": "mse"}, "loss: got 'mse'"),
        ({"loss": "hinge"}, "2 outputs"),
    ],
)
def test_arguments_that_do_not_fit(change: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {
        "x": torch.zeros(4, 5),
        "targets": torch.zeros(4, 2),
        "rates": torch.zeros(4),
    }
    with pytest.raises(UsageError, match=message):
        train_samples(MLP(5, 3, 2), backend="blocked", **{**arguments, **change})  # type: ignore[arg-type]


def test_hinge_is_refused_by_the_sequential_loop() -> None:
    model, x, _, rates = draw(5, 4, 1, 3)
    with pytest.raises(UsageError, match="reference and blocked"):
        train_samples(model, x, x[:, :1], rates, backend="numba", loss="hinge")


def test_block_sizes_that_do_not_nest() -> None:
    model, x, targets, rates = draw(5, 4, 2, 3)
    with pytest.raises(UsageError, match="positive multiple of 8"):
        train_blocked(model, x, targets, rates, 1.0, block=12)


def test_choice_of_backend() -> None:
    assert choose_backend("auto") == "blocked"
    assert choose_backend("auto", "cuda") == "triton"
    assert choose_backend("numba") == "numba"
    with pytest.raises(UsageError, match="did you mean 'blocked'"):
        choose_backend("blokced")
    with pytest.raises(UsageError, match="runs on cuda"):
        choose_backend("blocked", "cuda")
