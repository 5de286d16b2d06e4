"""Bit-subset parity for the Elman network: string by string, or the whole population in every step."""

from __future__ import annotations

from typing import Any

import torch

from lit_curriculum.errors import bad_value
from lit_curriculum.experiments.bit_subset_parity import BitSubsetParityData
from lit_curriculum.tasks.counter import Stream
from lit_curriculum.training.base_data import Batch

MOST_POPULATION_BITS = 16


class ElmanData(BitSubsetParityData):
    """The strings of `BitSubsetParityData`, or all 2^d of them as the batch of every step.

    With ``population`` the mean loss of a batch is the expectation over x of algorithm 3. The held-out
    strings are then among those trained on: their errors are those of the population, not of unseen strings.

    Args:
        d: bits; with labels of the sub-tasks twice a power of two.
        num_steps: length of the run in updates.
        population: train on all strings in every step; d is at most 16.
        batch_size: strings of a step, 1 in algorithms 1 and 2; null with ``population``, where it is 2^d.
        **kwargs: see `BitSubsetParityData`.

    Raises:
        UsageError: naming the argument that is wrong.
    """

    def __init__(
        self,
        d: int,
        num_steps: int,
        population: bool = False,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        if population and d > MOST_POPULATION_BITS:
            raise bad_value("data.d", d, f"at most {MOST_POPULATION_BITS} with population")
        if population and batch_size is not None:
            raise bad_value(
                "data.batch_size", batch_size, "null with population, which takes all 2^d strings"
            )
        self.population = population
        size = (1 << max(d, 0)) if population else (batch_size if batch_size is not None else 1)
        super().__init__(d, num_steps, batch_size=size, **kwargs)

    def draw(self, stream: Stream, start: int, count: int) -> Batch:
        """See `CurriculumData.draw`; string i of the population has the binary digits of i, lowest first."""
        if stream != "train" or not self.population:
            return super().draw(stream, start, count)
        places = torch.arange(start, start + count) % self.batch_size
        return self.sequences((places[:, None] >> torch.arange(self.task.d)) & 1)

    def describe_task(self) -> dict[str, Any]:
        """See `CurriculumData.describe_task`."""
        return {**super().describe_task(), "population": self.population}
