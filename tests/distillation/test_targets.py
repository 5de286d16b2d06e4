"""The teacher's softmax and the student's loss against float64."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.distillation import kl_to_student, teacher_probabilities
from lit_curriculum.distillation.targets import check_temperature, count_near_ties, divergence
from lit_curriculum.errors import UsageError

rows = st.lists(st.floats(-20, 20, width=32), min_size=2, max_size=5)


def softmax_in_float64(logits: list[float], tau: float) -> list[float]:
    top = max(logits)
    weights = [math.exp((value - top) / tau) for value in logits]
    return [weight / sum(weights) for weight in weights]


def random_logits(n: int = 200, classes: int = 3, seed: int = 0, dtype=torch.float32) -> torch.Tensor:
    return torch.randn(n, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(
        dtype
    )


@given(logits=rows, tau=st.floats(0.05, 50))
def test_probabilities_are_the_softmax_of_logits_over_tau(logits, tau):
    found = teacher_probabilities(torch.tensor([logits], dtype=torch.float64), tau)[0]
    assert found.tolist() == pytest.approx(softmax_in_float64(logits, tau), abs=1e-12)


@given(logits=rows, tau=st.floats(0.05, 50))
def test_single_precision_agrees_with_double(logits, tau):
    found = teacher_probabilities(torch.tensor([logits]), tau)[0]
    assert found.tolist() == pytest.approx(softmax_in_float64(logits, tau), abs=1e-5)


def test_zero_temperature_is_argmax():
    logits = random_logits()
    found = teacher_probabilities(logits, 0.0)
    assert torch.equal(found, torch.nn.functional.one_hot(logits.argmax(-1), 3).float())


def test_zero_temperature_takes_the_first_of_equal_logits():
    assert teacher_probabilities(torch.tensor([[1.0, 2.0, 2.0]]), 0.0).tolist() == [[0.0, 1.0, 0.0]]


@pytest.mark.parametrize("tau", [1e-4, 1e-20, 1e-37])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_small_temperature_is_finite_and_argmax_away_from_near_ties(tau, scale):
    logits = scale * random_logits()
    found = teacher_probabilities(logits, tau)
    assert torch.isfinite(found).all()
    top = logits.topk(2, dim=-1).values
    clear = top[:, 0] - top[:, 1] > 110 * tau  # beyond it float32's exponential is zero
    assert clear.sum() > 150
    assert torch.equal(found[clear], teacher_probabilities(logits, 0.0)[clear])


def test_a_close_call_is_shared_and_not_decided():
    logits = torch.tensor([[1.0, 1.0], [1.0, 1.0 + 1e-4]], dtype=torch.float64)
    found = teacher_probabilities(logits, 1e-4)
    assert found[0].tolist() == [0.5, 0.5]
    assert found[1, 1].item() == pytest.approx(1 / (1 + math.exp(-1)), rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_are_raised_to_single(dtype):
    logits = random_logits(dtype=dtype)
    found = teacher_probabilities(logits, 1e-20)
    assert found.dtype == torch.float32
    assert torch.isfinite(found).all()
    torch.testing.assert_close(teacher_probabilities(logits, 1.0), torch.softmax(logits.float(), -1))


def test_double_precision_is_kept():
    assert teacher_probabilities(random_logits(dtype=torch.float64), 1.0).dtype == torch.float64
    assert teacher_probabilities(random_logits(dtype=torch.float64), 0.0).dtype == torch.float64


def test_probabilities_keep_leading_dimensions():
    logits = random_logits(24).reshape(2, 12, 3)
    found = teacher_probabilities(logits, 0.5)
    torch.testing.assert_close(found.reshape(24, 3), teacher_probabilities(logits.reshape(24, 3), 0.5))


def test_higher_temperature_is_softer():
    logits = torch.tensor([[2.0, 0.0]])
    top = [teacher_probabilities(logits, tau)[0, 0].item() for tau in (0, 0.5, 1, 2, 100)]
    assert top == sorted(top, reverse=True)
    assert top[0] == 1.0
    assert top[-1] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("tau", [-1.0, -1e-30, math.inf, math.nan])
def test_what_is_no_temperature_is_refused(tau):
    with pytest.raises(UsageError) as caught:
        teacher_probabilities(torch.zeros(1, 2), tau)
    assert str(caught.value) == f"tau: got {tau}; allowed: a finite temperature >= 0; 0 means argmax"


@pytest.mark.parametrize("tau", [0.0, 1e-20, 1e-4, 1.0, 1e6])
def test_every_finite_temperature_is_accepted(tau):
    assert check_temperature(tau) == tau


def test_near_ties_are_rows_whose_top_two_lie_within_the_margin():
    logits = torch.tensor([[0.0, 0.0, -9], [0.0, 1.9e-3, -9], [0.0, 2.1e-3, -9], [5.0, 1.0, 4.999]])
    assert count_near_ties(logits, 1e-4) == 3
    assert count_near_ties(logits, 1e-4, margin=1.0) == 1
    assert count_near_ties(logits, 1e-20) == 1


@given(
    st.lists(
        st.tuples(rows.filter(lambda r: len(r) == 3), st.lists(st.floats(0.01, 1), min_size=3, max_size=3)),
        min_size=1,
        max_size=4,
    )
)
def test_loss_is_the_divergence_in_float64(pairs):
    logits = torch.tensor([z for z, _ in pairs], dtype=torch.float64)
    targets = [[w / sum(t) for w in t] for _, t in pairs]
    expected = []
    for (z, _), target in zip(pairs, targets, strict=True):
        p = softmax_in_float64(z, 1.0)
        expected.append(sum(t * (math.log(t) - math.log(q)) for t, q in zip(target, p, strict=True)))
    found = kl_to_student(torch.tensor(targets, dtype=torch.float64), logits)
    assert found.tolist() == pytest.approx(expected, abs=1e-9)


def test_divergence_is_zero_only_for_the_students_own_probabilities():
    logits = random_logits(dtype=torch.float64)
    assert kl_to_student(torch.softmax(logits, -1), logits).abs().max() < 1e-12
    assert kl_to_student(torch.softmax(logits.flip(-1), -1), logits).mean() > 0.1


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("temperature", [1.0, 0.3, 4.0])
@pytest.mark.parametrize("scale", [0.01, 3.0, 40.0])
def test_the_students_own_answer_costs_exactly_nothing(dtype, temperature, scale):
    logits = (scale * random_logits(classes=7)).to(dtype).requires_grad_()
    found = kl_to_student(teacher_probabilities(logits.detach(), temperature), logits, temperature)
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert found.tolist() == [0.0] * 200
    (gradient,) = torch.autograd.grad(found.sum(), logits)
    assert gradient.abs().max() < 1e-5


def test_what_is_taken_off_as_rounding_leaves_the_gradient_bit_identical():
    """Half of the rows are the student's own answers; the gradient is that of the formula as written."""
    logits = random_logits(classes=5).requires_grad_()
    targets = teacher_probabilities(random_logits(classes=5, seed=1), 1.0)
    targets[::2] = teacher_probabilities(logits.detach(), 1.0)[::2]
    log_p = torch.log_softmax(logits, dim=-1)
    plain = (torch.xlogy(targets, targets) - targets * log_p).sum(-1)
    ours = kl_to_student(targets, logits)
    (expected,) = torch.autograd.grad(plain.mean(), logits, retain_graph=True)
    (found,) = torch.autograd.grad(ours.mean(), logits)
    assert torch.equal(found, expected)
    assert torch.equal(ours[1::2], plain[1::2])


