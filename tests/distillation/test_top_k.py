"""The k likeliest classes and a bucket: against the whole divergence in float64, and its bounds."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import linear

from lit_curriculum.distillation.chunked import Head
from lit_curriculum.distillation.targets import kl_to_student, teacher_probabilities
from lit_curriculum.distillation.top_k import chunked_top_k, top_k_answers, top_k_divergence
from lit_curriculum.errors import UsageError

TAUS = [0.0, 1e-35, 1e-4, 0.5, 1.0, 3.0]


def logits(seed: int, rows: int = 20, classes: int = 9, scale: float = 2.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(rows, classes, generator=generator, dtype=torch.float64)


def coarse(row: list[float], tau: float, classes: list[int]) -> list[float]:
    """Return the probabilities of some classes and of all others, by Python's own arithmetic."""
    top = max(row)
    weights = [math.exp((value - top) / tau) for value in row]
    others = math.fsum(w for i, w in enumerate(weights) if i not in classes)
    return [w / math.fsum(weights) for w in [*(weights[i] for i in classes), others]]


@pytest.mark.parametrize("k", [1, 3, 8, 9, 50])
@pytest.mark.parametrize("tau", [0.3, 1.0, 3.0])
def test_answers_and_divergence_are_those_of_the_coarse_distributions(k: int, tau: float) -> None:
    said, heard = logits(0), logits(1)
    answers = top_k_answers(said, tau, k)
    assert answers.classes.shape == (20, min(k, 9))
    assert (answers.log_probability.dtype, answers.rest.dtype) == (torch.float32, torch.float32)
    found = top_k_divergence(answers, heard, 0.8)
    for row in range(20):
        classes = answers.classes[row].tolist()
        p, q = coarse(said[row].tolist(), tau, classes), coarse(heard[row].tolist(), 0.8, classes)
        assert sorted(p[:-1], reverse=True) == pytest.approx(p[:-1])
        assert [
            *answers.log_probability[row].exp().tolist(),
            answers.rest[row].exp().item(),
        ] == pytest.approx(p, rel=1e-5)
        expected = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)
        assert found[row].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("tau", TAUS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_all_classes_make_the_whole_divergence(tau: float, dtype: torch.dtype) -> None:
    said, heard = logits(0).to(dtype), logits(1).to(dtype)
    found = top_k_divergence(top_k_answers(said, tau, 9), heard)
    expected = kl_to_student(teacher_probabilities(said, tau), heard)
    assert found.dtype == expected.dtype
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("tau", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("k", [1, 4, 64, 500])
@pytest.mark.parametrize("scale", [0.1, 3.0, 60.0])
def test_equal_logits_at_equal_temperatures_are_exactly_zero(tau: float, k: int, scale: float) -> None:
    for dtype in (torch.float32, torch.bfloat16):
        same = logits(0, 30, 500, scale).to(dtype)
        assert top_k_divergence(top_k_answers(same, tau, k), same, tau).abs().max() == 0


wide = st.floats(-40, 40, width=32)


@given(
    pairs=st.integers(2, 8).flatmap(lambda n: st.lists(st.tuples(wide, wide), min_size=n, max_size=n)),
    k=st.integers(1, 8),
    tau=st.one_of(st.just(0.0), st.floats(0.05, 20)),
)
def test_it_is_a_lower_bound_and_grows_with_k(pairs, k, tau):
    said, heard = (torch.tensor([row], dtype=torch.float64) for row in zip(*pairs, strict=True))
    whole = kl_to_student(teacher_probabilities(said, tau), heard).item()
    fewer, more = (top_k_divergence(top_k_answers(said, tau, n), heard).item() for n in (k, k + 1))
    slack = 1e-6 + 1e-6 * abs(whole)  # answers are float32
    assert -slack <= fewer <= more + slack
    assert more <= whole + slack


@pytest.mark.parametrize("k", [1, 3, 6])
@pytest.mark.parametrize("tau", [0.0, 0.7])
def test_gradcheck(k: int, tau: float) -> None:
    answers = top_k_answers(logits(0, 4, 6), tau, k)
    student = logits(1, 4, 6).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: top_k_divergence(answers, z, 1.3), (student,))


def test_gradients_of_single_precision_and_of_two_backwards() -> None:
    answers = top_k_answers(logits(0).float(), 1.0, 3)
    single = logits(1).float().requires_grad_()
    double = single.detach().double().requires_grad_()
    for student in (single, double):
        loss = top_k_divergence(answers, student).sum()
        loss.backward(retain_graph=True)
        loss.backward()
    torch.testing.assert_close(single.grad.double(), double.grad, rtol=1e-5, atol=1e-6)
    half = logits(1).bfloat16().requires_grad_()
    top_k_divergence(answers, half).sum().backward()
    assert half.grad.dtype == torch.bfloat16


def test_a_rest_below_the_digits_of_one_keeps_its_own() -> None:
    """1 - sum would be 0 here; the student's rest is even below float32's exponential."""
    said = torch.tensor([[30.0, 0.0, 0.0, 0.0]])
    answers = top_k_answers(said, 1.0, 1)
    assert answers.rest.item() == pytest.approx(math.log(3) - 30, abs=1e-5)
    heard = torch.tensor([[0.0, -200.0, -200.0, -201.0]], requires_grad=True)
    loss = top_k_divergence(answers, heard)
    r = 3 * math.exp(-30)
    expected = r * (math.log(3) - 30 + 200 - math.log(2 + math.exp(-1))) - r
    assert loss.item() == pytest.approx(expected, rel=1e-3)
    loss.sum().backward()
    assert heard.grad[0, 1].item() == pytest.approx(-r / (2 + math.exp(-1)), rel=1e-4)


def test_zero_temperature_is_the_first_largest_and_its_cross_entropy() -> None:
    said = torch.tensor([[1.0, 2.0, 2.0, 2.0], [3.0, 3.0, 0.0, 3.0]])
    heard = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
    for k in (1, 2, 4):
        answers = top_k_answers(said, 0.0, k)
        assert answers.classes[:, 0].tolist() == [1, 0]
        assert all(len(set(row)) == k for row in answers.classes.tolist())
        expected = torch.nn.functional.cross_entropy(heard, torch.tensor([1, 0]), reduction="none")
        torch.testing.assert_close(top_k_divergence(answers, heard), expected)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize("tau", [0.0, 1e-4, 1.0, 2.0])
def test_what_is_not_finite_is_nan(number: float, tau: float) -> None:
    answers = top_k_answers(torch.tensor([[0.0, 1.0, 2.0], [1.0, number, 0.0]]), tau, 2)
    assert not answers.finite
    assert torch.isnan(top_k_divergence(answers, torch.zeros(2, 3))).tolist() == [False, True]
    assert top_k_answers(logits(0), tau, 2).finite


def test_classes_that_are_masked_on_both_sides_have_no_part() -> None:
    masked = logits(0, classes=5).float()
    masked[:, 3:] = -torch.inf
    heard = logits(1, classes=5).float()
    heard[:, 3:] = -torch.inf
    heard.requires_grad_()
    answers = top_k_answers(masked, 1.0, 4)
    assert answers.finite
    found = top_k_divergence(answers, heard)
    torch.testing.assert_close(
        found, top_k_divergence(top_k_answers(masked[:, :3], 1.0, 3), heard[:, :3]), rtol=0, atol=1e-6
    )
    found.sum().backward()
    assert torch.isfinite(heard.grad).all()
    assert heard.grad[:, 3:].abs().max() == 0


@pytest.mark.parametrize("k", [2, 9])
def test_from_hidden_states_it_is_the_same(k: int) -> None:
    generator = torch.Generator().manual_seed(0)
    made = [torch.randn(s, generator=generator, dtype=torch.float64) for s in ((20, 3), (9, 3), (9,))]
    ours, theirs = ([part.clone().requires_grad_() for part in made] for _ in range(2))
    answers, weight = top_k_answers(logits(0), 0.7, k), torch.rand(20, generator=generator).double()
    found = chunked_top_k(answers, Head(*ours), 1.2, weight, chunk_rows=6)
    losses = top_k_divergence(answers, linear(*theirs), 1.2)
    expected = (losses * weight).sum() / weight.sum()
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=0)
    found.backward()
    expected.backward()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-9, atol=1e-13)


def test_no_questions_have_no_answers() -> None:
    student = torch.zeros(0, 5, requires_grad=True)
    loss = top_k_divergence(top_k_answers(torch.zeros(0, 5), 1.0, 2), student)
    loss.sum().backward()
    assert loss.shape == (0,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: top_k_answers(logits(0), 1.0, 0), "k: got 0; allowed: a whole number >= 1"),
        (lambda: top_k_answers(logits(0), -1.0, 1), "tau: got -1.0"),
        (lambda: top_k_divergence(top_k_answers(logits(0), 1.0, 2), logits(0), 0.0), "student_temperature:"),
        (
            lambda: top_k_divergence(top_k_answers(logits(0), 1.0, 2), logits(0, 3)),
            "student_logits: got (3, 9)",
        ),
        (
            lambda: chunked_top_k(top_k_answers(logits(0), 1.0, 2), Head(logits(0, 3, 4), logits(0, 9, 4))),
            "hidden: got (3, 4)",
        ),
    ],
)
def test_wrong_input_is_one_line(call, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        call()
    assert str(caught.value).startswith(message)
