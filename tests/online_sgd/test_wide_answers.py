"""A wide teacher's logits by tables are its logits, in whatever blocks they are asked for."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_curriculum.models import target_logits
from lit_curriculum.models.mlp import MLP
from lit_curriculum.online_sgd import answers_of, signs, wide_answers


class Tanh(MLP):
    """Not an `MLP` to its last unit."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        logits: torch.Tensor = self.output(torch.tanh(self.hidden(x)))
        return logits


def inputs(n: int, d: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return (2 * torch.randint(0, 2, (n, d)) - 1).to(dtype)


@settings(max_examples=30, deadline=None)
@given(
    d=st.integers(1, 50),
    width=st.integers(512, 700),
    classes=st.integers(1, 5),
    n=st.integers(1, 70),
    seed=st.integers(0, 1000),
)
def test_any_shape(d: int, width: int, classes: int, n: int, seed: int) -> None:
    torch.manual_seed(seed)
    model, x = MLP(d, width, classes).double(), inputs(n, d)
    with torch.no_grad():
        torch.testing.assert_close(answers_of(model, x), model(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_answer_depends_neither_on_its_block_nor_on_threads(dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    model, x = MLP(40, 1000, 2).to(dtype), inputs(700, 40, dtype)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        whole = answers_of(model, x)
        pieces = torch.cat([answers_of(model, piece) for piece in x.split([1, 7, 300, 392])])
        torch.set_num_threads(2)
        shared = answers_of(model, x)
    finally:
        torch.set_num_threads(before)
    assert whole.dtype == dtype
    assert torch.equal(whole, pieces)
    assert torch.equal(whole, shared)


def test_what_is_asked_by_the_model_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(model: MLP, x: torch.Tensor) -> torch.Tensor:
        raise AssertionError

    monkeypatch.setattr(wide_answers, "_by_tables", refuse)
    wide, narrow = MLP(10, 600).double(), MLP(10, 100).double()
    x = inputs(5, 10)
    with pytest.raises(AssertionError):
        answers_of(wide, x)
    normed = MLP(10, 600).double()
    normed.hidden = torch.nn.utils.parametrizations.weight_norm(normed.hidden)
    asks = [(narrow, x), (wide, x / 2), (wide, x[:0]), (torch.nn.Linear(10, 2).double(), x)]
    asks += [(Tanh(10, 600).double(), x), (normed, x), (MLP(10, 600).bfloat16(), x.bfloat16())]
    with torch.no_grad():
        for model, asked in asks:
            assert torch.equal(answers_of(model, asked), target_logits(model, asked))


@pytest.mark.parametrize("columns", [5, 9, 11, 20])
def test_inputs_of_another_width_are_refused(columns: int) -> None:
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        answers_of(MLP(10, 600), inputs(5, columns, torch.float32))


def test_an_error_of_a_helper_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(wide_answers, "aligned_zeros", fail)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    with pytest.raises(MemoryError):
        answers_of(MLP(10, 600), inputs(1024, 10, torch.float32))


def test_broken_weights_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signs, "_FROM_WIDTH", 1)
    model = MLP(10, 20).double()
    with torch.no_grad():
        model.hidden.bias[3] = float("nan")
    assert torch.isnan(answers_of(model, inputs(9, 10))).all()
