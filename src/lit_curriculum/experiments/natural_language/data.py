"""Masked windows of a corpus that ``lit tokenize`` wrote (progressive, figure 6)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lit_curriculum.errors import bad_value
from lit_curriculum.tasks.text.made_up import MADE_UP, made_up_store
from lit_curriculum.tasks.text.task import MaskedText
from lit_curriculum.tasks.text.tokens import open_store
from lit_curriculum.training.masked import MaskedData, checked_masking


class TextData(MaskedData):
    """Windows of ``length`` tokens, visited epoch after epoch in seeded order and masked anew each time.

    No document is in two splits, whatever the seed. Tokens stay on the disk; what is read is in memory.

    Args:
        num_steps: length of the run in updates.
        tokens: folder that ``lit tokenize`` wrote; ``made-up`` for a small text that needs no file.
        length: tokens of a window.
        held_out_share: share of the documents of ``val``, and of ``test``.
        mask_rate: probability that a token is predicted; tokens such as [SEP] never are.
        mask_share: share of the predicted tokens shown as [MASK].
        random_share: share of them shown as a random token; the rest is shown as it is.
        hide_unmasked_targets: hide from attention what is predicted and not shown as [MASK].
        batch_size: global batch in windows.
        eval_samples: held-out windows of each stream, the first ones.
        eval_batch_size: windows of one evaluation batch on one device.
        **kwargs: see `CurriculumData`.

    Shapes: see `TokenData`; every window is full, so nothing is padding.

    Raises:
        UsageError: naming the argument that is wrong.
    """

    def __init__(
        self,
        num_steps: int,
        tokens: str = MADE_UP,
        length: int = 128,
        held_out_share: float = 0.01,
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
        super().__init__(
            num_steps, batch_size, eval_samples=eval_samples, eval_batch_size=eval_batch_size, **kwargs
        )
        store = made_up_store() if tokens == MADE_UP else open_store(Path(tokens))
        self.task: MaskedText = MaskedText(store, length, held_out_share, masking)
        for stream in ("val", "test"):
            if eval_samples > self.task.size(stream):
                allowed = f"at most {self.task.size(stream)}, the windows of {stream}"
                raise bad_value("data.eval_samples", eval_samples, allowed)
