"""GELU with its slope, against its definition in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from lit_curriculum.models.gelu import _A, _P, gelu


def defined(x: float) -> tuple[float, float]:
    """x Phi(x) and its slope."""
    below, density = math.erfc(-x / math.sqrt(2)) / 2, math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return x * below, below + x * density


def test_values_and_slopes_are_those_of_the_definition():
    x = torch.linspace(-8, 8, 20011, requires_grad=True)
    answer = gelu(x)
    (slope,) = torch.autograd.grad(answer.sum(), (x,))
    expected = torch.tensor([defined(v) for v in x.tolist()], dtype=torch.float64)
    torch.testing.assert_close(answer.double(), expected[:, 0], rtol=3e-6, atol=1e-9)
    torch.testing.assert_close(slope.double(), expected[:, 1], rtol=3e-6, atol=3e-7)


def test_the_polynomial_is_as_good_as_said():
    z = np.linspace(0, 5, 2001)
    t = 1 / (1 + _P * z)
    series = sum(a * t ** (k + 1) for k, a in enumerate(_A))
    erfc = np.array([math.erfc(v) for v in z])
    assert np.abs(series * np.exp(-z * z) - erfc).max() < 1e-8


@pytest.mark.parametrize("shape", [(0,), (1,), (15,), (16,), (3, 33), (2, 5, 7)])
def test_every_shape_and_layout(shape: tuple[int, ...]):
    x = torch.randn(shape).transpose(0, -1).requires_grad_()
    answer, outer = gelu(x), torch.randn_like(x)
    expected = torch.nn.functional.gelu(x)
    torch.testing.assert_close(answer, expected)
    grads = [torch.autograd.grad(y, (x,), outer)[0] for y in (answer, expected)]
    torch.testing.assert_close(*grads)


def test_float64_is_torchs_to_the_bit_and_nan_stays():
    x = torch.randn(100, dtype=torch.float64)
    assert torch.equal(gelu(x), torch.nn.functional.gelu(x))
    assert gelu(torch.tensor([torch.nan, 1.0])).isnan().tolist() == [True, False]


def test_without_gradients_values_are_the_same():
    x = torch.randn(3, 33)
    assert torch.equal(gelu(x), gelu(x.clone().requires_grad_()).detach())


def test_the_second_derivative_is_that_of_torch():
    """A gradient that depends on x through the slope alone, and one that comes from behind as well."""
    x = torch.randn(50, dtype=torch.float32).requires_grad_()
    v = torch.randn(50).requires_grad_()
    results = []
    for way in (gelu, torch.nn.functional.gelu):
        (by_v,) = torch.autograd.grad(way(x * v).sum(), v, create_graph=True)
        seconds = torch.autograd.grad(by_v.pow(2).sum(), (x, v))
        (by_x,) = torch.autograd.grad(way(x).pow(3).sum(), x, create_graph=True)
        results.append((*seconds, *torch.autograd.grad(by_x.sum(), x)))
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_tensor_without_values_has_a_shape():
    assert gelu(torch.empty(3, 5, device="meta")).shape == (3, 5)
