"""Models that are not this suite's: transformers' by their configuration, others by class and arguments.

A description holds nothing that runs by itself. A class of a user's is looked up among the modules that are
imported already and never imported for it, so reading a bank still runs no code that the program did not
bring; transformers' classes are built from their configuration, without any code of a hub's.
"""

from __future__ import annotations

import inspect
import json
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import nn

from lit_curriculum.errors import UsageError, bad_value

HUGGINGFACE = "huggingface"
CLASS = "class"

# What a configuration says of the program that wrote it, or of a machine: none changes what a model computes.
_NOT_OF_THE_MODEL = {
    "architectures",
    "transformers_version",
    "auto_map",
    "_name_or_path",
    "torch_dtype",
    "dtype",
    "attn_implementation",
    "_attn_implementation",
}


def describe_foreign(model: nn.Module) -> dict[str, Any] | None:
    """Return ``{"name", "init_args"}`` of a model outside of the registry, or None if it cannot be told.

    A model of transformers is told by its class and configuration. Any other by its class and the arguments
    that it keeps: ``init_args`` (a dict), or Lightning's ``save_hyperparameters()``; a class whose
    constructor takes none needs neither.
    """
    transformers = sys.modules.get("transformers")
    kind = type(model)
    of_transformers = transformers is not None and isinstance(model, transformers.PreTrainedModel)
    if of_transformers and kind.__module__.startswith("transformers."):
        config = plain_config(cast(Any, model).config)
        return {"name": HUGGINGFACE, "init_args": {"class": kind.__name__, "config": config}}
    arguments = _arguments(model)
    if arguments is None or not _is_plain(arguments) or "<locals>" in kind.__qualname__:
        return None
    return {
        "name": CLASS,
        # As JSON gives it back: a tuple as a list.
        "init_args": {
            "class": f"{kind.__module__}:{kind.__qualname__}",
            "arguments": json.loads(json.dumps(arguments)),
        },
    }


def told(description: Mapping[str, Any]) -> str:
    """Return the name of a description's model for people: its class, or its name in the registry."""
    name = description.get("name")
    return str(description["init_args"].get("class")) if name in (HUGGINGFACE, CLASS) else str(name)


def build_foreign(description: Mapping[str, Any]) -> nn.Module:
    """Build a model from `describe_foreign`'s answer, weights as its class draws them.

    Raises:
        UsageError: if its class is not imported here, or does not take the arguments.
    """
    given = description.get("init_args", {})
    if description.get("name") == HUGGINGFACE:
        return cast(nn.Module, _huggingface_class(given.get("class"))(_config(given.get("config"))))
    kind = _imported(given.get("class"))
    try:
        return kind(**given.get("arguments", {}))
    except TypeError as error:
        raise UsageError(f"model: {given.get('class')}: {error}") from error


def load_huggingface(description: Mapping[str, Any], state: Mapping[str, torch.Tensor]) -> nn.Module:
    """Return a model of transformers with these weights, by transformers' own loading.

    So names of older versions and tied weights are understood.

    Raises:
        UsageError: if a weight is missing, of another shape, or of no part of the model.
    """
    given = description["init_args"]
    with _quiet():
        model, report = _huggingface_class(given.get("class")).from_pretrained(
            None, config=_config(given.get("config")), state_dict=dict(state), output_loading_info=True
        )
    for name in ("missing_keys", "mismatched_keys", "unexpected_keys"):
        if report[name]:
            first, what = min(map(str, report[name])), name.removesuffix("_keys")
            count = len(report[name])
            raise UsageError(f"model: {given['class']}: {count} weights are {what}, the first is {first}")
    return cast(nn.Module, model)


def plain_config(config: Any) -> dict[str, Any]:
    """Return what a configuration of transformers says of the model, as JSON holds it."""
    return {**of_the_model(config.to_diff_dict()), "model_type": config.model_type}


def of_the_model(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration without what does not change what the model computes."""
    return {name: value for name, value in config.items() if name not in _NOT_OF_THE_MODEL}


def check_size(description: Mapping[str, Any], weights: int) -> None:
    """Refuse a configuration of a much larger model than a file of so many weights is of.

    Raises:
        UsageError: if it is.
    """
    if description.get("name") != HUGGINGFACE:
        return
    config = description["init_args"].get("config") or {}
    for key, value in config.items():
        layers = "layer" in key and isinstance(value, int)
        if layers and value > max(1024, weights):
            raise bad_value(f"model.config.{key}", value, "at most the file's number of weights")
    with torch.device("meta"):
        described = sum(parameter.numel() for parameter in build_foreign(description).parameters())
    # A file that lacks a few weights is told so when it is read.
    if described > max(1024, 2 * weights):
        raise bad_value("model.config", described, f"a model of about the file's {weights} weights")


def _arguments(model: nn.Module) -> dict[str, Any] | None:
    own = getattr(model, "init_args", None)
    if isinstance(own, Mapping):
        return dict(own)
    hparams = getattr(model, "hparams", None)
    if isinstance(hparams, Mapping) and hparams:
        return dict(hparams)
    return None if inspect.signature(type(model)).parameters else {}


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(inner) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    finite = not isinstance(value, float) or math.isfinite(value)
    return value is None or (isinstance(value, str | int | float | bool) and finite)


def _imported(path: Any) -> type[nn.Module]:
    module, _, name = str(path).partition(":")
    found: Any = sys.modules.get(module)
    for part in name.split(".") if found is not None else ():
        found = getattr(found, part, None)
    if not (inspect.isclass(found) and issubclass(found, nn.Module)):
        allowed = "a torch module that this program has imported; import it first"
        if module == "__main__":
            allowed = "the script that made the bank; a class in a file of its own can be imported anywhere"
        raise bad_value("model.class", path, allowed)
    return found


def check_class(name: Any) -> None:
    """Check that a name is that of a model class of the installed transformers. Raises UsageError if not."""
    _huggingface_class(name)


def _huggingface_class(name: Any) -> Any:
    import transformers

    kind = getattr(transformers, name, None) if isinstance(name, str) else None
    if not (inspect.isclass(kind) and issubclass(kind, transformers.PreTrainedModel)):
        raise bad_value("model.class", name, "a model class of the installed transformers")
    return kind


def _config(plain: Any) -> Any:
    from transformers import AutoConfig

    if not isinstance(plain, Mapping) or not isinstance(plain.get("model_type"), str):
        raise bad_value("model.config", plain, "a configuration of transformers, its model_type included")
    with _quiet():
        try:
            return AutoConfig.for_model(**of_the_model(plain))
        except ValueError as error:
            raise bad_value("model.config.model_type", plain["model_type"], "one of transformers'") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' own bars and reports off the screen; what is wrong is raised instead."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
