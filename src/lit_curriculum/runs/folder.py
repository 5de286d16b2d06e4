"""The run folder: new, to be resumed, finished, or somebody else's.

config.yaml      resolved configuration, enough to run it again
metrics.csv      one row an evaluation
checkpoints/     last.ckpt, for resuming and for `lit test`
bank/            harvested checkpoints and their manifest
provenance.json  versions, commit, device, seeds, hashes, times, teachers
events.out.*     TensorBoard
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.files import write_json, write_text
from lit_curriculum.runs.identity import config_hash, first_difference, results_settings

State = Literal["new", "resume", "finished"]


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
        if not self.path.exists() or not any(self.path.iterdir()):
            return "new"
        recorded = self.path / "config.yaml"
        if not recorded.is_file():
            raise UsageError(
                f"run_dir: got {str(self.path)!r}, which is not empty and holds no run; "
                "allowed: a new or empty folder, or one to resume"
            )
        try:
            theirs = results_settings(dict(yaml.safe_load(recorded.read_text(encoding="utf-8"))))
        except (yaml.YAMLError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise UsageError(f"run_dir: {recorded} is no configuration ({reason})") from error
        difference = first_difference(results_settings(config), theirs)
        if difference:
            key, ours, old = difference
            raise UsageError(
                f"run_dir: {str(self.path)!r} holds a run with {key} = {old!r}, not {ours!r}; "
                "allowed: the same configuration, or another folder"
            )
        # Equal settings may still stand for other results: newer code, or another teacher at that path.
        recorded_hash = self.provenance().get("config_hash")
        if recorded_hash not in (None, config_hash(config)):
            raise UsageError(
                f"run_dir: {str(self.path)!r} holds a run of other code or of another teacher "
                f"(config_hash {str(recorded_hash)[:12]}, now {config_hash(config)[:12]}); "
                "allowed: another folder"
            )
        if self.finished:
            return "finished"
        return "resume" if self.checkpoint.is_file() else "new"

    def begin(self, config_text: str, provenance: dict[str, Any]) -> None:
        """Write what a run leaves at its start."""
        for leftover in self.path.rglob(".*.tmp"):
            leftover.unlink()  # of an atomic write that was killed
        write_text(self.path / "config.yaml", config_text)
        earlier = self.provenance()
        resumed = earlier.get("resumed", -1) + 1 if earlier else 0
        write_json(self.path / "provenance.json", {**provenance, "resumed": resumed})

    def finish(self, **facts: Any) -> None:
        """Mark the run as finished and add what is known only now."""
        write_json(self.path / "provenance.json", {**self.provenance(), "finished": True, **facts})

    @property
    def finished(self) -> bool:
        """Whether a run came to its end here."""
        return bool(self.provenance().get("finished"))

    def provenance(self) -> dict[str, Any]:
        """Return the recorded provenance, or an empty dict."""
        path = self.path / "provenance.json"
        if not path.is_file():
            return {}
        loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return loaded


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
