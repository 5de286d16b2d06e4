"""Reading ``last.ckpt`` and its like: what a run goes on from, or begins from."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import torch

from lit_curriculum.differences import first_difference
from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.reading import read_yaml
from lit_curriculum.runs.identity import results_settings
from lit_curriculum.training.base import STATE

# What a run that begins from another's checkpoint may have otherwise: its length, how it is evaluated, and
# what looks on. Everything else would be restored from the checkpoint and win over what the user wrote.
_EVALUATION = ("eval_every", "eval_streams", "eval_samples", "eval_batch_size")
_FREE_DATA = ("num_steps", *_EVALUATION)
# What is said of a run beside its settings.
_OF_THIS_RUN = ("versions", "began_from", "beginning_version")
# What nobody reads of a live teacher's data.
_UNREAD = (*_EVALUATION, "num_workers")


def read_checkpoint(path: Path, key: str = "ckpt_path") -> dict[str, Any]:
    """Return the content of a checkpoint of `lit fit`, its tensors on the CPU.

    Raises:
        UsageError: if the file is none.
    """
    if not path.is_file():
        raise bad_value(key, str(path), "last, or an existing checkpoint file")
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as error:
        raise UsageError(
            f"{key}: {path} is no checkpoint: it holds more than tensors and plain values"
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise UsageError(f"{key}: {path} is no checkpoint, or damaged ({_first_line(error)})") from error
    if not isinstance(content, dict) or not isinstance(content.get(STATE), dict):
        raise bad_value(key, str(path), "a checkpoint of `lit fit`")
    return content


def check_continues(path: Path, content: dict[str, Any], ours: dict[str, Any]) -> None:
    """Check that a run may begin from a checkpoint of another run: that it has the same settings.

    Callbacks may be others, except for a teacher that trains in both runs.

    Args:
        path: of the checkpoint.
        content: what `read_checkpoint` returned.
        ours: the resolved configuration of the run.

    Raises:
        UsageError: naming the first setting that differs.
    """
    recorded = content[STATE].get("settings")
    if recorded is not None:
        theirs = json.loads(recorded)
    elif (config := path.resolve().parent.parent / "config.yaml").is_file():
        theirs = results_settings(read_yaml(config, "ckpt_path"))  # of version 0.1
    else:
        raise UsageError(
            f"ckpt_path: {path} does not tell its settings; allowed: a checkpoint in its run folder"
        )
    settings = results_settings(ours)
    difference = first_difference(_bound(settings), _bound(theirs)) or _other_teacher(settings, theirs)
    if difference:
        key, wanted, found = difference
        raise UsageError(
            f"ckpt_path: {path} was trained with {key} = {found!r}, and would go on with it; "
            f"allowed: the same value here (got {wanted!r}), or a checkpoint trained with it"
        )


def _bound(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that a checkpoint carries on, whatever the configuration says."""
    kept = {key: value for key, value in settings.items() if key not in _OF_THIS_RUN}
    kept["trainer"] = {k: v for k, v in (kept.get("trainer") or {}).items() if k != "callbacks"}
    data = dict(kept.get("data") or {})
    arguments = data.get("init_args") or {}
    data["init_args"] = {name: value for name, value in arguments.items() if name not in _FREE_DATA}
    kept["data"] = data
    return kept


def _other_teacher(ours: dict[str, Any], theirs: dict[str, Any]) -> tuple[str, Any, Any] | None:
    """Return the first difference of two live teachers: a checkpoint carries its own one's training on."""
    wanted, found = _live_teacher(ours), _live_teacher(theirs)
    if wanted is None or found is None:
        return None
    return first_difference(wanted, found, "SwapTeacher.bank")


def _live_teacher(settings: dict[str, Any]) -> dict[str, Any] | None:
    """Return what is said of a teacher that trains in the run, without how its data are evaluated."""
    callbacks = (settings.get("trainer") or {}).get("callbacks") or []
    for callback in [callbacks] if isinstance(callbacks, dict) else callbacks:
        bank = (callback.get("init_args") or {}).get("bank") if isinstance(callback, dict) else None
        if isinstance(bank, dict):
            arguments = dict(bank.get("init_args") or {})
            data = dict(arguments.get("data") or {})
            data["init_args"] = {
                name: value for name, value in (data.get("init_args") or {}).items() if name not in _UNREAD
            }
            return {**bank, "init_args": {**arguments, "data": data}}
    return None


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
