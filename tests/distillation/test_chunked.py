"""Losses by chunks are those of whole logits: value, gradients, types, and the little memory they take."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch.nn.functional import cross_entropy, linear

from lit_curriculum.distillation.chunked import (
    CHUNK_BYTES,
    Head,
    chunked_cross_entropy,
    chunked_kl,
    log_probabilities,
)
from lit_curriculum.distillation.targets import kl_to_student, teacher_probabilities
from lit_curriculum.errors import UsageError

DOUBLE = torch.float64


def head(
    seed: int, rows: int = 11, width: int = 3, classes: int = 7, dtype=DOUBLE, bias: bool = True
) -> Head:
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=DOUBLE).to(dtype)

    return Head(drawn(rows, width), drawn(classes, width), drawn(classes) if bias else None)


def parts(of: Head) -> list[torch.Tensor]:
    return [part for part in (of.hidden, of.weight, of.bias) if part is not None]


def learning(of: Head) -> Head:
    copied = [None if p is None else p.clone().requires_grad_() for p in (of.hidden, of.weight, of.bias)]
    return Head(*copied)


def direct_kl(student: Head, teacher: Head, tau: float, student_temperature: float, weight) -> torch.Tensor:
    targets = teacher_probabilities(linear(teacher.hidden, teacher.weight, teacher.bias), tau)
    losses = kl_to_student(targets, linear(student.hidden, student.weight, student.bias), student_temperature)
    return losses.mean() if weight is None else (losses * weight).sum() / weight.sum()


@pytest.mark.parametrize("tau", [0.0, 1e-35, 1e-4, 0.7, 1.0, 3.0])
@pytest.mark.parametrize("student_temperature", [1.0, 0.6])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("chunk_rows", [1, 4, None])
def test_divergence_and_gradients_are_those_of_whole_logits(tau, student_temperature, weighted, chunk_rows):
    teacher = head(1, width=5)
    weight = torch.rand(11, generator=torch.Generator().manual_seed(2)) if weighted else None
    ours, theirs = learning(head(0)), learning(head(0))
    found = chunked_kl(ours, teacher, tau, student_temperature, weight, chunk_rows)
    expected = direct_kl(theirs, teacher, tau, student_temperature, weight)
    (3 * found).backward()
    (3 * expected).backward()
    assert found.dtype == DOUBLE
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
    for a, b in zip(parts(ours), parts(theirs), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("tau", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("bias", [False, True])
def test_gradcheck(tau: float, bias: bool) -> None:
    teacher = head(1, rows=5, width=2, classes=4, bias=bias)
    weight = torch.tensor([0.5, 1.0, 0.0, 2.0, 0.1])

    def loss(*of: torch.Tensor) -> torch.Tensor:
        return chunked_kl(Head(*of), teacher, tau, 1.3, weight, chunk_rows=2)

    student = learning(head(0, rows=5, classes=4, bias=bias))
    assert torch.autograd.gradcheck(loss, parts(student))


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0])
def test_single_precision(tau: float) -> None:
    student, teacher = (head(seed, 50, 16, 400, torch.float32) for seed in (0, 1))
    found = chunked_kl(student, teacher, tau, chunk_rows=7)
    exact = direct_kl(*(Head(*(p.double() for p in parts(h))) for h in (student, teacher)), tau, 1.0, None)
    direct = direct_kl(student, teacher, tau, 1.0, None)
    assert found.dtype == torch.float32
    assert abs(found - direct) <= max(1e-6, 2e-7 * float(exact))
    assert abs(found - exact) <= max(1e-6, 1e-6 * float(exact))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("tau", [0.3, 1.0, 2.0])
def test_equal_logits_at_equal_temperatures_are_exactly_zero(dtype, tau):
    same = head(0, 50, 16, 400, dtype)
    assert chunked_kl(same, same, tau, tau, chunk_rows=9).item() == 0
    student = learning(same)
    chunked_kl(student, same, tau, tau).backward()
    for part in parts(student):
        assert part.grad is not None
        assert part.grad.abs().max() < (1e-6 if dtype != torch.bfloat16 else 1e-2)


def test_autocast_makes_products_in_low_precision_and_softmaxes_in_single() -> None:
    teacher = head(1, 50, 24, 400, torch.float32)
    ours, theirs = (learning(head(0, 50, 16, 400, torch.float32)) for _ in range(2))
    with torch.autocast("cpu", torch.bfloat16):
        found = chunked_kl(ours, teacher, chunk_rows=9)
        student = linear(theirs.hidden, theirs.weight, theirs.bias)
    # The teacher answers in its own precision, as `Teacher.logits` does.
    targets = teacher_probabilities(linear(teacher.hidden, teacher.weight, teacher.bias), 1.0)
    expected = kl_to_student(targets, student.float(), 1.0).mean()
    found.backward()
    expected.backward()
    assert found.dtype == torch.float32
    assert abs(found - expected).item() <= 1e-5
    for a, b in zip(parts(ours), parts(theirs), strict=True):
        assert a.grad is not None
        assert a.grad.dtype == torch.float32
        torch.testing.assert_close(a.grad, b.grad, rtol=0.05, atol=2e-3)


def test_half_precision_keeps_small_gradients() -> None:
    """A gradient over 3000 rows and 2000 classes is below what float16 resolves; a scaled loss has it."""
    teacher = head(1, 3000, 8, 2000, torch.float32)
    ours, theirs = (learning(head(0, 3000, 8, 2000, torch.float32)) for _ in range(2))
    with torch.autocast("cpu", torch.float16):
        (1024 * chunked_kl(ours, teacher)).backward()
    (1024 * direct_kl(theirs, teacher, 1.0, 1.0, None)).backward()
    for a, b in zip(parts(ours), parts(theirs), strict=True):
        assert a.grad is not None
        assert b.grad is not None
        assert (a.grad - b.grad).norm() < 0.01 * b.grad.norm()


def test_the_teacher_has_no_gradients_and_backward_may_come_twice() -> None:
    student, teacher = learning(head(0)), learning(head(1))
    loss = chunked_kl(student, teacher)
    loss.backward(retain_graph=True)
    once = student.weight.grad.clone()
    loss.backward()
    assert torch.equal(student.weight.grad, 2 * once)
    assert all(part.grad is None for part in parts(teacher))
    with torch.no_grad():
        assert not chunked_kl(student, teacher).requires_grad
    frozen = Head(head(0).hidden.requires_grad_(), head(0).weight)
    chunked_kl(frozen, teacher).backward()
    assert frozen.weight.grad is None


def test_weights_that_leave_no_row_and_rows_without_a_target() -> None:
    student, teacher = learning(head(0)), head(1)
    for rows in (0, 11):
        some = Head(student.hidden[:rows], student.weight)
        loss = chunked_kl(some, Head(teacher.hidden[:rows], teacher.weight), weight=torch.zeros(rows))
        loss.backward()
        assert loss.item() == 0
    assert student.weight.grad.abs().max() == 0
    broken = teacher.hidden.clone()
    broken[3] = float("nan")
    weight = torch.ones(11)
    for tau in (0.0, 1.0):
        assert torch.isnan(chunked_kl(student, Head(broken, teacher.weight), tau, weight=weight))
        weight_without = weight.index_fill(0, torch.tensor([3]), 0.0)
        loss = chunked_kl(student, Head(broken, teacher.weight), tau, weight=weight_without)
        assert torch.isfinite(torch.autograd.grad(loss, student.weight)[0]).all()


@pytest.mark.parametrize("chunk_rows", [3, None])
def test_cross_entropy_of_labels_and_of_none(chunk_rows: int | None) -> None:
    labels = torch.tensor([0, 6, -100, 3, 3, -100, 1, 2, 5, 4, 0])
    ours, theirs = learning(head(0)), learning(head(0))
    found = chunked_cross_entropy(ours, labels, chunk_rows)
    expected = cross_entropy(linear(*parts(theirs)), labels)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    found.backward()
    expected.backward()
    for a, b in zip(parts(ours), parts(theirs), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-10, atol=1e-14)
    assert chunked_cross_entropy(ours, torch.full((11,), -100)).item() == 0


@pytest.mark.parametrize("temperature", [5e-324, 1e-35, 1e-20, 0.3, 1.0, 4.0])
def test_log_probabilities_are_the_logarithm_of_the_targets(temperature: float) -> None:
    logits = 3 * torch.randn(40, 9, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    found = log_probabilities(logits, temperature).exp()
    torch.testing.assert_close(found, teacher_probabilities(logits, temperature), rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Head(torch.zeros(2), torch.zeros(3, 2)), "hidden: got (2,); allowed: a shape (M, H)"),
        (lambda: Head(torch.zeros(2, 2), torch.zeros(3, 1)), "weight: got (3, 1); allowed: a shape (V, 2)"),
        (
            lambda: Head(torch.zeros(2, 2), torch.zeros(3, 2), torch.zeros(2)),
            "bias: got (2,); allowed: a shape (3,)",
        ),
        (lambda: chunked_kl(head(0), head(1, rows=3)), "teacher: got (3, 7)"),
        (lambda: chunked_kl(head(0), head(1), tau=-1.0), "tau: got -1.0"),
        (lambda: chunked_kl(head(0), head(1), 1.0, 0.0), "student_temperature: got 0.0"),
        (lambda: chunked_kl(head(0), head(1), weight=torch.ones(3)), "weight: got (3,)"),
        (lambda: chunked_kl(head(0), head(1), chunk_rows=0), "chunk_rows: got 0"),
        (lambda: chunked_cross_entropy(head(0), torch.zeros(3, dtype=torch.int64)), "labels: got (3,)"),
    ],
)
def test_wrong_input_is_one_line(call, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        call()
    assert str(caught.value).startswith(message)


MEMORY = """
import torch
from lit_curriculum.distillation.chunked import Head, chunked_kl
torch.set_num_threads(1)
def made(rows, width, classes):
    return Head(torch.randn(rows, width, requires_grad=True), torch.randn(classes, width, requires_grad=True))
def memory(name):
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith(name))
chunked_kl(made(64, 8, 64), made(64, 8, 64)).backward()
student, teacher = made(3000, 16, 20000), made(3000, 24, 20000)
before = memory("VmRSS")
chunked_kl(student, teacher).backward()
print(memory("VmHWM") - before)
"""


def test_logits_are_never_whole() -> None:
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    whole = 3000 * 20000 * 4
    assert int(done.stdout) < 3 * CHUNK_BYTES < 0.45 * whole
