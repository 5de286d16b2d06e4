"""Banks of transformers' checkpoints that others made: the Hub's revisions, a Trainer's folders."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from lit_curriculum.distillation import hub
from lit_curriculum.distillation.bank import CheckpointBank
from lit_curriculum.distillation.bank_writer import BankWriter
from lit_curriculum.distillation.manifest import MANIFEST, Checkpoint, Manifest, checkpoint_file
from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.files import sha256_of, write_json
from lit_curriculum.models.foreign import HUGGINGFACE, check_class, of_the_model, told
from lit_curriculum.models.registry import state_for_saving
from lit_curriculum.reading import is_there, read_json

_NUMBER = re.compile(r"\d+")


def from_hub(
    repo: str,
    revisions: Sequence[str] | Mapping[int, str],
    out: str | Path | None = None,
    model_class: str | None = None,
) -> CheckpointBank:
    """Return a bank of revisions of a repository on the Hub; weights are downloaded when first read.

    Asked again with the same revisions, it opens the folder and needs no network. ``HF_ENDPOINT``,
    ``HF_TOKEN`` and the like are huggingface_hub's.

    Args:
        repo: ``organisation/model``, with a ``config.json`` and a ``model.safetensors``.
        revisions: names in which the first number is the step, ``["step1000", "step2000"]``, or step -> name.
        out: the bank's folder; ``banks/organisation--model`` unless given.
        model_class: of transformers; the first of the configuration's ``architectures`` unless given.

    Raises:
        UsageError: if a revision is missing, two hold the same weights, or the folder is another bank.
    """
    named = _by_step(revisions)
    folder = Path(out) if out is not None else Path("banks") / repo.replace("/", "--")
    if is_there(folder / MANIFEST):
        bank = CheckpointBank.open(folder)
        known = {step: r["name"] for step, r in ((bank.source or {}).get("revisions") or {}).items()}
        if (bank.source or {}).get("repo") != repo or known != {str(s): name for s, name in named.items()}:
            raise bad_value("out", str(folder), f"a new folder, or the bank of these revisions of {repo}")
        return bank
    scratch = folder / ".hub"
    found = {step: hub.look_up(repo, name, scratch / str(step)) for step, name in named.items()}
    _check_distinct({step: (revision.sha256, revision.name) for step, revision in found.items()})
    config = read_json(hub.read_config(repo, found[max(found)].commit, scratch), "bank")
    model = _of_config(config, model_class, repo)
    plain = {
        str(step): {k: v for k, v in asdict(revision).items() if k != "sha256"}
        for step, revision in found.items()
    }
    entries = tuple(
        Checkpoint(step, 0, checkpoint_file(step), revision.sha256) for step, revision in found.items()
    )
    source = {"repo": repo, "revisions": plain}
    write_json(folder / MANIFEST, Manifest(model, {}, None, None, entries, source).as_json())
    return CheckpointBank.open(folder)


def from_folder(
    folder: str | Path, out: str | Path | None = None, model_class: str | None = None
) -> CheckpointBank:
    """Return a bank of the checkpoints that transformers' Trainer, or ``save_pretrained``, left in a folder.

    Weights are linked where the file system can, so the bank takes no room of its own. Called again, it opens
    the bank, if the folder still holds the same checkpoints.

    Args:
        folder: holds ``checkpoint-1000/``, ``checkpoint-2000/``, ... (or other names with the step as the
            first number), each with ``config.json`` and ``model.safetensors``, in shards or not.
        out: the bank's folder; ``bank`` inside ``folder`` unless given.
        model_class: see `from_hub`.

    Raises:
        UsageError: if there are none, two hold the same weights, or their configurations differ.
    """
    folder = Path(folder)
    out = Path(out) if out is not None else folder / "bank"
    places: dict[int, Path] = {}
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        number = _NUMBER.search(place.name)
        if number and (place / "config.json").is_file():
            step = int(number.group())
            if step in places:
                both = f"{places[step].name} and {place.name} are both of step {step}"
                raise UsageError(f"bank: {both}; allowed: one folder a step, the first number in its name")
            places[step] = place
    if not places:
        raise bad_value("bank", str(folder), "a folder with checkpoint-STEP folders of transformers")
    models = {
        step: _of_config(read_json(place / "config.json", "bank"), model_class, str(place))
        for step, place in places.items()
    }
    last = max(places)
    for step, model in models.items():
        if model != models[last]:
            raise UsageError(f"bank: {places[step]} and {places[last]} are of different models; allowed: one")
    files = {step: _weight_files(place) for step, place in places.items()}
    if is_there(out / MANIFEST):
        return _opened(out, folder, models[last], files)
    if all(len(shards) == 1 for shards in files.values()):
        digests = {step: _digest(shards[0]) for step, shards in sorted(files.items())}
        _check_distinct({step: (digest, places[step].name) for step, digest in digests.items()})
        entries = [_linked(files[step][0], step, digest, out) for step, digest in digests.items()]
        write_json(out / MANIFEST, Manifest(models[last], {}, None, None, tuple(entries)).as_json())
        return CheckpointBank.open(out)
    return written(out, models[last], ((step, _read_shards(shards)) for step, shards in files.items()))


def export(bank: CheckpointBank, entries: Iterable[Checkpoint], out: Path) -> list[Path]:
    """Write checkpoints as ``out/checkpoint-STEP``, folders that ``from_pretrained`` reads.

    Args:
        bank: of models of transformers, or of this suite's BERT.
        entries: of the bank.
        out: made if it is not there.

    Raises:
        UsageError: if the models are others, or a folder is there already.
    """
    if bank.model.get("name") not in (HUGGINGFACE, "bert_masked_lm"):
        allowed = "models of transformers, or bert_masked_lm"
        raise UsageError(f"bank: {bank.folder} holds a {told(bank.model)}; allowed: {allowed}")
    folders = {entry.step: out / f"checkpoint-{entry.step}" for entry in entries}
    for folder in folders.values():
        if folder.exists():
            raise bad_value("--out", str(folder), "a folder that is not there yet")
    written = []
    for step, folder in folders.items():
        entry = bank.at(step)
        model: Any = bank.load(entry)
        model.save_pretrained(folder)
        written.append(folder)
    return written


def _opened(
    out: Path, folder: Path, model: dict[str, Any], files: Mapping[int, list[Path]]
) -> CheckpointBank:
    """Return the bank that an earlier call made of a folder."""
    bank = CheckpointBank.open(out)
    same = bank.model == model and bank.steps == sorted(files)
    for entry in bank if same else ():
        shards = files[entry.step]
        same &= (
            sha256_of(shards[0]) == entry.sha256
            if len(shards) == 1
            else _same_weights(bank.weights(entry), _read_shards(shards))
        )
    if not same:
        steps = ", ".join(map(str, sorted(files)))
        raise bad_value(
            "out",
            f"{out}, a bank of steps {', '.join(map(str, bank.steps))}",
            f"the bank of what {folder} holds (steps {steps}), or a new folder; remove {out} to make it anew",
        )
    return bank


def _by_step(revisions: Sequence[str] | Mapping[int, str]) -> dict[int, str]:
    if isinstance(revisions, Mapping):
        named = {int(step): str(name) for step, name in revisions.items()}
    else:
        named = {}
        for name in revisions:
            number = _NUMBER.search(name)
            if number is None:
                raise bad_value("revisions", name, "a name with its step, or a mapping step -> name")
            if int(number.group()) in named:
                raise bad_value("revisions", name, f"another step than {named[int(number.group())]}'s")
            named[int(number.group())] = name
    if not named:
        raise bad_value("revisions", revisions, "at least one")
    return dict(sorted(named.items()))


def _of_config(config: Any, model_class: str | None, place: str) -> dict[str, Any]:
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise UsageError(f"bank: {place}: config.json has no model_type; allowed: a model of transformers")
    architectures = config.get("architectures") or []
    if not isinstance(architectures, list) or not isinstance(model_class, str | None):
        raise UsageError(
            f"bank: {place}: architectures: got {architectures!r}; allowed: a list of class names"
        )
    if model_class is None and not architectures:
        raise UsageError(f"bank: {place}: config.json names no architecture; allowed: model_class=...")
    given = {"class": model_class or architectures[0], "config": of_the_model(config)}
    check_class(given["class"])
    return {"name": HUGGINGFACE, "init_args": given}


def _check_distinct(weights: Mapping[int, tuple[str, str]]) -> None:
    """Refuse two steps with the same weights: published series have had files under wrong names."""
    first: dict[str, str] = {}
    for _, (sha256, name) in sorted(weights.items()):
        if sha256 in first:
            raise UsageError(
                f"bank: {first[sha256]} and {name} hold the same weights (sha256 {sha256[:12]}); "
                "allowed: checkpoints of different steps, leave one of them out"
            )
        first[sha256] = name


def check_new(out: Path) -> None:
    """Check that a folder holds no bank yet.

    Raises:
        UsageError: if it does.
    """
    if is_there(out / MANIFEST):
        raise bad_value("out", str(out), "a folder without a bank")


def _weight_files(place: Path) -> list[Path]:
    whole, index = place / hub.WEIGHTS, place / f"{hub.WEIGHTS}.index.json"
    if whole.is_file():
        return [whole]
    if index.is_file():
        content = read_json(index, "bank")
        names = content.get("weight_map") if isinstance(content, dict) else None
        if not isinstance(names, dict) or not names or not all(isinstance(n, str) for n in names.values()):
            raise bad_value("bank", str(index), "an index with a weight_map from weights to files")
        shards = [place / Path(name).name for name in sorted(set(names.values()))]
        for shard in shards:
            if not shard.is_file():
                raise UsageError(f"bank: {shard} is missing; allowed: all files that {index.name} names")
        return shards
    raise UsageError(f"bank: {place} holds no {hub.WEIGHTS}; allowed: weights in safetensors")


def _digest(file: Path) -> str:
    """Return the SHA-256 of weights that can be read."""
    from safetensors import safe_open

    try:
        with safe_open(file, "pt") as opened:
            opened.keys()
    except Exception as error:
        raise UsageError(f"bank: {file} is damaged ({error}); allowed: weights in safetensors") from error
    return sha256_of(file)


def _same_weights(ours: Mapping[str, torch.Tensor], theirs: Mapping[str, torch.Tensor]) -> bool:
    """Tell whether two sets of weights are the same, bit for bit, but for second names of a tensor."""
    theirs = state_for_saving(theirs)
    return ours.keys() == theirs.keys() and all(
        ours[name].dtype == weights.dtype
        and ours[name].shape == weights.shape
        and torch.equal(
            ours[name].contiguous().view(-1).view(torch.uint8), weights.view(-1).view(torch.uint8)
        )
        for name, weights in theirs.items()
    )


def _read_shards(files: Iterable[Path]) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    state: dict[str, torch.Tensor] = {}
    for file in files:
        state |= load_file(file)
    return state


def _linked(source: Path, step: int, digest: str, out: Path) -> Checkpoint:
    out.mkdir(parents=True, exist_ok=True)
    path = out / checkpoint_file(step)
    path.unlink(missing_ok=True)
    try:
        os.link(source.resolve(), path)
    except OSError:
        shutil.copyfile(source, path)
    return Checkpoint(step, 0, path.name, digest)


def written(
    out: Path, model: dict[str, Any], states: Iterable[tuple[int, dict[str, torch.Tensor]]]
) -> CheckpointBank:
    """Write weights as a new bank and open it.

    Args:
        out: folder of the bank.
        model: name and arguments, as the manifest has them.
        states: step and state_dict of each checkpoint, in any order.

    Raises:
        UsageError: if two steps have the same weights.
    """
    writer = BankWriter(out, model, {})
    for step, state in sorted(states, key=lambda item: item[0]):
        writer.add(step, 0, state)
    bank = CheckpointBank.open(out)
    try:
        _check_distinct({entry.step: (entry.sha256, f"step {entry.step}") for entry in bank})
    except UsageError:
        for name in (MANIFEST, *(entry.file for entry in bank)):
            (out / name).unlink()
        raise
    return bank
