"""What is needed to believe a run: versions, commit, device, seeds, hashes, times."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "lit_curriculum",
    "torch",
    "lightning",
    "torchmetrics",
    "transformers",
    "jsonargparse",
    "numpy",
    "numba",
    "safetensors",
)

# What computes the numbers: initial weights, products, random bits, updates.
_OF_RESULTS = ("torch", "transformers", "numpy", "numba", "lightning")

COMMIT_VARIABLE = "LIT_COMMIT"
"""Environment variable that names the commit where there is no repository, in a container for one."""


def versions() -> dict[str, str]:
    """Return Python's and the packages' versions; a missing package is left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def other_versions(recorded: dict[str, Any]) -> str:
    """Return which packages that change results a run was made with, where they are others today.

    Args:
        recorded: the run's provenance.

    Returns:
        ``torch 2.12.0 (now 2.13.0), ...``, or an empty string.
    """
    then, now = recorded.get("versions", {}), _versions_now()
    changed = [name for name in _OF_RESULTS if name in then and then[name] != now.get(name)]
    return ", ".join(f"{name} {then[name]} (now {now.get(name, 'missing')})" for name in changed)


@functools.cache
def _versions_now() -> dict[str, str]:
    return versions()


def commit() -> str | None:
    """Return the git commit of the source tree, with ``+changes`` if it was edited.

    Outside of git it is what ``LIT_COMMIT`` says, or None.
    """
    folder = Path(__file__).resolve().parents[1]
    try:
        head = _git(folder, "rev-parse", "HEAD")
        tracked = _git(folder, "ls-files", "--error-unmatch", __file__)
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no", ".")
    except (OSError, subprocess.SubprocessError):
        tracked = ""
    if not tracked:
        return os.environ.get(COMMIT_VARIABLE, "").strip()[:100] or None
    return head + ("+changes" if changed else "")


def device_name(kind: str) -> str:
    """Return the name of the device that trains, e.g. the GPU's or the processor's."""
    import torch

    if kind == "cuda" and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return processor_name()


def collect(config_hash: str, device: str, data_seed: int, model_seed: int) -> dict[str, Any]:
    """Return the part of ``provenance.json`` that is known when a run starts."""
    return {
        "finished": False,
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "config_hash": config_hash,
        "commit": commit(),
        "versions": versions(),
        "platform": platform.platform(),
        "device": device_name(device),
        "data_seed": data_seed,
        "model_seed": model_seed,
        "teachers": [],
    }


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True, timeout=10
    )
    return done.stdout.strip()


def processor_name() -> str:
    """Return the name of this machine's processor, or of its kind where it has none."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor()) or platform.machine()
