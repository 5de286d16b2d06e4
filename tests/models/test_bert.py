from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertForMaskedLM

from lit_curriculum.errors import UsageError
from lit_curriculum.models import (
    MLP,
    BertMaskedLM,
    build,
    count_parameters,
    describe,
    load_saved_state,
    state_for_saving,
)

TINY = {"vocab_size": 5, "max_length": 12, "layers": 2, "heads": 2, "head_size": 4}
IDS = torch.tensor([[2, 1, 3, 4, 2], [4, 3, 1, 0, 0]])
MASK = IDS != 0


def tiny(seed: int = 0, **changes: Any) -> BertMaskedLM:
    model = build(
        {"name": "bert_masked_lm", "init_args": {**TINY, "initializer_range": 0.3, **changes}}, seed
    )
    assert isinstance(model, BertMaskedLM)
    return model.eval()


def test_architecture_is_that_of_the_paper():
    model = BertMaskedLM(vocab_size=5, max_length=432, heads=32)
    config = model.bert_for_masked_lm.config
    assert (config.num_hidden_layers, config.hidden_size, config.intermediate_size) == (4, 256, 1024)
    assert config.hidden_size // config.num_attention_heads == 8
    assert config.hidden_dropout_prob == config.attention_probs_dropout_prob == 0
    layer = 12 * 256**2 + 13 * 256
    embeddings = (5 + 432 + 1 + 2) * 256
    head = 256**2 + 3 * 256 + 5
    assert count_parameters(model) == 4 * layer + embeddings + head


@pytest.mark.parametrize("std", [0.02, 0.2])
def test_initializer_range_is_the_standard_deviation_of_the_weights(std: float):
    model = tiny(heads=8, initializer_range=std)
    weight = model.bert_for_masked_lm.bert.encoder.layer[0].intermediate.dense.weight
    assert weight.std().item() == pytest.approx(std, rel=0.05)


def test_logits_are_the_head_of_the_hidden_states():
    model = tiny()
    hidden = model.hidden_states(IDS, MASK)
    assert hidden.shape == (2, 5, 8)
    assert model(IDS, MASK).shape == (2, 5, 5)
    torch.testing.assert_close(model.head(hidden), model(IDS, MASK), rtol=0, atol=0)


def test_padding_has_no_influence():
    model = tiny()
    torch.testing.assert_close(model(IDS, MASK)[1:, :3], model(IDS[1:, :3]), rtol=1e-5, atol=1e-6)
    other = IDS.masked_fill(~MASK, 3)
    torch.testing.assert_close(model(other, MASK)[1, :3], model(IDS, MASK)[1, :3])


def test_position_ids_are_used():
    model = tiny()
    shifted = model(IDS, position_ids=torch.arange(5).expand(2, 5) + 3)
    assert not torch.allclose(shifted, model(IDS))
    torch.testing.assert_close(model(IDS, position_ids=torch.arange(5).expand(2, 5)), model(IDS))


def test_eager_and_sdpa_attention_agree():
    sdpa, eager = tiny(), tiny(attention="eager")
    torch.testing.assert_close(sdpa(IDS, MASK), eager(IDS, MASK), rtol=1e-5, atol=1e-5)


def test_build_is_seeded_and_leaves_the_global_generator():
    before = torch.random.get_rng_state()
    first, same, other = tiny(1), tiny(1), tiny(2)
    assert torch.equal(before, torch.random.get_rng_state())
    torch.testing.assert_close(first(IDS), same(IDS), rtol=0, atol=0)
    assert not torch.allclose(first(IDS), other(IDS))


def test_description_builds_the_same_architecture():
    model = tiny(dropout=0.1, feed_forward=2)
    description = describe(model)
    assert description["name"] == "bert_masked_lm"
    again = build(description)
    assert describe(again) == description
    load_saved_state(again, state_for_saving(model.state_dict()))
    torch.testing.assert_close(again.eval()(IDS), model(IDS), rtol=0, atol=0)


@pytest.mark.parametrize("tied", [True, False])
def test_safetensors_round_trip_is_exact(tmp_path: Path, tied: bool):
    model, again = tiny(1, tie_embeddings=tied), tiny(2, tie_embeddings=tied)
    state = state_for_saving(model.state_dict())
    assert ("bert_for_masked_lm.cls.predictions.decoder.weight" in state) is not tied
    save_file(state, tmp_path / "model.safetensors")
    load_saved_state(again, load_file(tmp_path / "model.safetensors"))
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
    assert torch.equal(again(IDS, MASK), model(IDS, MASK))
    # Loading must not cut the tie.
    embedding = again.bert_for_masked_lm.get_input_embeddings().weight
    assert (again.bert_for_masked_lm.get_output_embeddings().weight is embedding) is tied


def test_whole_state_dict_is_loaded_too_and_plain_models_are_untouched():
    model, again = tiny(1), tiny(2)
    load_saved_state(again, model.state_dict())
    assert torch.equal(again(IDS), model(IDS))
    mlp = MLP(3, 4)
    state = state_for_saving(mlp.state_dict())
    assert list(state) == list(mlp.state_dict())
    assert all(torch.equal(state[name], tensor) for name, tensor in mlp.state_dict().items())


def test_a_missing_an_unknown_and_a_misshapen_tensor_are_named():
    state = state_for_saving(tiny().state_dict())
    word = "bert_for_masked_lm.bert.embeddings.word_embeddings.weight"
    with pytest.raises(UsageError, match=rf"^state: .*Missing key.*{word}"):
        load_saved_state(tiny(), {name: t for name, t in state.items() if name != word})
    with pytest.raises(UsageError, match=r"^state: .*Unexpected key.*other"):
        load_saved_state(tiny(), {**state, "other": torch.zeros(1)})
    with pytest.raises(UsageError, match=r"^state: .*size mismatch") as error:
        load_saved_state(tiny(layers=2, heads=1), state)
    assert "\n" not in str(error.value)


def test_export_is_read_by_transformers(tmp_path: Path):
    model = tiny()
    model.save_pretrained(tmp_path)
    exported = BertForMaskedLM.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        torch.testing.assert_close(
            exported(IDS, attention_mask=MASK).logits, model(IDS, MASK), rtol=0, atol=0
        )


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"vocab_size": 0}, "vocab_size"),
        ({"heads": 0}, "heads"),
        ({"initializer_range": 0.0}, "initializer_range"),
        ({"dropout": 1.0}, "dropout"),
        ({"attention": "flash"}, "attention"),
    ],
)
def test_wrong_arguments(changes: dict[str, Any], key: str):
    with pytest.raises(UsageError, match=f"^{key}: got"):
        BertMaskedLM(**{**TINY, **changes})


def test_too_long_an_input_is_refused():
    with pytest.raises(UsageError, match=r"^input_ids: got '13 tokens'; allowed: at most max_length = 12"):
        tiny()(torch.ones(1, 13, dtype=torch.int64))


def test_unknown_argument_is_named():
    with pytest.raises(UsageError, match="head_count"):
        build({"name": "bert_masked_lm", "init_args": {**TINY, "head_count": 3}})
