"""The manifest of a checkpoint bank: its form, and the check of one that was read.

    {"schema": 1, "model": {"name", "init_args"}, "task": {...}, "config_hash", "commit",
     "checkpoints": [{"step", "samples", "file", "sha256", "metrics", "same_as"}, ...],
     "digest": SHA-256 of the rest in canonical JSON}

``same_as`` is there only where a checkpoint holds the very weights of an earlier one, as when a loss has
saturated: equal weights at two steps that do not say so are a bank whose files were mixed up. A manifest
that was written before there were digests has none, and is not checked against one.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from lit_curriculum.errors import UsageError, bad_value, shortened
from lit_curriculum.files import hash_of_json

SCHEMA = 1
MANIFEST = "manifest.json"

MAX_STEP = 2**53
"""Largest step: the last up to which a float tells all integers apart."""

MAX_SAMPLES = 2**63 - 1

_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEYS = ("schema", "model", "task", "config_hash", "commit", "source", "checkpoints", "digest")
_REQUIRED = ("step", "samples", "file", "sha256")
_OPTIONAL = ("metrics", "same_as")


@dataclass(frozen=True)
class Checkpoint:
    """One harvested checkpoint.

    Attributes:
        step: optimizer updates made before it was taken.
        samples: training samples seen, all devices together.
        file: name inside the bank's folder.
        sha256: of the file's bytes.
        metrics: held-out metrics measured at exactly this step, e.g. ``val/accuracy``; may be empty.
        same_as: first step whose checkpoint holds the same weights, or None if none before does.
    """

    step: int
    samples: int
    file: str
    sha256: str
    metrics: dict[str, float] = field(default_factory=dict)
    same_as: int | None = None


@dataclass(frozen=True)
class Manifest:
    """A checked manifest.

    Attributes:
        model: name and constructor arguments, see `models.registry`.
        task: what identifies the task.
        config_hash: of the run that harvested, or None.
        commit: of the code that harvested, or None.
        checkpoints: by ascending step; may be empty.
        source: of a bank of the Hub's revisions, ``repo`` and for each step ``revisions``, with ``name``,
            ``commit`` and ``size``; None for files that are all here.
    """

    model: dict[str, Any]
    task: dict[str, Any]
    config_hash: str | None
    commit: str | None
    checkpoints: tuple[Checkpoint, ...]
    source: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what the file holds, with its digest."""
        entries = [
            {name: value for name, value in asdict(entry).items() if name != "same_as" or value is not None}
            for entry in marked(self.checkpoints)
        ]
        content = {
            "schema": SCHEMA,
            "model": self.model,
            "task": self.task,
            "config_hash": self.config_hash,
            "commit": self.commit,
            "checkpoints": entries,
        }
        if self.source is not None:
            content["source"] = self.source
        return {**content, "digest": hash_of_json(content)}


def marked(checkpoints: Sequence[Checkpoint]) -> list[Checkpoint]:
    """Return checkpoints by ascending step, each with the first step that holds its weights, if another."""
    first: dict[str, int] = {}
    ordered = sorted(checkpoints, key=lambda entry: entry.step)
    for entry in ordered:
        first.setdefault(entry.sha256, entry.step)
    return [
        replace(entry, same_as=None if first[entry.sha256] == entry.step else first[entry.sha256])
        for entry in ordered
    ]


def parse_manifest(value: Any, where: str) -> Manifest:
    """Check the value of a manifest file.

    Args:
        value: decoded JSON.
        where: what errors call it: its path.

    Raises:
        UsageError: naming the key that is wrong.
    """
    if not isinstance(value, dict):
        raise UsageError(f"{where} is not a bank manifest (got {shortened(value)}; allowed: an object)")
    if type(value.get("schema")) is not int or value["schema"] != SCHEMA:
        raise UsageError(f"{where} has schema {shortened(value.get('schema'))}; allowed: {SCHEMA}")
    _check_digest(value, where)
    for key in ("model", "task", "checkpoints"):
        if key not in value:
            raise UsageError(f"{where} is not a bank manifest ({key!r} is missing)")
    for key in value:
        # A damaged "digest" must not pass for none.
        if key not in _KEYS:
            raise UsageError(f"{where}: {key}: unknown; allowed: {', '.join(_KEYS)}")
    model, task = value["model"], value["task"]
    if not isinstance(model, dict) or not isinstance(model.get("init_args", {}), dict):
        raise bad_value(f"{where}: model", model, "an object with name and init_args")
    if not isinstance(task, dict):
        raise bad_value(f"{where}: task", task, "an object")
    for key in ("config_hash", "commit"):
        if not isinstance(value.get(key), str | None):
            raise bad_value(f"{where}: {key}", value[key], "a text, or null")
    if not isinstance(value["checkpoints"], list):
        raise bad_value(f"{where}: checkpoints", value["checkpoints"], "a list")
    entries = [_entry(each, f"{where}: checkpoints[{i}]") for i, each in enumerate(value["checkpoints"])]
    entries.sort(key=lambda entry: entry.step)
    _check_together(entries, where)
    source = value.get("source")
    if source is not None:
        _check_source(source, {str(entry.step) for entry in entries}, f"{where}: source")
    return Manifest(model, task, value.get("config_hash"), value.get("commit"), tuple(entries), source)


