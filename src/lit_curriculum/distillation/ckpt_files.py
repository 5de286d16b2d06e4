"""Banks of Lightning's checkpoint files."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lit_curriculum.distillation.bank import CheckpointBank
from lit_curriculum.distillation.sources import check_new, written
from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.models.foreign import CLASS


def from_lightning(
    files: Sequence[str | Path],
    module: type[nn.Module],
    out: str | Path,
    arguments: Mapping[str, Any] | None = None,
    prefix: str = "",
) -> CheckpointBank:
    """Return a bank of Lightning's ``.ckpt`` files, read with ``weights_only=True``.

    Args:
        files: of one training; the step of each is its ``global_step``.
        module: class that the weights are of, a LightningModule's or another's.
        out: the bank's folder.
        arguments: of the class; those that ``save_hyperparameters`` put into the file unless given.
        prefix: which weights to take, without it: ``"model."`` for those of a LightningModule's ``model``.

    Raises:
        UsageError: if a file is none, or tells neither step nor arguments.
    """
    out = Path(out)
    check_new(out)
    if isinstance(files, str | Path) or not files:
        raise bad_value("files", files, "a list of .ckpt files, at least one")
    states: dict[int, dict[str, torch.Tensor]] = {}
    told_by_files: Any = None
    for file in files:
        content = _read_ckpt(Path(file))
        told_here, step = content.get("hyper_parameters"), content["global_step"]
        if arguments is None and states and told_here != told_by_files:
            raise UsageError(
                f"bank: {file} has other hyper-parameters than {files[0]}; allowed: one training's files"
            )
        if step in states:
            raise UsageError(f"bank: {file} is of step {step}, as another is; allowed: one file a step")
        told_by_files, state = told_here, content["state_dict"]
        states[step] = {
            name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
        }
    if not states or not all(states.values()):
        raise bad_value("prefix", prefix, f"the beginning of names of weights in {[str(f) for f in files]}")
    arguments = told_by_files if arguments is None else arguments
    if not isinstance(arguments, Mapping):
        allowed = f"allowed: arguments=..., or a {module.__name__} that calls save_hyperparameters()"
        raise UsageError(f"bank: {files[0]} does not tell how the model was made; {allowed}")
    path = f"{module.__module__}:{module.__qualname__}"
    model = {"name": CLASS, "init_args": {"class": path, "arguments": dict(arguments)}}
    return written(out, model, states.items())


def _read_ckpt(file: Path) -> dict[str, Any]:
    try:
        content = torch.load(file, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"bank: {file} cannot be read ({reason}); allowed: a .ckpt of Lightning") from error
    whole = isinstance(content, dict) and type(content.get("global_step")) is int
    state = content.get("state_dict") if whole else None
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise bad_value("bank", str(file), "a .ckpt of Lightning, with state_dict and global_step")
    found: dict[str, Any] = content
    return found
