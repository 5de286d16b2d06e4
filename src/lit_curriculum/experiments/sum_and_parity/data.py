"""The p-mixture of section 2.1 as a stream, with the large batch of the first step (implicit)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lit_curriculum.errors import bad_value
from lit_curriculum.tasks.counter import GENERATOR_VERSION, Stream, random_words
from lit_curriculum.theory.sum_and_parity import Population, table_rows
from lit_curriculum.training.base_data import Batch, CurriculumData


class SumAndParityData(CurriculumData):
    """Samples of the mixture as rows of the table of all inputs; held out is the whole table.

    Update 0 takes ``first_batch`` samples, all others ``batch_size``. The former are drawn as counts of the
    table's rows, so that 10^9 of them cost no more than ten.

    Args:
        n: bits, even, from 2 to 16.
        num_steps: updates, the first one of phase one included: T = num_steps - 1 of phase two.
        p: probability of a Sum sample; 0 is Parity alone.
        first_batch: samples of the first step; the paper's B, of the order n^8 / (epsilon p^2).
        support: the n / 2 bits that count, from 1 to n; default the first.
        batch_size: samples of each later step.
        **kwargs: see `CurriculumData`; ``eval_samples`` is the size of the table.

    Shapes: in training ``inputs`` int64 (m,), rows of `Population.x`; held out float64 (2^(n+1), n + 1), all
    inputs, with ``probability`` float64 (2^(n+1),). ``labels`` float64.

    Raises:
        UsageError: naming the argument that is wrong.
    """

    def __init__(
        self,
        n: int,
        num_steps: int,
        p: float = 0.3,
        first_batch: int = 1_000_000,
        support: list[int] | None = None,
        batch_size: int = 32,
        **kwargs: Any,
    ) -> None:
        self.population = Population(n, p, tuple(support or ()))
        if first_batch < 1:
            raise bad_value("data.first_batch", first_batch, "an integer of at least 1")
        inputs = 2 ** (n + 1)
        asked = kwargs.pop("eval_samples", inputs)
        if asked != inputs:
            raise bad_value("data.eval_samples", asked, f"{inputs}, every input once, or unset")
        self.first_batch = first_batch
        super().__init__(num_steps, batch_size, eval_samples=inputs, eval_batch_size=inputs, **kwargs)

    def draw(self, stream: Stream, start: int, count: int) -> Batch:
        """See `CurriculumData.draw`; held-out streams are the population, not samples of it."""
        population = self.population
        if stream != "train":
            rows = slice(start, start + count)
            held_out = {"inputs": population.x, "labels": population.y, "probability": population.probability}
            return {name: torch.from_numpy(values[rows]) for name, values in held_out.items()}
        words = random_words(self.data_seed, stream, start, count, 2)
        bits = (words[:, 0] % 2**population.n).astype(np.int64)
        chosen = table_rows(bits, words[:, 1] / 2.0**32, population.p)
        return {"inputs": torch.from_numpy(chosen), "labels": torch.from_numpy(population.y[chosen])}

    def first_counts(self) -> npt.NDArray[np.int64]:
        """Return how often each input occurs in the first step's batch (2^(n+1),)."""
        generator = np.random.Generator(np.random.Philox(key=self.data_seed, counter=[0, 0, 0, 1]))
        return self.population.counts(self.first_batch, generator)

    def check_devices(self, world_size: int, accumulate: int) -> None:
        """Check that nothing is divided: the loop over updates runs inside one process.

        Raises:
            UsageError: for several devices or accumulation steps.
        """
        for key, value in (("devices", world_size), ("accumulate_grad_batches", accumulate)):
            if value != 1:
                raise bad_value(
                    f"trainer.{key}", value, "1, the first batch and the loop over updates are not divided"
                )

    def describe_task(self) -> dict[str, Any]:
        """See `CurriculumData.describe_task`."""
        return {
            "task": "sum_and_parity",
            "n": self.population.n,
            "support": list(self.population.support),
            "p": self.population.p,
            "first_batch": self.first_batch,
            "generator_version": GENERATOR_VERSION,
        }
