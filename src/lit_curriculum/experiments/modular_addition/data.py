"""All pairs of numbers below p, shared out among train, val and test."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lit_curriculum.errors import bad_value
from lit_curriculum.tasks.counter import Stream
from lit_curriculum.tasks.epochs import epoch_indices
from lit_curriculum.training.base_data import Batch, CurriculumData


class ModularAdditionData(CurriculumData):
    """Pairs (a, b) of numbers below p, one-hot, labelled (a + b) mod p. The splits share no pair.

    Training visits its pairs epoch after epoch. A seed draws which pairs are whose, and the order.

    Args:
        p: the modulus, 2 to 1,000.
        num_steps: length of the run in updates.
        train_share: share of the p^2 pairs that training sees; val and test have half of the rest each.
        eval_samples: pairs of a held-out split that are evaluated; None for all.
        **kwargs: see `CurriculumData`.

    Shapes: ``inputs`` float32 (n, 2p); ``labels`` int64 (n,).

    Raises:
        UsageError: naming the argument that is wrong.
    """

    def __init__(
        self, p: int, num_steps: int, train_share: float = 0.7, eval_samples: int | None = None, **kwargs: Any
    ) -> None:
        if not 2 <= p <= 1000:
            raise bad_value("data.p", p, "an integer from 2 to 1000")
        self.held_out = int(p * p * (1 - train_share)) // 2
        if not 0 < train_share < 1 or self.held_out < 1:
            raise bad_value("data.train_share", train_share, "a share that leaves pairs for every split")
        if eval_samples is not None and not 1 <= eval_samples <= self.held_out:
            raise bad_value("data.eval_samples", eval_samples, f"1 to {self.held_out}, or null for all")
        super().__init__(num_steps, eval_samples=eval_samples or self.held_out, **kwargs)
        self.p = p

    @cached_property
    def _pairs(self) -> npt.NDArray[np.int64]:
        """Every pair as a * p + b, in the order of the splits: val, test, train."""
        return epoch_indices(self.data_seed, self.p**2, 0, self.p**2)

    def draw(self, stream: Stream, start: int, count: int) -> Batch:
        """See `CurriculumData.draw`."""
        first = 2 * self.held_out
        if stream == "train":
            places = first + epoch_indices(self.data_seed + 1, self.p**2 - first, start, count)
        else:
            places = np.arange(start, start + count) + (self.held_out if stream == "test" else 0)
        a, b = np.divmod(self._pairs[places], self.p)
        inputs = np.zeros((count, 2 * self.p), dtype=np.float32)
        inputs[np.arange(count), a] = inputs[np.arange(count), self.p + b] = 1
        return {"inputs": torch.from_numpy(inputs), "labels": torch.from_numpy((a + b) % self.p)}

    def describe_task(self) -> dict[str, Any]:
        """See `CurriculumData.describe_task`."""
        return {"name": "modular_addition", "p": self.p}