def test_a_confident_students_small_loss_is_not_taken_for_rounding():
    logits = torch.tensor([[0.0, gap] for gap in (-10.0, -15.0, -16.0)])
    one_hot = torch.tensor([[1.0, 0.0]] * 3)
    exact = [math.log1p(math.exp(gap)) for gap in (-10.0, -15.0, -16.0)]
    assert kl_to_student(one_hot, logits).tolist() == pytest.approx(exact, abs=6e-8)
    assert kl_to_student(one_hot, logits).gt(0).all()
    assert torch.equal(divergence(one_hot, logits), kl_to_student(one_hot, logits))


def test_with_one_hot_targets_it_is_the_cross_entropy_with_its_gradient():
    labels = torch.randint(3, (200,), generator=torch.Generator().manual_seed(1))
    logits = random_logits(dtype=torch.float64).requires_grad_()
    one_hot = torch.nn.functional.one_hot(labels, 3).double()
    ours = kl_to_student(one_hot, logits)
    theirs = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)
    (our_gradient,) = torch.autograd.grad(ours.sum(), logits, retain_graph=True)
    (their_gradient,) = torch.autograd.grad(theirs.sum(), logits)
    torch.testing.assert_close(our_gradient, their_gradient, rtol=1e-12, atol=1e-14)


def test_gradient_is_the_students_probability_minus_the_target():
    logits = random_logits(dtype=torch.float64).requires_grad_()
    targets = teacher_probabilities(random_logits(seed=1, dtype=torch.float64), 1.0)
    (gradient,) = torch.autograd.grad(kl_to_student(targets, logits).sum(), logits)
    torch.testing.assert_close(gradient, torch.softmax(logits, -1) - targets)


def test_student_temperature_divides_the_students_logits():
    logits = random_logits(dtype=torch.float64)
    targets = teacher_probabilities(random_logits(seed=1, dtype=torch.float64), 1.0)
    torch.testing.assert_close(kl_to_student(targets, logits, 2.5), kl_to_student(targets, logits / 2.5))
    assert not torch.allclose(kl_to_student(targets, logits, 2.5), kl_to_student(targets, logits))


def test_extreme_logits_leave_the_loss_finite():
    logits = torch.tensor([[1e4, -1e4], [-1e4, 1e4]])
    found = kl_to_student(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), logits)
    assert found.tolist() == [0.0, 2e4]
