"""Streams of LEGO strings, fresh or from a finite training set (implicit, section 3.2 and B.2)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch

from lit_curriculum.errors import bad_value
from lit_curriculum.tasks.counter import Stream
from lit_curriculum.tasks.epochs import epoch_indices
from lit_curriculum.tasks.lego import Lego
from lit_curriculum.training.base_data import Batch
from lit_curriculum.training.positions import PositionData


class LegoData(PositionData):
    """Chains of assignments in shuffled order; every variable's value is read at its own clause.

    Positions are numbered chain by chain, each from its root on. The hard one is the last of the first
    chain. No problem occurs in two streams, in whatever order of clauses (`tasks.partition`).

    Args:
        num_steps: length of the run in updates.
        chain_lengths: variables of each chain; the paper's generator makes one of 12, its example two.
        n_names: letters to choose names from.
        punctuation: write ``=`` and ``;``; without them a clause has three tokens instead of five.
        supervision: train on the hard variable alone (``single``) or on all (``multi``).
        train_samples: size of the finite training set, visited epoch after epoch in seeded order; null for
            fresh strings.
        batch_size: global batch in strings; the paper's is 1,024.
        **kwargs: see `CurriculumData`.

    Raises:
        UsageError: naming the argument that is wrong.
    """

    def __init__(
        self,
        num_steps: int,
        chain_lengths: list[int] = [12],  # noqa: B006 - never changed; a YAML shows the default
        n_names: int = 26,
        punctuation: bool = True,
        supervision: Literal["single", "multi"] = "multi",
        train_samples: int | None = None,
        batch_size: int = 1024,
        **kwargs: Any,
    ) -> None:
        self.task = Lego.create(chain_lengths, n_names, punctuation)
        if train_samples is not None and train_samples < 1:
            raise bad_value("data.train_samples", train_samples, "an integer of at least 1, or null")
        super().__init__(num_steps, batch_size, **kwargs)
        self.supervision = supervision
        self.train_samples = train_samples

    def draw(self, stream: Stream, start: int, count: int) -> Batch:
        """See `CurriculumData.draw`."""
        task, training = self.task, stream == "train"
        index = np.arange(start, start + count)
        if training and self.train_samples is not None:
            index = epoch_indices(self.data_seed, self.train_samples, start, count)
        strings = task.sample(self.data_seed, stream, index)
        read = [task.last] if training and self.supervision == "single" else slice(None)
        places = strings.targets[:, read] + task.length * np.arange(count)[:, None]
        inputs = {
            "input_ids": torch.from_numpy(strings.tokens),
            "attention_mask": torch.ones(strings.tokens.shape, dtype=torch.bool),
            "targets": torch.from_numpy(places.reshape(-1)),
        }
        return {"inputs": inputs, "labels": torch.from_numpy(strings.labels[:, read].reshape(-1))}

    @property
    def n_positions(self) -> int:
        """Variables of a string."""
        return self.task.n_variables

    @property
    def last(self) -> int:
        """The last variable of the first chain."""
        return self.task.last

    @property
    def demands(self) -> dict[str, int]:
        """See `PositionData.demands`."""
        return {"vocab_size": self.task.vocabulary_size, "max_length": self.task.length}

    def describe_task(self) -> dict[str, Any]:
        """See `CurriculumData.describe_task`."""
        return self.task.describe()
