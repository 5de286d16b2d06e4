"""Streams of a grammar's strings whose phrases' last tokens are predicted (progressive, appendix E)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from lit_curriculum.tasks.counter import Stream
from lit_curriculum.tasks.pcfg import BoundaryPCFG, load_grammar
from lit_curriculum.tasks.pcfg.boundaries import check_height
from lit_curriculum.tasks.vocabulary import FIRST_TERMINAL_ID, PAD_ID
from lit_curriculum.training.base_data import Batch
from lit_curriculum.training.tokens import TokenData, check_sizes, token_batch


class PCFGBoundaryData(TokenData):
    """Strings computed as they are needed, each behind a start token; padded on the right.

    The loss is the mean over the tokens of C(height) of the whole batch; the paper's (eq. 9) is first
    averaged over each string, which weights the tokens of short strings a little more.

    Args:
        num_steps: length of the run in updates.
        grammar: a shipped grammar's name, or the path of a file (``docs/grammars.md``); the paper's cfg3f.
        roots: start from these inner symbols instead, which gives shorter strings.
        height: which tokens are predicted, C(height), the paper's l: 1 for all of them, h for the last ones
            of spans of height h - 1; the paper has 2, 3, 4.
        batch_size: global batch in strings; the paper's 512.
        eval_samples: held-out strings of each split.
        eval_batch_size: strings of one evaluation batch on one device.
        **kwargs: see `CurriculumData`.

    Shapes: see `TokenData`.

    Raises:
        UsageError: naming the argument that is wrong.
    """

    first_class = FIRST_TERMINAL_ID

    def __init__(
        self,
        num_steps: int,
        grammar: str = "cfg3f",
        roots: list[int] | None = None,
        height: int = 3,
        batch_size: int = 512,
        eval_samples: int = 1024,
        eval_batch_size: int = 256,
        **kwargs: Any,
    ) -> None:
        loaded = load_grammar(grammar, roots or None, "data.roots")
        check_height(height, loaded.depth, "data.height")
        self.task = BoundaryPCFG(loaded, height)
        super().__init__(
            num_steps, batch_size, eval_samples=eval_samples, eval_batch_size=eval_batch_size, **kwargs
        )

    def draw(self, stream: Stream, start: int, count: int) -> Batch:
        """See `CurriculumData.draw`."""
        batch = self.task.batch(self.data_seed, stream, start, count)
        input_ids = torch.from_numpy(batch.input_ids)
        return token_batch(input_ids, input_ids != PAD_ID, torch.from_numpy(batch.labels))

    def describe_task(self) -> dict[str, Any]:
        """See `CurriculumData.describe_task`."""
        return self.task.describe()

    def check_reader(self, sizes: Mapping[str, Any], whose: str) -> None:
        """See `TokenData.check_reader`: it knows these tokens, and strings as long as these."""
        check_sizes(sizes, self.task.grammar, f"{whose} ")
