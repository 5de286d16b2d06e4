"""Log how much a masked prediction depends on its nearest neighbours while the model trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from lit_curriculum.callbacks.periodic_probe import PeriodicProbe, Row
from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.probes.ngram import NgramDistances, draw_inputs, ngram_distances
from lit_curriculum.tasks.pcfg import MaskedPCFG
from lit_curriculum.tasks.text.task import MaskedText
from lit_curriculum.tasks.vocabulary import SpecialTokens
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.base_data import CurriculumData


class LogNgrams(PeriodicProbe):
    """Measure M_robust and M_close (progressive, section 4.1.1, figures 4 and 22), medians over all places.

    Every measurement adds a row for each n to ``<run folder>/ngrams.csv``, goes to TensorBoard, and, at a
    step that `HarvestCheckpoints` harvests, is noted in the bank's manifest as ``ngrams/robust_3`` and so on.

    Args:
        every_n_steps: spacing in updates; the end of the run is always measured.
        ngrams: window sizes n.
        strings: strings of the "probe" stream, of a corpus the first windows of ``test``; the same ones at
            every measurement.
        positions: positions in each string.
        include_start: also the untrained model, as step 0.

    Raises:
        UsageError: for a number below 1.
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
        check_windows("LogNgrams", ngrams, 1, strings, positions)
        self.ngrams = ngrams
        self.strings = strings
        self.positions = positions
        self._inputs: tuple[torch.Tensor, ...] | None = None
        self._special = SpecialTokens()

    def check_run(self, module: CurriculumModule, data: CurriculumData) -> None:
        """See `ChecksData.check_run`: the data must be masked strings of a grammar or windows of text."""
        self._draw(data)

    def prepare(self, data: CurriculumData) -> None:
        """See `PeriodicProbe.prepare`."""
        self._inputs = self._draw(data)
        self._special = getattr(getattr(data, "task", None), "special", SpecialTokens())

    def _draw(self, data: CurriculumData) -> tuple[torch.Tensor, ...]:
        task = getattr(data, "task", None)
        if isinstance(task, MaskedPCFG):
            return draw_inputs(task.sampler, data.data_seed, self.strings, self.positions)
        if isinstance(task, MaskedText):
            return task.probe_inputs(data.data_seed, self.strings, self.positions)
        name = type(self).__name__
        raise UsageError(f"{name}: the data have no masked strings; allowed: PCFGData, TextData")

    def measure(self, model: Any) -> tuple[Sequence[Row], dict[str, float]]:
        """See `PeriodicProbe.measure`."""
        assert self._inputs is not None
        tokens, lengths, positions = self._inputs
        found = ngram_distances(model, tokens, lengths, positions, self.ngrams, special=self._special)
        return medians(found)


def check_windows(name: str, ngrams: Sequence[int], least: int, strings: int, positions: int) -> None:
    """Check what a callback of this kind measures.

    Raises:
        UsageError: for a number that is too small, or a window given twice.
    """
    for key, value in {"strings": strings, "positions": positions}.items():
        if value < 1:
            raise bad_value(f"{name}.{key}", value, "an integer of at least 1")
    if not ngrams or min(ngrams) < least or len(set(ngrams)) < len(ngrams):
        raise bad_value(f"{name}.ngrams", ngrams, f"distinct integers of at least {least}")


def medians(distances: NgramDistances) -> tuple[Sequence[Row], dict[str, float]]:
    """Return the rows of ngrams.csv, without their step, and the metrics by name."""
    robust, close = distances.median_robust(), distances.median_close()
    metrics = {f"ngrams/robust_{n}": value for n, value in robust.items()}
    metrics |= {f"ngrams/close_{n}": value for n, value in close.items()}
    return [{"n": n, "robust": robust[n], "close": close[n]} for n in distances.ns], metrics
