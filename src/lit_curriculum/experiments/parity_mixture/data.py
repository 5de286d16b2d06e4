"""Streams of Sum and Parity samples (implicit, section 3.1)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from lit_curriculum.errors import bad_value
from lit_curriculum.tasks.counter import Stream
from lit_curriculum.tasks.parity_mixture import ParityMixture, SumOf
from lit_curriculum.training.base_data import Batch, CurriculumData


class ParityMixtureData(CurriculumData):
    """Sequences of 2n tokens: the task one-hot, then the bits. Training draws Sum with probability p.

    Held-out streams take the two tasks in turn, whatever p is: both are measured for every mixture, on the
    same samples.

    Args:
        n: bits.
        num_steps: length of the run in updates.
        p: probability of a Sum sample in training; 0 trains Parity alone, 1 Sum alone.
        k: in-support bits; n / 2 unless given.
        support_seed: draw the support from this seed; default the first k bits.
        sum_of: whose sum is asked for: the ``support``'s, or as a control that of k ``others``.
        batch_size: global batch; the paper's is 256.
        eval_samples: held-out samples of each stream, half of them for either task.
        **kwargs: see `CurriculumData`.

    Shapes: ``inputs`` int64 (n_samples, 2n); ``labels`` int64 (n_samples,), 0 where the product is +1, else
    1; ``sums`` float32 (n_samples,), the sum over n; ``is_sum`` bool (n_samples,).

    Raises:
        UsageError: naming the argument that is wrong.
    """

    def __init__(
        self,
        n: int,
        num_steps: int,
        p: float = 0.3,
        k: int | None = None,
        support_seed: int | None = None,
        sum_of: SumOf = "support",
        batch_size: int = 256,
        eval_samples: int = 4096,
        **kwargs: Any,
    ) -> None:
        self.task = ParityMixture.create(n, p, k, support_seed=support_seed, sum_of=sum_of)
        if eval_samples < 2:
            raise bad_value("data.eval_samples", eval_samples, "an integer of at least 2, one of either task")
        super().__init__(num_steps, batch_size, eval_samples=eval_samples, **kwargs)

    def draw(self, stream: Stream, start: int, count: int) -> Batch:
        """See `CurriculumData.draw`."""
        x, is_sum = self.task.sample(self.data_seed, stream, start, count)
        if stream != "train":
            is_sum = np.arange(start, start + count) % 2 == 1
        return {
            "inputs": torch.from_numpy(self.task.tokens(x, is_sum)),
            "labels": torch.from_numpy((self.task.parities(x) < 0).astype(np.int64)),
            "sums": torch.from_numpy(self.task.sums(x) / np.float32(self.task.n)),
            "is_sum": torch.from_numpy(is_sum),
        }

    def describe_task(self) -> dict[str, Any]:
        """See `CurriculumData.describe_task`."""
        return self.task.describe()
