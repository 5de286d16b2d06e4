"""Log how much a next-token prediction depends on the tokens just before it while the model trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from lit_curriculum.callbacks.ngram import check_windows, medians
from lit_curriculum.callbacks.periodic_probe import PeriodicProbe, Row
from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.probes.skip_ngram import skip_ngram_distances
from lit_curriculum.tasks.counter import random_words
from lit_curriculum.tasks.pcfg import BoundaryPCFG
from lit_curriculum.tasks.vocabulary import IGNORED_LABEL
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.base_data import CurriculumData


class LogSkipNgrams(PeriodicProbe):
    """Measure M_robust and M_close of a causal model (progressive, appendix E), medians over all places.

    Places are those at which a token of C(height) is predicted, as in training. Every measurement adds a row
    for each n to ``<run folder>/ngrams.csv``, and is noted in the bank's manifest as ``ngrams/robust_3`` and
    so on where `HarvestCheckpoints` harvests.

    Args:
        every_n_steps: spacing in updates; the end of the run is always measured.
        ngrams: context sizes n, at least 2.
        strings: strings of the "probe" stream; the same ones at every measurement.
        positions: places in each string, drawn with replacement.
        include_start: also the untrained model, as step 0.

    Raises:
        UsageError: for a number that is too small.
    """

    file = "ngrams.csv"

    def __init__(
        self,
        every_n_steps: int,
        ngrams: list[int] = [3, 5, 7, 9],  # noqa: B006 - the YAML shows it; never mutated
        strings: int = 64,
        positions: int = 8,
        include_start: bool = False,
    ) -> None:
        super().__init__(every_n_steps, include_start)
        check_windows("LogSkipNgrams", ngrams, 2, strings, positions)
        self.ngrams = ngrams
        self.strings = strings
        self.positions = positions
        self._inputs: tuple[torch.Tensor, torch.Tensor] | None = None

    def check_run(self, module: CurriculumModule, data: CurriculumData) -> None:
        """See `ChecksData.check_run`: the data must be strings whose phrases' ends are predicted."""
        task = getattr(data, "task", None)
        if not isinstance(task, BoundaryPCFG):
            raise UsageError("LogSkipNgrams: the data have no boundary tokens; allowed: PCFGBoundaryData")
        longest = task.grammar.max_length
        if max(self.ngrams) > longest:
            allowed = f"at most the {longest} tokens of the grammar's longest string"
            raise bad_value("LogSkipNgrams.ngrams", self.ngrams, allowed)

    def prepare(self, data: CurriculumData) -> None:
        """See `PeriodicProbe.prepare`."""
        task: BoundaryPCFG = data.task  # type: ignore[attr-defined]
        batch = task.batch(data.data_seed, "probe", 0, self.strings)
        words = random_words(data.data_seed, "probe", 0, self.strings, self.positions, "choice")
        rows = []
        for labels, drawn in zip(batch.labels, words.astype("int64"), strict=True):
            # Before the first token there is no context to speak of.
            places = [place for place in (labels != IGNORED_LABEL).nonzero()[0].tolist() if place >= 1]
            rows.append([places[int(word) * len(places) >> 32] for word in drawn])
        self._inputs = torch.from_numpy(batch.input_ids), torch.tensor(rows)

    def measure(self, model: Any) -> tuple[Sequence[Row], dict[str, float]]:
        """See `PeriodicProbe.measure`."""
        assert self._inputs is not None
        return medians(skip_ngram_distances(model, *self._inputs, ns=self.ngrams))
