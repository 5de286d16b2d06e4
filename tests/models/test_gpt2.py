"""GPT-2 read at its last position: the published size, causal, refused when wrong."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers.activations import ACT2FN

from lit_curriculum.errors import UsageError
from lit_curriculum.models import GPT2Reader, build, count_parameters, describe
from lit_curriculum.models.gpt2 import build_gpt2


def test_the_published_size() -> None:
    """Appendix B.1: width 128, 6 layers, 4 heads, 1.2M parameters; an input of n = 50 has 100 tokens."""
    assert count_parameters(GPT2Reader(2, 100)) == pytest.approx(1.2e6, rel=0.02)


@pytest.mark.parametrize("layers", [1, 3])
def test_it_is_read_at_the_last_position(layers: int) -> None:
    """transformers computes all positions of all layers; values and gradients are the same."""
    model = GPT2Reader(2, 8, layers=layers, heads=2, width=8, initializer_range=0.3).eval()
    ids = torch.randint(2, (5, 8), generator=torch.Generator().manual_seed(1))
    hidden = model.gpt2(input_ids=ids).last_hidden_state
    expected = hidden[:, 7] @ model.head.weight.T + model.head.bias
    assert model(ids).shape == (5, 2)
    torch.testing.assert_close(model(ids), expected)
    gradients = []
    for out in (model(ids), expected):
        model.zero_grad()
        out.square().sum().backward()
        gradients.append([parameter.grad.clone() for parameter in model.parameters()])
    torch.testing.assert_close(*gradients)
    # The last position sees every token.
    for place in range(8):
        changed = ids.clone()
        changed[:, place] = 1 - changed[:, place]
        assert not torch.allclose(model(changed), model(ids), atol=1e-4)


def test_dropout_is_that_of_its_layers() -> None:
    """In training answers vary, by as much as transformers' own; at rate 0 they do not."""
    model = GPT2Reader(2, 8, layers=1, heads=2, width=8, initializer_range=0.3, dropout=0.3).train()
    ids = torch.randint(2, (1, 8), generator=torch.Generator().manual_seed(1)).expand(4000, 8)
    torch.manual_seed(0)
    ours = model(ids).detach()
    theirs = model.head(model.gpt2(input_ids=ids).last_hidden_state[:, -1]).detach()
    torch.testing.assert_close(ours.mean(0), theirs.mean(0), rtol=0, atol=float(5 * theirs.std() / 40))
    torch.testing.assert_close(ours.std(0), theirs.std(0), rtol=0.1, atol=0)
    model.eval()
    assert torch.equal(model(ids[:2]), model(ids[:2]))


def test_a_described_model_is_built_again() -> None:
    model = GPT2Reader(2, 6, 3, layers=1, heads=2, width=8)
    again = build(describe(model), seed=4)
    again.load_state_dict(model.state_dict())
    ids = torch.tensor([[0, 1, 1, 0, 1, 0]])
    assert torch.equal(again(ids), model(ids))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": 0}, "layers: got 0; allowed: an integer of at least 1"),
        ({"width": 10, "heads": 4}, "width: got 10; allowed: a multiple of heads = 4"),
        ({"initializer_range": -1.0}, "initializer_range: got -1.0; allowed: a number above 0"),
        ({"dropout": 1.0}, "dropout: got 1.0; allowed: 0 <= dropout < 1"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        GPT2Reader(**{"vocab_size": 2, "max_length": 6, **arguments})
    assert str(caught.value) == message


def test_the_processor_computes_transformers_gelu_and_a_gpu_the_same_function() -> None:
    x = torch.linspace(-6, 6, 1001)
    act = build_gpt2(GPT2Reader(3, 4, layers=1, heads=1, width=4).init_args).h[0].mlp.act
    assert torch.equal(act(x), ACT2FN["gelu_new"](x))
    torch.testing.assert_close(torch.nn.functional.gelu(x, approximate="tanh"), act(x), rtol=0, atol=1e-6)
