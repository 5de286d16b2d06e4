"""Log how much a transformer that learns a parity looks at the support while it trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from lit_curriculum.callbacks.periodic_probe import PeriodicProbe, Row
from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.models import GPT2Reader
from lit_curriculum.probes.attention import path_attention
from lit_curriculum.probes.evaluating import evaluating
from lit_curriculum.tasks.sparse_parity import SparseParity
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.base_data import CurriculumData
from lit_curriculum.training.hypercube_data import HypercubeData


class LogAttention(PeriodicProbe):
    """Measure the attention along paths of two layers (progressive, C.2 and figure 11), medians over inputs.

    Every measurement adds a row for each coordinate to ``<run folder>/attention.csv``: its number from 1,
    whether it is ``in`` the support, and the attention that it gets. At a step that `HarvestCheckpoints`
    harvests, the share that the support gets of all is noted in the bank's manifest as
    ``attention/support_share``; it is k / d for a model that looks at all coordinates alike.

    Args:
        every_n_steps: spacing in updates; the end of the run is always measured.
        samples: random inputs; the same ones at every measurement.
        include_start: also the untrained model, as step 0.

    Raises:
        UsageError: for a number below 1.
    """

    file = "attention.csv"

    def __init__(self, every_n_steps: int, samples: int = 1024, include_start: bool = False) -> None:
        super().__init__(every_n_steps, include_start)
        if samples < 1:
            raise bad_value("LogAttention.samples", samples, "an integer of at least 1")
        self.samples = samples
        self._inputs = torch.zeros(0)
        self._support: tuple[int, ...] = ()

    def check_run(self, module: CurriculumModule, data: CurriculumData) -> None:
        """See `ChecksData.check_run`: a sparse parity, and a GPT-2 of two layers."""
        if not isinstance(getattr(data, "task", None), SparseParity):
            raise UsageError("LogAttention: the data have no support; allowed: those of a sparse parity")
        model = module.model
        if not isinstance(model, GPT2Reader) or model.init_args["layers"] != 2:
            raise UsageError("LogAttention: the model lacks two attention layers; allowed: a GPT-2 of 2")

    def prepare(self, data: CurriculumData) -> None:
        """See `PeriodicProbe.prepare`."""
        assert isinstance(data, HypercubeData)
        assert isinstance(data.task, SparseParity)
        x, _ = data.task.sample(data.data_seed, "probe", 0, self.samples)
        self._inputs = data.model_inputs(torch.from_numpy(x))
        self._support = data.task.support

    def measure(self, model: Any) -> tuple[Sequence[Row], dict[str, float]]:
        """See `PeriodicProbe.measure`."""
        with evaluating(model):
            found = path_attention(model, self._inputs.to(next(model.parameters()).device), self._support)
        rows: list[Row] = [
            {"coordinate": j + 1, "in": int(j in self._support), "attention": value}
            for j, value in enumerate(found.coordinates.tolist())
        ]
        return rows, {"attention/support_share": found.support / found.total}
