"""Models by name: described, built again, and refused when unknown."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

from lit_curriculum.errors import UsageError
from lit_curriculum.models import MLP, MODELS, build, count_parameters, describe

MLP_3_4 = {"name": "mlp", "init_args": {"d": 3, "width": 4}}


def test_a_described_model_is_built_again_with_the_same_architecture():
    model = MLP(5, 7, 3)
    again = build(describe(model))
    assert type(again) is MLP
    again.load_state_dict(model.state_dict())
    x = torch.randn(2, 5)
    assert torch.equal(again(x), model(x))


def test_description_is_plain_data_of_its_own():
    model = MLP(5, 7, 3)
    description = describe(model)
    assert description == {"name": "mlp", "init_args": {"d": 5, "width": 7, "n_classes": 3}}
    description["init_args"]["d"] = 99
    assert model.init_args["d"] == 5


def test_same_seed_same_weights_other_seed_other_weights():
    first, second, other = build(MLP_3_4, seed=1), build(MLP_3_4, seed=1), build(MLP_3_4, seed=2)
    for a, b, c in zip(first.parameters(), second.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


def test_seeded_weights_are_those_of_torchs_generator():
    torch.manual_seed(17)
    expected = MLP(3, 4)
    built = build(MLP_3_4, seed=17)
    assert all(torch.equal(a, b) for a, b in zip(built.parameters(), expected.parameters(), strict=True))


def test_a_seeded_build_leaves_the_global_generator_as_it_was():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build(MLP_3_4, seed=1)
    assert torch.equal(torch.rand(3), expected)


def test_a_foreign_model_is_drawn_from_the_seed_as_well():
    sizes = {"n_layer": 1, "n_head": 1, "n_embd": 4, "vocab_size": 5, "n_positions": 4}
    foreign = describe(GPT2LMHeadModel(GPT2Config(**sizes)))
    first, second, other = (build(foreign, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["transformer.wte.weight"], other["transformer.wte.weight"])


def test_a_build_without_seed_draws_from_the_global_generator():
    torch.manual_seed(5)
    first = build(MLP_3_4)
    second = build(MLP_3_4)
    assert not torch.equal(next(first.parameters()), next(second.parameters()))


def test_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(UsageError) as caught:
        build({"name": "mpl", "init_args": {}})
    allowed = f"one of {list(MODELS)}"
    assert str(caught.value) == f"model.name: got 'mpl'; allowed: {allowed} (did you mean 'mlp'?)"


def test_missing_name_is_refused():
    with pytest.raises(UsageError, match=r"^model\.name: got None; allowed: one of"):
        build({})


def test_unknown_argument_is_refused_in_one_line():
    with pytest.raises(UsageError, match=r"^model mlp: .*'depth'") as caught:
        build({"name": "mlp", "init_args": {"d": 3, "width": 4, "depth": 2}})
    assert "\n" not in str(caught.value)


def test_missing_argument_is_refused_in_one_line():
    with pytest.raises(UsageError, match=r"^model mlp: .*'width'") as caught:
        build({"name": "mlp", "init_args": {"d": 3}})
    assert "\n" not in str(caught.value)


def test_a_class_that_is_not_listed_cannot_be_described():
    with pytest.raises(UsageError) as caught:
        describe(nn.Linear(2, 2))
    assert str(caught.value).startswith("model: got 'Linear'; allowed: one that tells how it was made")


def test_a_subclass_is_not_taken_for_its_base():
    class Deeper(MLP):
        pass

    with pytest.raises(UsageError, match="got 'Deeper'"):
        describe(Deeper(2, 2))


def test_every_listed_model_is_a_module():
    assert MODELS["mlp"] is MLP
    assert all(issubclass(kind, nn.Module) for kind in MODELS.values())


def test_only_trainable_parameters_are_counted():
    model = MLP(5, 7, 3)
    assert count_parameters(model) == 5 * 7 + 7 + 7 * 3 + 3
    model.hidden.requires_grad_(False)
    assert count_parameters(model) == 7 * 3 + 3
