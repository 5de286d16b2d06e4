"""What `lit probe` measures of a run that is not of masked strings of a grammar: what its task is probed by.

The data are the run's own, made again of its config.yaml, so that a probe looks at what the run looked at.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning import LightningDataModule
from torch import nn

from lit_curriculum.callbacks import LogAttention, LogMonomials, LogNgrams, LogSkipNgrams
from lit_curriculum.callbacks.periodic_probe import PeriodicProbe
from lit_curriculum.cli.parsing import parse_and_run
from lit_curriculum.distillation import CheckpointBank
from lit_curriculum.errors import UsageError
from lit_curriculum.models import GPT2Reader
from lit_curriculum.models.foreign import told
from lit_curriculum.tasks.pcfg import BoundaryPCFG
from lit_curriculum.tasks.sparse_parity import SparseParity
from lit_curriculum.tasks.text.task import MaskedText
from lit_curriculum.training.hypercube_data import HypercubeData

Measure = Callable[[nn.Module], dict[str, float]]
"""From a checkpoint's model, numbers by name."""

_PROBED = "masked strings of a grammar or of text, phrases' ends, sparse or hierarchical parity"


def measures_of(bank: CheckpointBank, options: argparse.Namespace) -> Measure:
    """Return what is measured of each checkpoint of a run.

    Raises:
        UsageError: if the bank lies in no run folder, or no probe is of its task.
    """
    data = _data_of(bank)
    task, model = getattr(data, "task", None), bank.load(bank.final)
    windows: dict[str, Any] = {"strings": options.strings, "positions": options.positions}
    if isinstance(task, MaskedText):
        return _periodic([LogNgrams(1, options.ngrams, **windows)], data)
    if isinstance(task, BoundaryPCFG):
        return _periodic([LogSkipNgrams(1, options.ngrams, **windows)], data)
    if isinstance(data, HypercubeData):
        attends = isinstance(task, SparseParity) and isinstance(model, GPT2Reader)
        two_layers = attends and model.init_args["layers"] == 2  # type: ignore[index]
        attention = _periodic([LogAttention(1)] if two_layers else [], data)
        monomials = LogMonomials(1)
        return lambda model: {**monomials.means(model, data), **attention(model)}
    name = bank.task.get("task", told(bank.model))
    raise UsageError(f"RUN_OR_BANK: the models in {bank.folder} learned {name!r}; allowed: {_PROBED}")


def _periodic(probes: list[PeriodicProbe], data: Any) -> Measure:
    for probe in probes:
        probe.prepare(data)

    def measure(model: nn.Module) -> dict[str, float]:
        found: dict[str, float] = {}
        for probe in probes:
            found |= probe.measure(model)[1]
        return found

    return measure


def _data_of(bank: CheckpointBank) -> LightningDataModule:
    config = Path(bank.folder).parent / "config.yaml"
    if not config.is_file():
        name = bank.task.get("task", told(bank.model))
        raise UsageError(
            f"RUN_OR_BANK: {bank.folder} lies in no run folder, and a probe of {name!r} needs its data; "
            "allowed: a run, or a bank of masked strings of a grammar"
        )
    words = ["fit", "--config", str(config), "--trainer.callbacks=[]"]
    data: LightningDataModule = parse_and_run(words, run=False).datamodule
    return data
