"""What the experiments of masked prediction share: masked strings drawn by counter, and BERT."""

from __future__ import annotations

from typing import Any, Protocol, cast

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable

from lit_curriculum.errors import bad_value
from lit_curriculum.models import BertMaskedLM, Inputs, target_logits
from lit_curriculum.tasks.counter import Stream
from lit_curriculum.tasks.masking import MaskedBatch, Masking
from lit_curriculum.training.base_data import Batch
from lit_curriculum.training.tokens import TokenData, TokenModule, token_batch


class MaskedTask(Protocol):
    """Masked strings of something; a batch is a function of (seed, stream, start, count)."""

    @property
    def masking(self) -> Masking:
        """How they are masked."""

    def batch(self, seed: int, stream: Stream, start: int, count: int) -> MaskedBatch:
        """Return the masked strings ``start .. start + count - 1``."""

    def describe(self) -> dict[str, Any]:
        """Return what identifies the task, without seeds."""


def checked_masking(rate: float, mask_share: float, random_share: float, hide: bool) -> Masking:
    """Return how to mask, of the arguments of a data module.

    Raises:
        UsageError: naming the argument that is wrong.
    """
    if not 0 < rate <= 1:
        raise bad_value("data.mask_rate", rate, "above 0, at most 1")
    return Masking(rate, mask_share, random_share, hide)


class MaskedData(TokenData):
    """Masked strings of a ``task``, which the subclass sets.

    Shapes: see `TokenData`.
    """

    task: MaskedTask

    def draw(self, stream: Stream, start: int, count: int) -> Batch:
        """See `CurriculumData.draw`."""
        return token_batch(**self.masked(stream, start, count).tensors())

    def masked(self, stream: Stream, start: int, count: int) -> MaskedBatch:
        """Return the masked strings ``start .. start + count - 1`` of a stream."""
        return self.task.batch(self.data_seed, stream, start, count)

    def check_held_out(self) -> None:
        """Check that something is asked for in every held-out stream.

        Raises:
            UsageError: if not: there would be no loss and no accuracy.
        """
        for stream in self.eval_streams:
            if not self.has_targets(stream):
                strings = f"the eval_samples = {self.eval_samples} strings of {stream}"
                allowed = f"a rate at which some token of {strings} is predicted"
                raise bad_value("data.mask_rate", self.task.masking.rate, allowed)

    def describe_task(self) -> dict[str, Any]:
        """See `CurriculumData.describe_task`."""
        return self.task.describe()


class MaskedBert(TokenModule):
    """Masked prediction by transformers' BERT with Adam, as published.

    For bfloat16 set ``trainer.precision: bf16-mixed``; the prediction head, the losses and the teacher's
    softmax are computed in float32 all the same.

    Args:
        heads: attention heads; width = heads * head_size. On grammars the paper has 32 (teacher), 8 and 16
            (students), on text 12 and 4.
        layers: transformer layers.
        head_size: dimensions a head.
        vocab_size: token ids; must equal the data's.
        max_length: position embeddings; at least the data's longest string.
        initializer_range: standard deviation of the initial weights, transformers' 0.02 at any width
            unless set.
        dropout: rate inside BERT.
        optimizer: torch optimizer with its settings; the paper's Adam has betas (0.9, 0.95), no weight decay,
            and a peak learning rate among 1e-2, 7.5e-3, 5e-3, 2.5e-3, 1e-3 on grammars, 1e-4 on text.
        lr_scheduler: stepped once an update.
        compile: run BERT's body through torch.compile, with variable lengths.
        model_seed: seed of the initial weights and of dropout.

    Raises:
        UsageError: naming the argument that is wrong.
    """

    def __init__(
        self,
        heads: int = 8,
        layers: int = 4,
        head_size: int = 8,
        vocab_size: int = 5,
        max_length: int = 432,
        initializer_range: float = 0.02,
        dropout: float = 0.0,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        lr_scheduler: LRSchedulerCallable | None = None,
        compile: bool = False,
        model_seed: int = 0,
    ) -> None:
        arguments = {
            "vocab_size": vocab_size,
            "max_length": max_length,
            "layers": layers,
            "heads": heads,
            "head_size": head_size,
            "initializer_range": initializer_range,
            "dropout": dropout,
        }
        model = {"name": "bert_masked_lm", "init_args": arguments}
        super().__init__(model, optimizer, lr_scheduler, model_seed)
        self._hidden_states: Any = None
        if compile:
            self._hidden_states = torch.compile(cast(BertMaskedLM, self.model).hidden_states, dynamic=True)

    def forward(self, inputs: Inputs) -> torch.Tensor:
        """Return logits (M, V) of the predicted tokens."""
        return target_logits(self.model, inputs, self._hidden_states)
