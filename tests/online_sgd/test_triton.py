"""The triton backend under Triton's interpreter: the arithmetic that a GPU would do, on small cases."""

from __future__ import annotations

import copy
import importlib.util

import pytest
import torch

from lit_curriculum.errors import NotFinite, UsageError
from lit_curriculum.online_sgd import choose_backend, train_samples
from tests.online_sgd.test_backends import by_hand, check
from tests.online_sgd.test_blocked import draw

HERE = importlib.util.find_spec("triton") is not None and not torch.cuda.is_available()
needs_triton = pytest.mark.skipif(
    not HERE, reason="triton is not installed (extra 'triton'), or is for a GPU here"
)


@pytest.fixture
def interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let triton's programs run on the processor, in blocks of 8 samples, halved, and chunks of 16 units.

    Triton reads the variable when it first sees a program, so it is set before that module is imported; for
    triton's own programs `tests` has done so.
    """
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    from lit_curriculum.online_sgd import triton_blocks

    monkeypatch.setattr(
        triton_blocks, "TILING", triton_blocks.Tiling(block=8, sub_block=4, chunk=16, warps=1)
    )


@needs_triton
@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize(
    ("d", "width", "classes", "n", "mass"),
    [(7, 13, 2, 19, 1.0), (5, 35, 8, 9, 0.7), (3, 1, 1, 3, 1.0), (2, 16, 3, 8, 1.0)],
)
def test_weights_and_losses_are_those_of_the_formulas(
    d: int, width: int, classes: int, n: int, mass: float
) -> None:
    model, x, targets, rates = draw(d, width, classes, n, rate=0.1)
    expected = by_hand(model, x, mass * targets, rates, loss_scale=0.6)
    losses = train_samples(model, x, mass * targets, rates, backend="triton", loss_scale=0.6)
    check(model, losses, expected, rtol=1e-9, atol=1e-11)


@needs_triton
@pytest.mark.usefixtures("interpreter")
def test_one_hot_targets_and_single_precision() -> None:
    model, x, targets, rates = draw(6, 20, 3, 12, dtype=torch.float32, rate=0.1)
    targets = torch.nn.functional.one_hot(targets.argmax(-1), 3).float()
    expected = by_hand(model, x, targets, rates)
    losses = train_samples(model, x, targets, rates, backend="triton")
    assert losses.dtype == torch.float32
    check(model, losses, expected, rtol=1e-4, atol=1e-5)


@needs_triton
@pytest.mark.usefixtures("interpreter")
def test_two_calls_continue_each_other_and_leave_their_arguments_alone() -> None:
    model, x, targets, rates = draw(4, 9, 2, 11)
    whole, before = copy.deepcopy(model), [tensor.clone() for tensor in (x, targets, rates)]
    together = train_samples(whole, x, targets, rates, backend="triton")
    apart = [
        train_samples(model, x[s], targets[s], rates[s], backend="triton")
        for s in (slice(0, 5), slice(5, 11))
    ]
    torch.testing.assert_close(torch.cat(apart), together, rtol=1e-10, atol=1e-12)
    for a, b in zip(model.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)
    assert all(torch.equal(a, b) for a, b in zip((x, targets, rates), before, strict=True))


@needs_triton
@pytest.mark.usefixtures("interpreter")
def test_nan_in_a_weight_is_not_an_inactive_unit() -> None:
    model, x, targets, rates = draw(4, 5, 2, 2)
    with torch.no_grad():
        model.hidden.weight[3, 3] = float("nan")
    with pytest.raises(NotFinite, match=r"^step 0: the loss \(nan\) .*initial weights that are too large$"):
        train_samples(model, x, targets, rates, backend="triton")


@needs_triton
@pytest.mark.usefixtures("interpreter")
def test_hinge_loss_is_that_of_autograd() -> None:
    model, x, _, rates = draw(4, 19, 1, 11, rate=0.1)
    signs = x[:, :1].sign()
    with torch.no_grad():
        model.output.weight.mul_(5)  # so that some samples lie beyond the margin
    autograd = copy.deepcopy(model)
    expected = train_samples(autograd, x, signs, rates, backend="reference", loss="hinge", loss_scale=0.7)
    losses = train_samples(model, x, signs, rates, backend="triton", loss="hinge", loss_scale=0.7)
    assert (expected == 0).any()
    assert (expected > 0).any()
    torch.testing.assert_close(losses, expected, rtol=1e-9, atol=1e-12)
    for a, b in zip(model.parameters(), autograd.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


@needs_triton
@pytest.mark.usefixtures("interpreter")
def test_students_side_by_side_have_the_bits_of_students_alone() -> None:
    from lit_curriculum.online_sgd import triton_blocks

    drawn = [draw(5, 20, 3, 11, rate=0.1 * (i + 1), seed=i) for i in range(3)]
    x = drawn[0][1]
    models, targets, rates = ([of[i] for of in drawn] for i in (0, 2, 3))
    alone = copy.deepcopy(models)
    losses = triton_blocks.train_many(models, x, targets, rates, 0.6)
    for i, model in enumerate(alone):
        assert torch.equal(losses[i], triton_blocks.train(model, x, targets[i], rates[i], 0.6))
        assert all(torch.equal(a, b) for a, b in zip(model.parameters(), models[i].parameters(), strict=True))


@needs_triton
@pytest.mark.usefixtures("interpreter")
def test_students_of_different_shapes_are_refused() -> None:
    from lit_curriculum.online_sgd import triton_blocks

    (one, x, targets, rates), (other, *_) = draw(5, 20, 3, 4), draw(5, 21, 3, 4)
    with pytest.raises(UsageError) as caught:
        triton_blocks.train_many([one, one, other], x, [targets] * 3, [rates] * 3, 1.0)
    message = "(width, n_classes) of student 2: got (21, 3); allowed: (20, 3), student 0's, on a GPU"
    assert str(caught.value) == message


@needs_triton
@pytest.mark.usefixtures("interpreter")
def test_a_network_that_was_moved_or_reloaded_between_calls_is_trained_where_it_lies() -> None:
    model, x, targets, rates = draw(4, 9, 2, 11)
    whole = copy.deepcopy(model)
    for rows in (slice(0, 5), slice(5, 11)):
        train_samples(model, x[rows], targets[rows], rates[rows], backend="triton")
        model.hidden.weight = torch.nn.Parameter(model.hidden.weight.detach().clone())
    train_samples(whole, x, targets, rates, backend="triton")
    for a, b in zip(model.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_on_a_processor_it_is_refused_but_under_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(UsageError) as caught:
        choose_backend("triton", "cpu")
    message = "backend: got 'triton'; allowed: a backend that runs on cpu: reference, numba, blocked"
    assert str(caught.value) == message


def test_on_a_gpu_it_is_what_auto_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert choose_backend("auto", "cuda") == "triton"
    assert choose_backend("reference", "cuda") == "reference"


def test_it_is_refused_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert choose_backend("auto", "cuda") == "reference"
    with pytest.raises(UsageError, match=r"^backend: got 'triton'; allowed: reference \(triton is not"):
        choose_backend("triton", "cuda")


def test_other_accelerators_have_the_reference_only() -> None:
    with pytest.raises(UsageError, match=r"a backend that runs on mps: reference$"):
        choose_backend("triton", "mps")


def test_a_module_may_name_it_before_its_device_is_known() -> None:
    assert choose_backend("triton", None) == "triton"
    assert choose_backend("auto", None) == "auto"
    with pytest.raises(UsageError, match="did you mean 'triton'"):
        choose_backend("trition", None)
