"""Every backend against a loop in float64 written from the formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lit_curriculum.errors import NotFinite, UsageError
from lit_curriculum.models import MLP, build
from lit_curriculum.online_sgd import BACKENDS, choose_backend, train_samples
from lit_curriculum.tasks.sparse_parity import SparseParity

NAMES = sorted(set(BACKENDS) - {"triton"})  # which has tests of its own: its interpreter is slow


def network(width: int = 13, d: int = 7, classes: int = 2, dtype: torch.dtype = torch.float64) -> MLP:
    """Return a small network, its weights enlarged so that a few steps change them visibly."""
    model = build({"name": "mlp", "init_args": {"d": d, "width": width, "n_classes": classes}}, seed=3)
    assert isinstance(model, MLP)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    return model.to(dtype)


def data(n: int, d: int = 7, classes: int = 2, kind: str = "soft", dtype: torch.dtype = torch.float64):
    """Return inputs, target probabilities and a rate a step."""
    generator = torch.Generator().manual_seed(n)
    x = SparseParity.create(d, 3).sample_torch(1, "train", 0, n)[0].to(dtype)
    logits = 2 * torch.randn(n, classes, generator=generator)
    if kind == "soft":
        targets = torch.softmax(logits, -1)
    else:
        targets = torch.nn.functional.one_hot(logits.argmax(-1), classes)
    rates = 0.02 + 0.08 * torch.rand(n, generator=generator)
    return x, targets.to(dtype), rates.to(dtype)


def by_hand(model: MLP, x, targets, rates, loss_scale: float = 1.0):
    """Train on rows one after the other in numpy; return the parameters and the losses."""
    W, b, U, c = (parameter.detach().double().numpy().copy() for parameter in model.parameters())
    losses = []
    for row, target, rate in zip(
        x.double().numpy(), targets.double().numpy(), rates.double().numpy(), strict=True
    ):
        pre = W @ row + b
        hidden = np.maximum(pre, 0)
        logits = U @ hidden + c
        log_p = logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())
        entropy = sum(t * np.log(t) for t in target if t > 0)
        losses.append(entropy - target @ log_p)
        d_logits = loss_scale * (target.sum() * np.exp(log_p) - target)
        d_pre = (U.T @ d_logits) * (pre > 0)
        U -= rate * np.outer(d_logits, hidden)
        c -= rate * d_logits
        W -= rate * np.outer(d_pre, row)
        b -= rate * d_pre
    return [W, b, U, c], np.array(losses)


def check(model: MLP, losses: torch.Tensor, expected, rtol: float, atol: float) -> None:
    weights, expected_losses = expected
    for parameter, array in zip(model.parameters(), weights, strict=True):
        np.testing.assert_allclose(parameter.detach().double().numpy(), array, rtol=rtol, atol=atol)
    np.testing.assert_allclose(losses.double().numpy(), expected_losses, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["one-hot", "soft"])
@pytest.mark.parametrize("n", [1, 2, 3, 64, 131])
def test_weights_and_losses_are_those_of_the_formulas_in_double_precision(name, kind, n):
    model = network()
    batch = data(n, kind=kind)
    expected = by_hand(model, *batch)
    losses = train_samples(model, *batch, backend=name)
    check(model, losses, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_single_precision_agrees_to_rounding(name):
    model = network(width=40, dtype=torch.float32)
    batch = data(200, dtype=torch.float32)
    expected = by_hand(model, *batch)
    losses = train_samples(model, *batch, backend=name)
    assert losses.dtype == torch.float32
    check(model, losses, expected, rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("width", "d", "classes"), [(1, 2, 2), (5, 130, 2), (33, 4, 5), (17, 9, 1)])
def test_any_shape_is_trained(name, width, d, classes):
    model = network(width, d, classes)
    batch = data(20, d=max(d, 4), classes=classes)
    x, targets, rates = batch[0][:, :d].contiguous(), *batch[1:]
    expected = by_hand(model, x, targets, rates)
    losses = train_samples(model, x, targets, rates, backend=name)
    check(model, losses, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_two_calls_continue_each_other(name):
    whole, parts = network(), network()
    x, targets, rates = data(60)
    together = train_samples(whole, x, targets, rates, backend=name)
    apart = [
        train_samples(parts, x[s], targets[s], rates[s], backend=name) for s in (slice(0, 23), slice(23, 60))
    ]
    torch.testing.assert_close(torch.cat(apart), together, rtol=1e-10, atol=1e-12)
    for a, b in zip(parts.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_call_gives_the_same_bits(name):
    results = []
    for _ in range(2):
        model = network(dtype=torch.float32)
        losses = train_samples(model, *data(50, dtype=torch.float32), backend=name)
        results.append((losses, [parameter.detach().clone() for parameter in model.parameters()]))
    assert torch.equal(results[0][0], results[1][0])
    assert all(torch.equal(a, b) for a, b in zip(results[0][1], results[1][1], strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_loss_scale_acts_on_the_descent_and_not_on_the_loss_returned(name):
    model = network()
    batch = data(30)
    expected = by_hand(model, *batch, loss_scale=0.25)
    losses = train_samples(model, *batch, backend=name, loss_scale=0.25)
    check(model, losses, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_a_rate_of_zero_changes_nothing(name):
    model, before = network(), network()
    x, targets, rates = data(10)
    losses = train_samples(model, x, targets, torch.zeros_like(rates), backend=name)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before.parameters(), strict=True))
    _, expected = by_hand(before, x, targets, torch.zeros_like(rates))
    np.testing.assert_allclose(losses.numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_units_that_are_never_active_keep_their_weights(name):
    model = network()
    with torch.no_grad():
        model.hidden.bias[4] = -1e3
    row, column = model.hidden.weight[4].clone(), model.output.weight[:, 4].clone()
    train_samples(model, *data(40), backend=name)
    assert torch.equal(model.hidden.weight[4], row)
    assert torch.equal(model.output.weight[:, 4], column)
    assert model.hidden.bias[4].item() == -1e3


@pytest.mark.parametrize("name", NAMES)
def test_inputs_targets_and_rates_are_left_alone(name):
    model = network()
    batch = data(20)
    before = [tensor.clone() for tensor in batch]
    train_samples(model, *batch, backend=name)
    assert all(torch.equal(a, b) for a, b in zip(batch, before, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_no_rows_mean_no_step(name):
    model, before = network(), network()
    x, targets, rates = data(3)
    losses = train_samples(model, x[:0], targets[:0], rates[:0], backend=name)
    assert losses.shape == (0,)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before.parameters(), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_parameters_stay_trainable_leaves_without_gradients(name):
    model = network()
    parameters = list(model.parameters())
    train_samples(model, *data(5), backend=name)
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    assert all(p.requires_grad and p.is_leaf and p.grad is None for p in parameters)


@pytest.mark.parametrize("name", NAMES)
def test_large_logits_stay_finite(name):
    model = network(dtype=torch.float32)
    with torch.no_grad():
        model.output.bias.copy_(torch.tensor([5e3, -5e3]))
    x, _, rates = data(1, dtype=torch.float32)
    targets = torch.tensor([[0.0, 1.0]])
    losses = train_samples(model, x, targets, rates, backend=name)
    assert losses.item() == pytest.approx(1e4, rel=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_a_rate_at_which_training_explodes_is_named(name):
    x, targets, rates = data(50, dtype=torch.float32)
    with pytest.raises(NotFinite) as caught:
        train_samples(network(dtype=torch.float32), x, targets, torch.full_like(rates, 1e20), backend=name)
    message = str(caught.value)
    assert message.startswith("step 1: the loss (") or message.startswith("step 2: the loss (")
    assert message.endswith(") is not finite; the likely cause is a learning rate that is too large (1e+20)")
    assert "\n" not in message


@pytest.mark.parametrize("name", NAMES)
def test_the_step_that_is_named_is_the_first_whose_loss_is_not_finite(name):
    """The oracle makes the updates one by one and looks at every loss."""
    x, targets, rates = data(60, dtype=torch.float32)
    rates[30] = 1e22  # far beyond rounding: every processor and backend overflows at the same step
    model = network(dtype=torch.float32)
    for step in range(60):
        logits = model(x[step : step + 1])
        loss = -(targets[step] * torch.log_softmax(logits[0], -1)).sum()
        if not torch.isfinite(loss):
            break
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter.sub_(rates[step] * gradient)
    assert step == 32  # the loss before is finite still
    with pytest.raises(NotFinite, match=rf"^step {7000 + step:,}: the loss"):
        train_samples(network(dtype=torch.float32), x, targets, rates, backend=name, first_step=7000)


def test_auto_picks_a_compiled_backend_on_a_processor():
    assert choose_backend("auto") in set(BACKENDS) - {"reference"}


def test_auto_picks_a_known_backend_on_an_accelerator():
    assert choose_backend("auto", "cuda") in BACKENDS


@pytest.mark.parametrize("name", NAMES)
def test_a_backend_asked_for_by_name_is_used_on_a_processor(name):
    assert choose_backend(name, "cpu") == name


def test_the_reference_runs_on_any_device():
    assert choose_backend("reference", torch.device("cuda", 1)) == "reference"


def test_an_unknown_backend_is_refused_with_the_nearest():
    with pytest.raises(UsageError) as caught:
        choose_backend("referense")
    message = str(caught.value)
    assert message.startswith("backend: got 'referense'; allowed: auto, reference")
    assert message.endswith("(did you mean 'reference'?)")


def test_the_compiled_processor_backend_is_refused_on_an_accelerator():
    compiled = choose_backend("auto", "cpu")
    with pytest.raises(
        UsageError, match=rf"^backend: got '{compiled}'; allowed: a backend that runs on cuda: "
    ):
        choose_backend(compiled, "cuda")
