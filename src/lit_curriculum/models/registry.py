"""Models by name: what a checkpoint's manifest may ask for, and how to build it again.

A manifest names a model of this suite by its entry here, others as `models.foreign` does; reading one runs
no code that was not there before.
Adding a model is adding a line to `MODELS`; its class keeps its constructor arguments in ``init_args``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from lit_curriculum.errors import UsageError, bad_value, suggest
from lit_curriculum.models import foreign
from lit_curriculum.models.bert import BertMaskedLM
from lit_curriculum.models.bert_classifiers import BertStepClassifier, BertTokenClassifier
from lit_curriculum.models.elman import ElmanRNN
from lit_curriculum.models.gpt2 import GPT2Reader
from lit_curriculum.models.gpt2_decoder import GPT2Decoder
from lit_curriculum.models.mlp import MLP
from lit_curriculum.models.plain_transformer import PlainTransformer
from lit_curriculum.models.two_layer import TwoLayerNet

# Numbers beyond these are slips of the pen; making so many modules, even without weights, takes for ever.
_MOST, _MOST_LAYERS = 10**9, 10_000

MODELS: dict[str, type[nn.Module]] = {
    "bert_masked_lm": BertMaskedLM,
    "bert_step_classifier": BertStepClassifier,
    "bert_token_classifier": BertTokenClassifier,
    "elman": ElmanRNN,
    "gpt2_decoder": GPT2Decoder,
    "gpt2_reader": GPT2Reader,
    "mlp": MLP,
    "plain_transformer": PlainTransformer,
    "two_layer": TwoLayerNet,
}


def describe(model: nn.Module) -> dict[str, Any]:
    """Return ``{"name", "init_args"}`` from which `build` makes the same architecture.

    Raises:
        UsageError: if the model's class is not in `MODELS` and does not tell how it was made.
    """
    for name, kind in MODELS.items():
        if type(model) is kind:
            return {"name": name, "init_args": dict(model.init_args)}  # type: ignore[arg-type]
    described = foreign.describe_foreign(model)
    if described is not None:
        return described
    allowed = (
        "one that tells how it was made: a model of transformers, or a class of a module's top level that "
        "calls save_hyperparameters() or keeps its arguments, plain values, in init_args"
    )
    raise bad_value("model", type(model).__name__, allowed)


def build(description: dict[str, Any], seed: int | None = None) -> nn.Module:
    """Build a model from `describe`'s answer.

    Args:
        description: name and constructor arguments.
        seed: draw the initial weights from this seed, leaving torch's global generator as it was.

    Raises:
        UsageError: for an unknown name or arguments that the class does not take.
    """
    name: Any = description.get("name")
    others = name in (foreign.HUGGINGFACE, foreign.CLASS)
    if not others and (not isinstance(name, str) or name not in MODELS):
        raise bad_value("model.name", name, f"one of {list(MODELS)}{suggest(str(name), MODELS)}")
    if seed is not None and not others:
        _check_memory(name, description.get("init_args", {}))
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        if others:
            return foreign.build_foreign(description)
        try:
            return MODELS[name](**description.get("init_args", {}))
        except TypeError as error:
            raise UsageError(f"model {name}: {error}") from error


def memory_of_machine() -> int:
    """Return the bytes of this machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _check_memory(name: str, arguments: Mapping[str, Any]) -> None:
    """Refuse a model whose weights alone do not fit into this machine's memory, before they are made.

    Raises:
        UsageError: naming the size.
    """
    for key, value in arguments.items():
        most = _MOST_LAYERS if key == "layers" else _MOST
        if isinstance(value, int) and value > most:
            raise bad_value(f"model.{key}", value, f"at most {most:,}")
    weights = 0
    # A wrong argument is told when the model is really built.
    with contextlib.suppress(TypeError, ValueError), torch.device("meta"):
        weights = count_parameters(MODELS[name](**arguments))
    memory = memory_of_machine()
    if 4 * weights > memory:
        needed, there = (f"{size / 2**30:,.0f} GiB" for size in (4 * weights, memory))
        raise UsageError(
            f"model: its {weights:,} weights need {needed}; allowed: what fits into {there} of memory"
        )


def count_parameters(model: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def state_for_saving(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state_dict without the second names of shared tensors, which safetensors refuses to write.

    Of names that share one tensor (BERT's input and output embedding) the first in the state_dict's order
    stays. Tensors are detached and contiguous, otherwise untouched; `load_saved_state` reads the result.

    Args:
        state: a model's ``state_dict()``.
    """
    kept: dict[str, torch.Tensor] = {}
    seen: set[tuple[object, ...]] = set()
    for name, tensor in state.items():
        # Equal address, shape and strides are the same numbers. Empty tensors may all lie at address 0.
        place = (tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype)
        if tensor.numel() and place in seen:
            continue
        seen.add(place)
        kept[name] = tensor.detach().contiguous()
    return kept


def load_saved_state(model: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Load what `state_for_saving` returned (or a whole state_dict) into a model, exactly.

    Raises:
        UsageError: if a name is missing that is not a second name of a tensor that is there, if one is
            unknown, or if a shape differs.
    """
    by_tensor: dict[int, list[str]] = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        by_tensor.setdefault(id(tensor), []).append(name)
    complete = dict(state)
    for names in by_tensor.values():
        given = next((name for name in names if name in state), None)
        if given is not None:
            complete |= {name: state[given] for name in names if name not in state}
    try:
        model.load_state_dict(complete)
    except RuntimeError as error:
        raise UsageError(f"state: {' '.join(str(error).split())}") from error
