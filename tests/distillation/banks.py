"""Small banks for the tests: on disk with real networks, or only as a list of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from lit_curriculum.distillation import BankWriter, Checkpoint, CheckpointBank
from lit_curriculum.distillation.manifest import Manifest
from lit_curriculum.models import MLP, build, describe

ARCHITECTURE = {"name": "mlp", "init_args": {"d": 3, "width": 4, "n_classes": 2}}
TASK = {"task": "sparse_parity", "d": 3, "support": [0, 1], "generator_version": 1}


def network(seed: int) -> MLP:
    """Return a network of the banks' architecture."""
    model = build(ARCHITECTURE, seed=seed)
    assert isinstance(model, MLP)
    return model


def write_bank(folder: Path, steps: Sequence[int] = (10, 20, 30)) -> BankWriter:
    """Harvest the network of seed ``step`` at every step."""
    writer = BankWriter(folder, describe(network(0)), TASK, config_hash="c0ffee", commit="abc")
    for step in steps:
        writer.add(step, 2 * step, network(step).state_dict())
    return writer


def same_weights(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    """Tell whether two networks hold bit-identical tensors under the same names."""
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def listed(steps: Sequence[int], values: Mapping[int, float] | None = None) -> CheckpointBank:
    """Return a bank without files, optionally with ``val/accuracy`` at some steps."""
    values = values or {}
    entries = tuple(
        Checkpoint(
            step,
            step,
            f"step_{step:012d}.safetensors",
            f"{step:064x}",
            {"val/accuracy": values[step]} if step in values else {},
        )
        for step in sorted(steps)
    )
    return CheckpointBank(Path("bank"), Manifest(ARCHITECTURE, TASK, None, None, entries))
