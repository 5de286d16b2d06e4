"""Stand-ins for training, importable by name in a worker process."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import yaml

from lit_curriculum.errors import UsageError


def fit(configs: list[str], folder: str) -> None:
    """Leave what a finished run leaves; the last configuration says what to do."""
    overlay = yaml.safe_load(Path(configs[-1]).read_text())
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    with (path.parent / "order.txt").open("a") as stream:
        stream.write(f"{overlay['name']}\n")
    if overlay.get("wrong"):
        raise UsageError("width: got 0; allowed: an integer of at least 1")
    if overlay.get("killed"):
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(overlay.get("lingers", 0))
    if overlay.get("broken"):
        raise RuntimeError("out of luck")
    if "teacher" in overlay and not Path(overlay["teacher"]).is_dir():
        raise RuntimeError(f"no bank at {overlay['teacher']}")
    (path / "bank").mkdir(exist_ok=True)
    (path / "metrics.csv").write_text("step,samples,val/accuracy\n1,1,0.5\n2,2,0.75\n")
    facts = {"finished": True, "configs": configs, "threads": os.environ.get("NUMBA_NUM_THREADS")}
    (path / "provenance.json").write_text(json.dumps(facts))


def linger(configs: list[str], folder: str) -> None:
    """Leave the process's number and go on for as long as anybody could wait."""
    path = Path(folder).parent / "worker.txt"
    path.with_suffix(".new").write_text(str(os.getpid()))
    path.with_suffix(".new").rename(path)
    time.sleep(600)
