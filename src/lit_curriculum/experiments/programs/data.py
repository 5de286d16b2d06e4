"""Streams of synthetic programs, with the three kinds of supervision (implicit, section 3.3 and B.3)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from lit_curriculum.errors import bad_value
from lit_curriculum.tasks.counter import Stream, random_words
from lit_curriculum.tasks.programs import CLS_ID, VOCABULARY_SIZE, Programs
from lit_curriculum.training.base_data import Batch
from lit_curriculum.training.positions import PositionData

Readout = Literal["token", "cls"]


class ProgramsData(PositionData):
    """Programs of one register; position t is its value after statement t, and the last one is the hard one.

    The paper's three variants in their two styles:

    - single task: ``supervision: last`` with either ``readout``;
    - multi-label: ``supervision: all`` with ``readout: token``;
    - mixture: ``supervision: mixture`` with ``readout: cls``.

    Args:
        num_steps: length of the run in updates.
        n_statements: statements of a program; the paper's 10.
        readout: read the value of a step at its own statement's digit (``token``), or all values at a [CLS]
            token in front (``cls``).
        supervision: train on the last value, on all, or on the last in every sample and on each earlier one
            with probability ``p_intermediate``, independently.
        p_intermediate: 1/320 in the paper's appendix B.3; its main text says 1/300.
        batch_size: global batch in programs; the paper's is 1,024.
        **kwargs: see `CurriculumData`.

    Raises:
        UsageError: naming the argument that is wrong.
    """

    def __init__(
        self,
        num_steps: int,
        n_statements: int = 10,
        readout: Readout = "token",
        supervision: Literal["last", "all", "mixture"] = "all",
        p_intermediate: float = 1 / 320,
        batch_size: int = 1024,
        **kwargs: Any,
    ) -> None:
        self.task = Programs.create(n_statements)
        if not 0 <= p_intermediate <= 1:
            raise bad_value("data.p_intermediate", p_intermediate, "a probability from 0 to 1")
        super().__init__(num_steps, batch_size, **kwargs)
        self.readout = readout
        self.supervision = supervision
        self.p_intermediate = p_intermediate

    def draw(self, stream: Stream, start: int, count: int) -> Batch:
        """See `CurriculumData.draw`."""
        tokens, values = self.task.sample(self.data_seed, stream, start, count)
        samples, steps = np.nonzero(self._supervised(stream, start, count))
        if self.readout == "cls":
            tokens = np.concatenate([np.full((count, 1), CLS_ID), tokens], axis=1)
            places = samples * self.n_positions + steps
        else:
            places = samples * tokens.shape[1] + 2 * steps + 1
        inputs = {
            "input_ids": torch.from_numpy(tokens),
            "attention_mask": torch.ones(tokens.shape, dtype=torch.bool),
            "targets": torch.from_numpy(places),
        }
        return {"inputs": inputs, "labels": torch.from_numpy(values[samples, steps])}

    def _supervised(self, stream: Stream, start: int, count: int) -> npt.NDArray[np.bool_]:
        """Return which steps have a label (count, n_statements)."""
        chosen = np.ones((count, self.n_positions), dtype=np.bool_)
        if stream != "train" or self.supervision == "all":
            return chosen
        chosen[:, :-1] = False
        if self.supervision == "mixture":
            words = random_words(self.data_seed, stream, start, count, self.n_positions - 1, "choice")
            chosen[:, :-1] = words < round(self.p_intermediate * 2**32)
        return chosen

    @property
    def n_positions(self) -> int:
        """Statements of a program."""
        return self.task.n_statements

    @property
    def last(self) -> int:
        """The last statement."""
        return self.n_positions - 1

    @property
    def demands(self) -> dict[str, int]:
        """See `PositionData.demands`."""
        return {"vocab_size": VOCABULARY_SIZE, "max_length": 2 * self.n_positions + (self.readout == "cls")}

    def describe_task(self) -> dict[str, Any]:
        """See `CurriculumData.describe_task`."""
        return {**self.task.describe(), "readout": self.readout}
