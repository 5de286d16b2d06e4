"""BERT on masked strings of a grammar (progressive, section 4 and D.5)."""

from __future__ import annotations

from typing import Any, cast

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable

from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.pcfg_bert.data import PCFGData
from lit_curriculum.models import BertMaskedLM, Inputs, target_logits
from lit_curriculum.training.base_data import CurriculumData
from lit_curriculum.training.tokens import TokenModule


class PCFGBert(TokenModule):
    """Masked prediction by transformers' BERT with Adam, as published.

    For bfloat16 set ``trainer.precision: bf16-mixed``; the prediction head, the losses and the teacher's
    softmax are computed in float32 all the same.

    Args:
        heads: attention heads; width = heads * head_size. The paper: 32 (teacher), 8 and 16 (students).
        layers: transformer layers.
        head_size: dimensions a head.
        vocab_size: token ids; must equal the data's.
        max_length: position embeddings; at least the length of the grammar's longest string.
        initializer_range: standard deviation of the initial weights, transformers' 0.02 at any width
            unless set.
        dropout: rate inside BERT.
        optimizer: torch optimizer with its settings; the paper's Adam has betas (0.9, 0.95), no weight decay,
            and a peak learning rate among 1e-2, 7.5e-3, 5e-3, 2.5e-3, 1e-3.
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

    def check_data(self, data: CurriculumData) -> None:
        """Check that the data are masked strings that fit the model.

        Raises:
            UsageError: if they are not, naming the size that does not fit, or if nothing held out is asked
                for.
        """
        if not isinstance(data, PCFGData):
            raise UsageError(f"data: got {type(data).__name__}; allowed: PCFGData with PCFGBert")
        super().check_data(data)
        data.check_held_out()
        self.check_sizes(data.task.grammar)
