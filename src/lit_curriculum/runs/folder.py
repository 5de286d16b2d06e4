"""The run folder: new, to be resumed, finished, or somebody else's.

config.yaml      resolved configuration, enough to run it again
metrics.csv      one row an evaluation
checkpoints/     last.ckpt with its SHA-256, for resuming and for `lit test`
bank/            harvested checkpoints and their manifest
provenance.json  versions, commit, device, seeds, hashes, times, teachers
events.out.*     TensorBoard
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lit_curriculum.differences import first_difference
from lit_curriculum.errors import RunFailed, UsageError, bad_value
from lit_curriculum.files import hash_of_json, sha256_of, write_json, write_text
from lit_curriculum.reading import read_json, read_yaml
from lit_curriculum.runs import lease
from lit_curriculum.runs.configs import OVERLAYS
from lit_curriculum.runs.identity import config_hash, results_settings
from lit_curriculum.sealed import verify_sealed
from lit_curriculum.tables import Mark, RunTables, checked

State = Literal["new", "resume", "finished"]

SCHEMA = 2
"""Of provenance.json; 1 (version 0.1) has no digests."""


@dataclass(frozen=True)
class RunFolder:
    """A folder for one run. Nothing is written before `begin`."""

    path: Path

    @property
    def checkpoint(self) -> Path:
        """Where the run resumes from."""
        return self.path / "checkpoints" / "last.ckpt"

    def state(self, config: dict[str, Any]) -> State:
        """Tell what a run of ``config`` would find here.

        Raises:
            UsageError: if the folder holds a run of another configuration, something that is no run, or
                cannot be written.
        """
        check_writable("run_dir", self.path)
        if not self.path.exists() or not any(map(_matters, self.path.iterdir())):
            return "new"
        recorded = self.path / "config.yaml"
        if not recorded.is_file():
            raise UsageError(
                f"run_dir: got {str(self.path)!r}, which is not empty and holds no run; "
                "allowed: a new or empty folder, or one to resume"
            )
        if self.checkpoint.is_file() and not (self.path / "provenance.json").is_file():
            raise UsageError(f"run_dir: {self.path / 'provenance.json'} is missing; {_WAY_OUT}")
        difference = first_difference(results_settings(config), results_settings(self.config()))
        if difference:
            key, ours, old = difference
            raise UsageError(
                f"run_dir: {str(self.path)!r} holds a run with {key} = {old!r}, not {ours!r}; "
                "allowed: the same configuration, or another folder (--run_dir)"
            )
        # Equal settings may still stand for other results: newer code, or another teacher at that path.
        recorded_hash = self.provenance().get("config_hash")
        if recorded_hash not in (None, config_hash(config)):
            raise UsageError(
                f"run_dir: {str(self.path)!r} holds a run of other code, of another teacher or begun "
                f"elsewhere (config_hash {str(recorded_hash)[:12]}, now {config_hash(config)[:12]}); "
                "allowed: another folder"
            )
        if self.finished:
            return "finished"
        return "resume" if self.checkpoint.is_file() else "new"

    def begin(self, config_text: str, provenance: dict[str, Any]) -> None:
        """Write what a run leaves at its start."""
        earlier = self.provenance()
        for leftover in self.path.rglob(".*.tmp"):
            if not leftover.name.startswith(f"{lease.NAME}."):  # of others who wait for the folder
                leftover.unlink(missing_ok=True)  # of an atomic write that was killed
        digest = hashlib.sha256(config_text.encode("utf-8")).hexdigest()
        if earlier:
            # Wherever this is killed, the configuration that lies there is one of these.
            self.record({**earlier, "config_sha256": [*earlier.get("config_sha256", [])[:1], digest]})
        write_text(self.path / "config.yaml", config_text)
        resumed = earlier.get("resumed", -1) + 1 if earlier else 0
        run_id = earlier.get("run_id") or uuid.uuid4().hex[:12]
        self.record({**provenance, "run_id": run_id, "resumed": resumed, "config_sha256": [digest]})

    def finish(self, tables: RunTables, manifests: Sequence[str] = (), **facts: Any) -> None:
        """Mark the run as finished and add what is known only now.

        Args:
            tables: what it wrote row by row.
            manifests: of the banks that it harvested, relative to the folder.
            facts: for provenance.json.

        Raises:
            RunFailed: if something that the run wrote is not there any more.
        """
        self.check_whole(tables)
        for name in manifests:
            self._check_there(name)
        known = {"tables": tables.marks(), "manifests": {n: sha256_of(self.path / n) for n in manifests}}
        self.record({**self.provenance(), "finished": True, **known, **facts})

    def fail(self, reason: str) -> None:
        """Note why the run could not go on; the note goes when the run is begun again."""
        if (self.path / "provenance.json").is_file():
            self.record({**self.provenance(), "failed": reason})

    def check_whole(self, tables: RunTables) -> None:
        """Check that nobody removed what a run wrote at its start or row by row.

        Raises:
            RunFailed: naming the file.
        """
        for name in ("config.yaml", "provenance.json"):
            self._check_there(name)
        tables.check_untouched()

    def _check_there(self, name: str) -> None:
        if not (self.path / name).is_file():
            raise RunFailed(
                f"{self.path / name}: it is gone; another program changed the run folder while this run "
                "wrote to it. Start again in another folder"
            )

    def verify_checkpoint(self) -> str:
        """Return the SHA-256 of `checkpoint`, which has been compared with its seal.

        Raises:
            UsageError: if the file is missing or altered.
        """
        return verify_sealed(self.checkpoint, "ckpt_path", required=self.sealed)

    def verified(self, table: str) -> Path:
        """Return the path of a finished run's table, which is as it was when the run finished.

        Raises:
            UsageError: if it is missing or altered.
        """
        path = self.path / table
        marks: dict[str, Mark] = self.provenance().get("tables", {})
        if table in marks and len(checked(path, marks[table])) != path.stat().st_size:
            raise UsageError(
                f"{path}: it has grown since the run finished; allowed: the file as the run left it"
            )
        return path

    def verify_finished(self) -> None:
        """Check that a finished run's tables, checkpoint and the manifests of its banks are as it left them.

        Raises:
            UsageError: naming the file that is missing or altered.
        """
        for table in self.provenance().get("tables", {}):
            self.verified(table)
        for manifest, digest in self.provenance().get("manifests", {}).items():
            path = self.path / manifest
            if not path.is_file():
                raise UsageError(f"run_dir: {path} is missing; {_WAY_OUT}")
            if sha256_of(path) != digest:
                raise UsageError(f"run_dir: {path} is altered (its sha256 does not fit); {_WAY_OUT}")
        if self.sealed:
            self.verify_checkpoint()

    @property
    def sealed(self) -> bool:
        """Whether the run was made by a version that seals its checkpoints."""
        return int(self.provenance().get("schema", SCHEMA)) >= SCHEMA

    @property
    def finished(self) -> bool:
        """Whether a run came to its end here."""
        return bool(self.provenance().get("finished"))

    @property
    def run_id(self) -> str:
        """Drawn when the run was first begun; empty before that, and for runs of earlier versions."""
        return str(self.provenance().get("run_id", ""))

    def config(self) -> dict[str, Any]:
        """Return the recorded configuration.

        Raises:
            UsageError: if it is no configuration, or not the one that the run wrote.
        """
        path = self.path / "config.yaml"
        recorded = read_yaml(path, "run_dir")
        known = self.provenance().get("config_sha256")
        if known is not None and sha256_of(path) not in known:
            raise UsageError(f"run_dir: {path} is altered (its sha256 does not fit); {_WAY_OUT}")
        if not isinstance(recorded, dict):
            raise UsageError(f"run_dir: {path} is no configuration (it holds no keys)")
        return recorded

    def provenance(self) -> dict[str, Any]:
        """Return the recorded provenance, or an empty dict.

        Raises:
            UsageError: if the file is damaged.
        """
        path = self.path / "provenance.json"
        if not path.is_file():
            return {}
        recorded = read_json(path, "run_dir")
        if not isinstance(recorded, dict):
            raise UsageError(f"run_dir: {path} holds no keys; allowed: the file as the run left it")
        digest = recorded.pop("digest", None)
        whole = recorded.get("schema", 1) == 1 if digest is None else digest == hash_of_json(recorded)
        if not whole:
            raise UsageError(f"run_dir: {path} is altered (its digest does not fit); {_WAY_OUT}")
        return recorded

    def record(self, provenance: dict[str, Any]) -> None:
        """Replace the recorded provenance."""
        provenance = {**provenance, "schema": SCHEMA}
        write_json(self.path / "provenance.json", {**provenance, "digest": hash_of_json(provenance)})


_WAY_OUT = "allowed: the file as the run left it, or a new run in another folder"


def default_run_dir(configs: Sequence[str]) -> Path:
    """Return runs/<names of the configs joined by +>; overlays of a scale count by the scale's name.

    ``pcfg_bert.yaml`` and ``paper/pcfg_bert.yaml`` go to ``runs/pcfg_bert+paper``, apart from smoke's.
    """
    names: list[str] = []
    for config in configs:
        name, folder = Path(config).stem, Path(config).resolve().parent.name
        if folder in OVERLAYS:
            name = folder if name in names else f"{name}+{folder}"
        names.append(name)
    return Path("runs") / ("+".join(names) or "run")


def _matters(path: Path) -> bool:
    """Tell whether a file is more than the trace of a start that was refused or killed."""
    return not (path.name.startswith(".lease") or (path.name.startswith(".") and path.name.endswith(".tmp")))


def check_writable(key: str, folder: Path) -> None:
    """Check that files can be put into a folder that may not exist yet.

    Raises:
        UsageError: naming the key and the place that is a file or may not be written.
    """
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise UsageError(f"{key}: got {str(folder)!r}, but {place} is a file; allowed: a folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise bad_value(key, str(folder), f"a folder that can be written (not {place})")
