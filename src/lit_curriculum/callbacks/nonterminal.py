"""Log how well a model's embeddings tell the non-terminals above each token while the model trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lit_curriculum.callbacks.periodic_probe import PeriodicProbe, Row
from lit_curriculum.errors import UsageError
from lit_curriculum.probes.nonterminal import ProbeSettings, nonterminal_accuracy
from lit_curriculum.tasks.pcfg import Grammar, MaskedPCFG
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.base_data import CurriculumData


class LogNonterminals(PeriodicProbe):
    """Train and score a non-terminal probe (progressive, Definition 4.3, D.3, figures 5 and 22).

    Every measurement adds a row for each depth, counted from the root, to ``<run folder>/nonterminals.csv``:
    accuracy, and chance, what a constant answer would get. At a step that `HarvestCheckpoints` harvests the
    accuracy is noted in the bank's manifest as ``nonterminals/depth_1`` and so on.

    The model is frozen; the probe starts anew at every measurement. That costs a pass over the training
    strings, so choose a wide spacing.

    Args:
        every_n_steps: spacing in updates; the end of the run is always measured.
        train_strings: strings the probe is trained on; the paper's 51,200.
        val_strings: other strings it is scored on.
        heads: attention heads of the probe.
        learning_rate: peak learning rate of the probe's Adam.
        include_start: also the untrained model, as step 0: what the probe learns by itself.

    Raises:
        UsageError: for a number below 1 or a rate that is not above 0.
    """

    file = "nonterminals.csv"

    def __init__(
        self,
        every_n_steps: int,
        train_strings: int = 51_200,
        val_strings: int = 1_024,
        heads: int = 16,
        learning_rate: float = 1e-2,
        include_start: bool = False,
    ) -> None:
        super().__init__(every_n_steps, include_start)
        self._settings = ProbeSettings(
            heads=heads, train_strings=train_strings, val_strings=val_strings, learning_rate=learning_rate
        )
        self._source: tuple[Grammar, int] | None = None

    def check_run(self, module: CurriculumModule, data: CurriculumData) -> None:
        """See `ChecksData.check_run`: the data must be strings of a grammar."""
        self._task(data)

    def prepare(self, data: CurriculumData) -> None:
        """See `PeriodicProbe.prepare`."""
        self._source = self._task(data).grammar, data.data_seed

    def _task(self, data: CurriculumData) -> MaskedPCFG:
        task = getattr(data, "task", None)
        if not isinstance(task, MaskedPCFG):
            raise UsageError(f"{type(self).__name__}: the data have no grammar; allowed: PCFGData")
        return task

    def measure(self, model: Any) -> tuple[Sequence[Row], dict[str, float]]:
        """See `PeriodicProbe.measure`."""
        assert self._source is not None
        result = nonterminal_accuracy(model, *self._source, self._settings)
        rows: list[Row] = [
            {"depth": depth, "accuracy": accuracy, "chance": result.chance[depth]}
            for depth, accuracy in result.accuracy.items()
        ]
        return rows, {f"nonterminals/depth_{depth}": value for depth, value in result.accuracy.items()}
