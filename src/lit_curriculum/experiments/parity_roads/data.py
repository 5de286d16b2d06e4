"""Streams of one parity with the labels of one kind of supervision."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import torch

from lit_curriculum.errors import bad_value
from lit_curriculum.tasks.counter import Stream, random_words
from lit_curriculum.tasks.parity_roads import ParityRoads
from lit_curriculum.tasks.splits import LEAST_BITS, MOST_BITS, SPLITS_VERSION, BitStringSplits
from lit_curriculum.training.base_data import Batch
from lit_curriculum.training.positions import PositionData

Supervised = Literal["answer", "sum", "outputs", "sequence"]


class ParityRoadsData(PositionData):
    """Strings from disjoint sets (`tasks.splits`); every kind of supervision sees the same strings.

    Held-out streams ask for the parity and read all its labels, whatever is trained.

    Args:
        n: bits, 4 to 128.
        k: bits that count, 2 <= k < n.
        num_steps: length of the run in updates.
        supervision: what a training sample is supervised with. ``answer``: the parity alone, also where a
            teacher gives it. ``sum``: some samples ask for the sum instead (implicit, section 2.1).
            ``outputs``: the parities of the first 2, 3, ... k bits, as further predictions of blank slots.
            ``sequence``: the same labels, each written into the sequence for those that follow (subtask,
            section 3); held out the model reads its own.
        p: with ``sum``, the probability of a Sum sample.
        support_seed: draw the bits that count from this seed; default the first k.
        batch_size: global batch in strings.
        eval_samples: strings of each held-out set, at most min(1024, 2^n / 8).
        **kwargs: see `CurriculumData`.

    Shapes: ``inputs`` and ``labels`` as in `PositionData`, V = k - 1; of a sample that asks for the sum the
    one label is the sum.

    Raises:
        UsageError: naming the argument that is wrong.
    """

    def __init__(
        self,
        n: int,
        k: int,
        num_steps: int,
        supervision: Supervised = "answer",
        p: float = 0.5,
        support_seed: int | None = None,
        batch_size: int = 64,
        eval_samples: int = 1024,
        **kwargs: Any,
    ) -> None:
        if not LEAST_BITS <= n <= MOST_BITS:
            raise bad_value("data.n", n, f"an integer from {LEAST_BITS} to {MOST_BITS}")
        self.task = ParityRoads.create(n, k, support_seed=support_seed)
        self.splits = BitStringSplits(n)
        self.splits.check_held_out(eval_samples)
        if supervision not in get_args(Supervised):
            raise bad_value("data.supervision", supervision, ", ".join(get_args(Supervised)))
        if not 0 <= p <= 1:
            raise bad_value("data.p", p, "a probability from 0 to 1")
        super().__init__(num_steps, batch_size, eval_samples=eval_samples, **kwargs)
        self.supervision = supervision
        self.p = p

    def draw(self, stream: Stream, start: int, count: int) -> Batch:
        """See `CurriculumData.draw`."""
        task, training = self.task, stream == "train"
        x = self.splits.sample(self.data_seed, stream, start, count)
        is_sum = np.zeros(count, dtype=np.bool_)
        if training and self.supervision == "sum":
            # "choice" already orders the strings.
            is_sum = random_words(self.data_seed, stream, start, count, 1, "mask")[:, 0] < round(
                self.p * 2**32
            )
        labels = task.labels(x)
        labels[is_sum, -1] = task.sums(x)[is_sum]
        tokens = task.sequences(x, is_sum, self.supervision == "sequence")
        first = self.last if training and self.supervision in ("answer", "sum") else 0
        places = np.arange(task.n + first, task.length) + task.length * np.arange(count)[:, None]
        inputs = {
            "input_ids": torch.from_numpy(tokens),
            "attention_mask": torch.ones(tokens.shape, dtype=torch.bool),
            "targets": torch.from_numpy(places.reshape(-1)),
        }
        return {"inputs": inputs, "labels": torch.from_numpy(labels[:, first:].reshape(-1))}

    @property
    def n_positions(self) -> int:
        """Parities of a string, k - 1."""
        return self.task.n_labels

    @property
    def last(self) -> int:
        """The parity of all k bits."""
        return self.task.n_labels - 1

    @property
    def demands(self) -> dict[str, int]:
        """See `PositionData.demands`."""
        return {"vocab_size": self.task.vocabulary_size, "max_length": self.task.length}

    def describe_task(self) -> dict[str, Any]:
        """See `CurriculumData.describe_task`."""
        return {**self.task.describe(), "splits_version": SPLITS_VERSION}
