"""Sparse parity as sequences over a vocabulary of two (progressive, C.2)."""

from __future__ import annotations

from typing import Any

import torch

from lit_curriculum.tasks.counter import Stream
from lit_curriculum.tasks.sparse_parity import SparseParity
from lit_curriculum.tasks.splits import SPLITS_VERSION, BitStringSplits
from lit_curriculum.training.base_data import Batch
from lit_curriculum.training.hypercube_data import HypercubeData


class SparseParityTokens(HypercubeData):
    """Strings of d bits, read from the left; token 1 stands for -1, so the label is the support's parity.

    Training, validation and test strings are disjoint (`tasks.splits`): at d = 16 there are 65,536, and a
    run of a million samples sees each of them many times. Where d is large every sample is a new string.

    Args:
        d: bits, 4 to 128.
        k: size of the support.
        num_steps: length of the run in updates.
        support: 0-based coordinates; default the first k.
        support_seed: draw the support from this seed instead.
        batch_size: global batch in strings; the paper's released scripts have 32.
        eval_samples: strings of each held-out set, at most min(1024, 2^d / 8).
        **kwargs: see `CurriculumData`.

    Shapes: ``inputs`` (n, d) int64 of 0 and 1, ``labels`` (n,) int64.

    Raises:
        UsageError: naming the argument that is wrong.
    """

    task: SparseParity

    def __init__(
        self,
        d: int,
        k: int,
        num_steps: int,
        support: list[int] | None = None,
        support_seed: int | None = None,
        batch_size: int = 64,
        eval_samples: int = 1024,
        **kwargs: Any,
    ) -> None:
        self.task = SparseParity.create(d, k, support, support_seed)
        self.splits = BitStringSplits(d)
        self.splits.check_held_out(eval_samples)
        super().__init__(num_steps, batch_size, eval_samples=eval_samples, **kwargs)

    def draw(self, stream: Stream, start: int, count: int) -> Batch:
        """See `CurriculumData.draw`."""
        bits = torch.from_numpy(self.splits.sample(self.data_seed, stream, start, count))
        return {"inputs": bits, "labels": self.task.labels(1 - 2 * bits)}

    def model_inputs(self, x: torch.Tensor) -> torch.Tensor:
        """Return the tokens of points x (n, d) of +-1."""
        return (x < 0).long()

    def describe_task(self) -> dict[str, Any]:
        """See `CurriculumData.describe_task`; a network that reads +-1 cannot teach one that reads tokens."""
        return {**super().describe_task(), "inputs": "tokens", "splits_version": SPLITS_VERSION}
