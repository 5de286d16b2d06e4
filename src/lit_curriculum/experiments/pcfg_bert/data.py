"""Streams of masked strings of a grammar (progressive, section 4 and Definition 4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lit_curriculum.tasks.pcfg import DEFAULT_GRAMMAR, MaskedPCFG, load_grammar
from lit_curriculum.tasks.vocabulary import FIRST_TERMINAL_ID
from lit_curriculum.training.masked import MaskedData, checked_masking
from lit_curriculum.training.tokens import check_sizes


class PCFGData(MaskedData):
    """Strings and masks computed as they are needed; nothing is written to disk.

    A batch is as wide as its longest string. What that costs is recorded as ``train/padding_share``.

    Args:
        num_steps: length of the run in updates.
        grammar: a shipped grammar's name, or the path of a file (``docs/grammars.md``).
        roots: start from these inner symbols instead, which gives shorter strings.
        mask_rate: probability that a position is predicted.
        mask_share: share of the predicted positions shown as [mask].
        random_share: share of them shown as a random terminal; the rest is shown as it is.
        hide_unmasked_targets: hide from attention what is predicted and not shown as [mask], as the
            paper's released code does and its text does not say.
        batch_size: global batch in strings; the paper's is 512.
        eval_samples: held-out strings of each stream.
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
        grammar: str = DEFAULT_GRAMMAR,
        roots: list[int] | None = None,
        mask_rate: float = 0.3,
        mask_share: float = 0.8,
        random_share: float = 0.1,
        hide_unmasked_targets: bool = False,
        batch_size: int = 512,
        eval_samples: int = 1024,
        eval_batch_size: int = 256,
        **kwargs: Any,
    ) -> None:
        masking = checked_masking(mask_rate, mask_share, random_share, hide_unmasked_targets)
        loaded = load_grammar(grammar, roots or None, "data.roots")
        self.task: MaskedPCFG = MaskedPCFG(loaded, masking)
        super().__init__(
            num_steps, batch_size, eval_samples=eval_samples, eval_batch_size=eval_batch_size, **kwargs
        )

    def training_facts(self, step: int) -> dict[str, float]:
        """Return the share of a step's positions that is padding, where one device takes the whole batch."""
        batch = self.masked("train", step * self.batch_size, self.batch_size)
        return {"train/padding_share": batch.padding_share}

    def check_reader(self, sizes: Mapping[str, Any], whose: str) -> None:
        """See `TokenData.check_reader`: it knows these tokens, and strings as long as these."""
        check_sizes(sizes, self.task.grammar, f"{whose} ")
