"""Log how much a masked prediction depends on its nearest neighbours while the model trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from lit_curriculum.callbacks.grammar_probe import GrammarProbe
from lit_curriculum.callbacks.periodic_probe import Row
from lit_curriculum.errors import bad_value
from lit_curriculum.probes.ngram import NgramDistances, draw_inputs, ngram_distances
from lit_curriculum.tasks.pcfg import MaskedPCFG


class LogNgrams(GrammarProbe):
    """Measure M_robust and M_close (progressive, section 4.1.1, figures 4 and 22), medians over all places.

    Every measurement adds a row for each n to ``<run folder>/ngrams.csv``, goes to TensorBoard, and, at a
    step that `HarvestCheckpoints` harvests, is noted in the bank's manifest as ``ngrams/robust_3`` and so on.

    Args:
        every_n_steps: spacing in updates; the end of the run is always measured.
        ngrams: window sizes n.
        strings: strings of the "probe" stream; the same ones at every measurement.
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
        self._inputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None = None

    def prepare_task(self, task: MaskedPCFG, data_seed: int) -> None:
        """See `GrammarProbe.prepare_task`."""
        self._inputs = draw_inputs(task.sampler, data_seed, self.strings, self.positions)

    def measure(self, model: Any) -> tuple[Sequence[Row], dict[str, float]]:
        """See `PeriodicProbe.measure`."""
        assert self._inputs is not None
        return medians(ngram_distances(model, *self._inputs, ns=self.ngrams))


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