def unwritten(model: dict[str, Any], task: dict[str, Any], steps: Sequence[int], batch_size: int) -> Manifest:
    """Return the manifest of a bank whose checkpoints are still to be made, and have no hash.

    Args:
        model: see `Manifest`.
        task: see `Manifest`.
        steps: ascending.
        batch_size: samples of a step.
    """
    entries = tuple(Checkpoint(step, step * batch_size, checkpoint_file(step), "") for step in steps)
    return Manifest(model, task, None, None, entries)


def checkpoint_file(step: int) -> str:
    """Return the name of a checkpoint's file in its bank."""
    return f"step_{step:012d}.safetensors"


def check_file_name(key: str, name: Any) -> str:
    """Return a name if it can only stand for something right inside its folder.

    Raises:
        UsageError: for a path, an absolute one, ``..``, or what is no text.
    """
    plain = isinstance(name, str) and name.isprintable() and len(name) <= 255
    if not plain or name in ("", ".", "..") or set(name) & set("/\\:"):
        raise bad_value(key, name, "a plain name without folders")
    return str(name)


def _check_digest(value: dict[str, Any], where: str) -> None:
    if "digest" not in value:
        return
    digest = hash_of_json({key: inner for key, inner in value.items() if key != "digest"})
    if value["digest"] != digest:
        raise UsageError(
            f"{where} is damaged: its content has digest {digest[:12]}, and it says "
            f"{shortened(value['digest'], 20)}; allowed: the manifest as it was harvested; copy it again, "
            "or harvest anew in another run folder"
        )


def _check_source(source: Any, steps: set[str], key: str) -> None:
    revisions = source.get("revisions") if isinstance(source, dict) else None
    whole = isinstance(revisions, dict) and all(
        isinstance(revision, dict) and isinstance(revision.get("commit"), str) and "name" in revision
        for revision in revisions.values()
    )
    if not whole or not isinstance(source.get("repo"), str) or set(revisions or ()) != steps:
        raise bad_value(key, source, "repo, and revisions with name, commit and size for every step")


def _entry(value: Any, key: str) -> Checkpoint:
    if not isinstance(value, dict):
        raise bad_value(key, value, f"an object with {', '.join(_REQUIRED)}")
    for name in _REQUIRED:
        if name not in value:
            raise UsageError(f"{key}: {name}: missing; allowed: all of {', '.join(_REQUIRED)}")
    for name in value:
        if name not in _REQUIRED + _OPTIONAL:
            raise UsageError(f"{key}: {name}: unknown; allowed: {', '.join(_REQUIRED + _OPTIONAL)}")
    if not isinstance(value["sha256"], str) or not _SHA256.fullmatch(value["sha256"]):
        raise bad_value(f"{key}: sha256", value["sha256"], "64 hexadecimal digits")
    same_as = value.get("same_as")
    return Checkpoint(
        _whole(value["step"], f"{key}: step", MAX_STEP),
        _whole(value["samples"], f"{key}: samples", MAX_SAMPLES),
        check_file_name(f"{key}: file", value["file"]),
        value["sha256"],
        _metrics(value.get("metrics", {}), f"{key}: metrics"),
        None if same_as is None else _whole(same_as, f"{key}: same_as", MAX_STEP),
    )


def _whole(value: Any, key: str, most: int) -> int:
    # bool is an int to isinstance; true is no step.
    if type(value) is not int or not 0 <= value <= most:
        raise bad_value(key, value, f"an integer from 0 to {most}")
    return value


def _metrics(value: Any, key: str) -> dict[str, float]:
    if not isinstance(value, dict):
        raise bad_value(key, value, "an object of finite numbers")
    for name, number in value.items():
        # A float that is too large for an int to become one has no place here either.
        fits = type(number) is float or (type(number) is int and abs(number) <= MAX_SAMPLES)
        if not fits or not math.isfinite(number):
            raise bad_value(f"{key}: {name}", number, "a finite number")
    return value


def _check_together(entries: Sequence[Checkpoint], where: str) -> None:
    """Check entries, by ascending step, against one another."""
    files: dict[str, int] = {}
    for before, entry in itertools.pairwise(entries):
        if entry.step == before.step:
            raise bad_value(f"{where}: checkpoints", entry.step, "distinct steps, it is there twice")
        if entry.samples < before.samples:
            allowed = f"at least the {before.samples} of step {before.step}"
            raise bad_value(f"{where}: samples of step {entry.step}", entry.samples, allowed)
    for entry, expected in zip(entries, marked(entries), strict=True):
        if entry.file in files:
            allowed = f"another file than that of step {files[entry.file]}"
            raise bad_value(f"{where}: file of step {entry.step}", entry.file, allowed)
        files[entry.file] = entry.step
        if entry.same_as != expected.same_as:
            raise UsageError(_about_weights(entry, expected.same_as, where))


def _about_weights(entry: Checkpoint, first: int | None, where: str) -> str:
    if first is None:
        return (
            f"{where}: same_as of step {entry.step}: got {entry.same_as}; "
            "allowed: no same_as, no earlier step has the same sha256"
        )
    return (
        f"{where}: steps {first} and {entry.step} have the same weights (sha256 {entry.sha256[:12]}) and do "
        f"not say so; allowed: a file of its own for each step, or same_as: {first} where the weights did "
        "not change (lit migrate declares them in a bank of version 0.1)"
    )
