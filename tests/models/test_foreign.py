"""Models that are not this suite's, told and made again."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

from lit_curriculum.errors import UsageError
from lit_curriculum.models import build, describe
from lit_curriculum.models.foreign import describe_foreign, load_huggingface, told


class Keeps(nn.Module):
    def __init__(self, width: int, rates: tuple[float, ...] = (0.1,)) -> None:
        super().__init__()
        self.init_args = {"width": width, "rates": rates}
        self.inner = nn.Linear(2, width)


class Simple(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 2)


class Tied(nn.Module):
    def __init__(self, limit: float) -> None:
        super().__init__()
        self.init_args = {"limit": limit}


def gpt2() -> GPT2LMHeadModel:
    sizes: dict[str, int] = {"n_layer": 1, "n_head": 2, "n_embd": 8, "vocab_size": 11, "n_positions": 16}
    return GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=0, eos_token_id=0))


@pytest.mark.parametrize("model", [Keeps(3, (0.5, 0.25)), Simple(), gpt2()])
def test_what_is_told_makes_the_model_again(model: nn.Module) -> None:
    description = describe(model)
    again = build(description)
    assert type(again) is type(model)
    assert {k: v.shape for k, v in again.state_dict().items()} == {
        k: v.shape for k, v in model.state_dict().items()
    }
    assert describe(again) == description


def test_the_weights_are_the_files() -> None:
    model = gpt2()
    loaded = load_huggingface(describe(model), model.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), model.parameters(), strict=True))
    assert told(describe(model)) == "GPT2LMHeadModel"


@pytest.mark.parametrize("model", [nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2)), Tied(float("inf"))])
def test_silence_is_no_description(model: nn.Module) -> None:
    assert describe_foreign(model) is None


def test_a_class_inside_of_a_function_cannot_be_found_again() -> None:
    class Local(Simple):
        pass

    assert describe_foreign(Local()) is None


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("class", {"class": "nowhere:Net", "arguments": {}}, "has imported; import it first"),
        ("class", {"class": "os:system", "arguments": {}}, "a torch module that this program has imported"),
        ("class", {"class": "__main__:Gone", "arguments": {}}, "the script that made the bank"),
        ("class", {"class": f"{__name__}:Keeps", "arguments": {"height": 1}}, "height"),
        ("huggingface", {"class": "AutoModel", "config": {}}, "a model class of the installed transformers"),
        ("huggingface", {"class": "GPT2LMHeadModel", "config": {}}, "its model_type included"),
        (
            "huggingface",
            {"class": "GPT2LMHeadModel", "config": {"model_type": "gpt9"}},
            "one of transformers'",
        ),
    ],
)
def test_what_names_no_model_is_refused(name: str, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        build({"name": name, "init_args": arguments})
