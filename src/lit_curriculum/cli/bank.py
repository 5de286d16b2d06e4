"""``lit bank``: what a bank holds, whether it is whole, and banks from and to transformers' folders."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from lit_curriculum.cli.probe import open_bank
from lit_curriculum.cli.tables import header, show_whole
from lit_curriculum.distillation.bank import CheckpointBank
from lit_curriculum.distillation.sources import export, from_folder, from_hub
from lit_curriculum.errors import UsageError, bad_value, suggest
from lit_curriculum.models.foreign import CLASS, told
from lit_curriculum.runs.folder import check_writable

_SHOWN = 4
ACTIONS = ("list", "verify", "import", "export")


def bank(options: argparse.Namespace) -> int:
    """Run ``lit bank ACTION PLACE``.

    Raises:
        UsageError: for a wrong option, or a bank that is not what it says.
    """
    if options.action not in ACTIONS:
        raise bad_value("action", options.action, f"{', '.join(ACTIONS)}{suggest(options.action, ACTIONS)}")
    owners = {
        "out": ("import", "export"),
        "revisions": ("import",),
        "all": ("export",),
        "steps": ("export",),
        "json": ("list",),
    }
    for name, actions in owners.items():
        if getattr(options, name) and options.action not in actions:
            raise UsageError(f"--{name}: got it with {options.action}; allowed: with {', '.join(actions)}")
    if options.action in ("import", "export"):
        if not options.out or not options.out.strip():
            raise UsageError(f"--out: missing; allowed: a folder, which {options.action} writes")
        check_writable("--out", Path(options.out))
    return {"list": _list, "verify": _verify, "import": _import, "export": _export}[options.action](options)


def _list(options: argparse.Namespace) -> int:
    found = open_bank(options.place)
    if options.json:
        entries = [{**asdict(entry), "here": found.is_here(entry)} for entry in found]
        print(json.dumps({"model": found.model, "task": found.task, "checkpoints": entries}, indent=1))
        return 0
    measured = Counter(name for entry in found for name in entry.metrics)
    by_use = sorted(measured, key=lambda n: (not n.endswith(("accuracy", "loss")), -measured[n], n))
    names = by_use[:_SHOWN]
    table = Table(title=f"{found.folder}: {told(found.model)}")
    for column in ("step", "samples", "MB", "sha256", *map(header, names)):
        table.add_column(column, justify="right")
    for entry in found:
        # A bank of others' checkpoints does not know how many samples they had seen.
        samples = f"{entry.samples:,}" if entry.samples or not entry.step else ""
        row = [f"{entry.step:,}", samples, _size(found, entry.file), entry.sha256[:8]]
        table.add_row(*row, *(f"{entry.metrics[n]:.4g}" if n in entry.metrics else "" for n in names))
    show_whole(table)
    if len(by_use) > _SHOWN:
        print(f"{len(by_use) - _SHOWN} more metrics: --json")
    return 0


def _size(found: CheckpointBank, file: str) -> str:
    path = found.folder / file
    return f"{path.stat().st_size / 1e6:.3g}" if path.is_file() else "not here yet"


def _verify(options: argparse.Namespace) -> int:
    """Read every checkpoint that is here: its bytes, its numbers, and that they fit the model.

    What is of a class of somebody's program is not built: its code is not here.
    """
    found = open_bank(options.place)
    here = [entry for entry in found if found.is_here(entry)]
    with Progress(console=Console(stderr=True)) as bar:
        for entry in bar.track(here, description="checkpoints"):
            read = found.weights if found.model.get("name") == CLASS else found.load
            read(entry)
    later = len(found.checkpoints) - len(here)
    print(f"{found.folder}: {len(here)} checkpoints are whole" + (f", {later} not here yet" if later else ""))
    return 0


def _import(options: argparse.Namespace) -> int:
    place = Path(options.place)
    if place.is_dir():
        if options.revisions:
            raise UsageError("--revisions: got them with a folder; allowed: with a repository of the Hub")
        _check_beside(Path(options.out), place)
        made = from_folder(place, options.out)
    else:
        if not options.revisions:
            raise UsageError(
                f"PLACE: {options.place!r} is no folder; allowed: a folder with checkpoint-STEP folders, or "
                "a repository of the Hub with --revisions"
            )
        made = from_hub(options.place, options.revisions, options.out)
    first, last = made.steps[0], made.steps[-1]
    print(f"{made.folder}: {len(made.checkpoints)} checkpoints, steps {first:,} to {last:,}")
    return 0


def _check_beside(out: Path, place: Path) -> None:
    """Refuse to write a bank into one of the checkpoints that it is made of."""
    root = place.resolve()
    beside = [path for path in (out.resolve(), *out.resolve().parents) if path.parent == root]
    if any(path.name.startswith("checkpoint-") for path in beside):
        raise bad_value("--out", str(out), f"a folder outside the checkpoints of {place}")


def _export(options: argparse.Namespace) -> int:
    if options.all == bool(options.steps):
        raise UsageError("export: no checkpoints chosen; allowed: --all, or --steps and their numbers")
    found = open_bank(options.place)
    entries = list(found) if options.all else [found.at(step) for step in options.steps]
    written = export(found, entries, Path(options.out))
    first, last = written[0].name, written[-1].name
    print(f"{options.out}: {len(written)} folders for from_pretrained, {first} to {last}")
    return 0
