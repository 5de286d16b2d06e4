"""``lit migrate``: give a run or a bank of version 0.1 the digests by which damage is noticed."""

from __future__ import annotations

import argparse
from pathlib import Path

from lit_curriculum.distillation.bank import verify_file
from lit_curriculum.distillation.manifest import MANIFEST, parse_manifest
from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.files import sha256_of, write_json
from lit_curriculum.reading import read_json
from lit_curriculum.runs.checkpoints import read_checkpoint
from lit_curriculum.runs.folder import RunFolder
from lit_curriculum.runs.lease import Lease
from lit_curriculum.sealed import seal
from lit_curriculum.tables import StepTable


def migrate(options: argparse.Namespace) -> int:
    """Bring a run folder, or a bank alone, to the present form; what has it already is left alone.

    The numbers stay as they are: files are hashed, and weights that did not change between two checkpoints
    are declared as such.

    Raises:
        UsageError: if there is neither, or a file is damaged.
    """
    folder = Path(options.folder)
    run = RunFolder(folder)
    banks = [place for place in (folder, folder / "bank") if (place / MANIFEST).is_file()]
    is_run = (folder / "provenance.json").is_file()
    if not banks and not is_run:
        raise bad_value("RUN_OR_BANK", options.folder, "the folder of a run, or of a bank")
    lease = Lease.take(folder) if is_run else None
    try:
        changed = [name for bank in banks for name in _bank(bank)]
        changed += _run(run) if is_run else []
    finally:
        if lease is not None:
            lease.release()
    print(f"{folder}: {', '.join(changed) if changed else 'nothing to do'}")
    return 0


def _bank(folder: Path) -> list[str]:
    path = folder / MANIFEST
    value = read_json(path, "bank")
    if not isinstance(value, dict) or "digest" in value:
        parse_manifest(value, str(path))
        return []
    entries = value.get("checkpoints")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UsageError(f"bank: {path} is not a bank manifest; allowed: one that HarvestCheckpoints wrote")
    first: dict[object, object] = {}
    for entry in sorted(entries, key=lambda entry: str(entry.get("step")).zfill(20)):
        earlier = first.setdefault(entry.get("sha256"), entry.get("step"))
        if earlier != entry.get("step"):
            entry["same_as"] = earlier
    manifest = parse_manifest(value, str(path))
    for checkpoint in manifest.checkpoints:
        verify_file(folder, checkpoint, "bank")
    write_json(path, manifest.as_json())
    return [str(path.name)]


def _run(run: RunFolder) -> list[str]:
    if run.sealed:
        return []
    changed = ["provenance.json"]
    if run.checkpoint.is_file():
        read_checkpoint(run.checkpoint)  # a damaged one is not sealed
        seal(run.checkpoint)
        changed.append("checkpoints/last.ckpt.sha256")
    tables = {path.name: StepTable.mark_of(path) for path in sorted(run.path.glob("*.csv"))}
    banks = [f"{path.parent.name}/{MANIFEST}" for path in sorted(run.path.glob(f"*/{MANIFEST}"))]
    known = {"tables": tables, "manifests": {name: sha256_of(run.path / name) for name in banks}}
    record = run.provenance()
    run.record({**record, **known} if record.get("finished") else record)
    return changed
