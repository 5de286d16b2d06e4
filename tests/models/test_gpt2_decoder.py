"""GPT-2 as a decoder: transformers' own logits, and greedy decoding equal to reading everything again."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from lit_curriculum.errors import UsageError
from lit_curriculum.models import GPT2Decoder, build, count_parameters, describe

TINY: dict[str, Any] = {"layers": 2, "heads": 2, "width": 8, "initializer_range": 0.5}


def tokens(n: int, length: int, V: int = 2) -> torch.Tensor:
    return torch.randint(V, (n, length), generator=torch.Generator().manual_seed(1))


def test_the_published_size() -> None:
    """Table 2: 12 layers, 768 and 3,072 dimensions; 85M parameters and the position embeddings."""
    with torch.device("meta"):
        model = GPT2Decoder(2, 190)
    layer = 4 * 768**2 + 2 * 768 * 3072 + 5 * 768 + 3072 + 4 * 768
    assert count_parameters(model) == 12 * layer + (2 + 190) * 768 + 2 * 768
    assert layer * 12 == pytest.approx(85e6, rel=0.01)


def test_logits_are_those_of_transformers_language_model() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    model = GPT2Decoder(3, 9, **TINY).eval()
    config = GPT2Config(vocab_size=3, n_positions=9, n_embd=8, n_layer=2, n_head=2)
    theirs = GPT2LMHeadModel(config).eval()
    theirs.transformer.load_state_dict(model.gpt2.state_dict())
    ids = tokens(4, 9, 3)
    expected = theirs(input_ids=ids).logits
    torch.testing.assert_close(model(ids), expected)
    torch.testing.assert_close(model(ids, first=5), expected[:, 5:])
    assert expected.std() > 0.1


@pytest.mark.parametrize("n_tokens", [1, 2, 6])
def test_decoding_is_reading_everything_again_after_each_token(n_tokens: int) -> None:
    model = build({"name": "gpt2_decoder", "init_args": {"vocab_size": 2, "max_length": 10, **TINY}}, seed=5)
    prompt = tokens(50, 5)
    logits = model.decode(prompt, n_tokens)
    assert logits.shape == (50, n_tokens, 2)
    read = prompt
    for i in range(n_tokens):
        expected = model(read)[:, -1]
        torch.testing.assert_close(logits[:, i], expected, atol=1e-5, rtol=1e-5)
        read = torch.cat([read, expected.argmax(-1, keepdim=True)], dim=1)
    assert len(set(map(tuple, logits.argmax(-1).tolist()))) > 1  # strings go different ways


def test_no_position_sees_what_follows() -> None:
    model, ids = GPT2Decoder(2, 6, **TINY).eval(), tokens(8, 6)
    changed = ids.clone()
    changed[:, 4] = 1 - changed[:, 4]
    torch.testing.assert_close(model(changed)[:, :4], model(ids)[:, :4])
    assert not torch.allclose(model(changed)[:, 4:], model(ids)[:, 4:], atol=1e-3)


def test_a_described_model_is_built_again() -> None:
    model = GPT2Decoder(2, 6, **TINY)
    again = build(describe(model), seed=4)
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(tokens(3, 6)), model(tokens(3, 6)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_length": 0}, "max_length: got 0; allowed: an integer of at least 1"),
        ({"width": 10, "heads": 4}, "width: got 10; allowed: a multiple of heads = 4"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        GPT2Decoder(**{"vocab_size": 2, "max_length": 6, **arguments})
    assert str(caught.value) == message
