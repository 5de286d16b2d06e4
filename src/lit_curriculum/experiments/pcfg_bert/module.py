"""BERT on masked strings of a grammar (progressive, section 4 and D.5)."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import torch

from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.experiments.pcfg_bert.data import PCFGData
from lit_curriculum.models import BertMaskedLM, Inputs, target_logits
from lit_curriculum.training.base_data import Batch, CurriculumData
from lit_curriculum.training.minibatch import MinibatchModule
from lit_curriculum.training.rates import Schedule, check_adam, make_rate_schedule


class PCFGBert(MinibatchModule):
    """Masked prediction by transformers' BERT with Adam, as published.

    Loss and top-1 accuracy are means over the predicted tokens alone. Under several devices or accumulation
    steps every part is weighted by its number of predicted tokens, so that the loss stays the mean over all
    predicted tokens of the global batch.

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
        lr: peak learning rate; the paper searches 1e-2, 7.5e-3, 5e-3, 2.5e-3, 1e-3.
        betas: Adam's.
        weight_decay: decoupled; none in the paper.
        schedule: ``cosine`` falls to zero at the end of the run; stepped once an update.
        warmup: share of the run in which the learning rate rises linearly.
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
        lr: float = 5e-3,
        betas: tuple[float, float] = (0.9, 0.95),
        weight_decay: float = 0.0,
        schedule: Schedule = "cosine",
        warmup: float = 0.06,
        compile: bool = False,
        model_seed: int = 0,
    ) -> None:
        _check(lr, betas, weight_decay, warmup)
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
        # One kernel for all parameters: at these sizes a loop over them costs a tenth of the step.
        optimizer = partial(torch.optim.AdamW, lr=lr, betas=betas, weight_decay=weight_decay, fused=True)
        super().__init__(model, optimizer, None, model_seed)
        self.schedule = schedule
        self.warmup = warmup
        self._hidden_states: Any = None
        if compile:
            self._hidden_states = torch.compile(cast(BertMaskedLM, self.model).hidden_states, dynamic=True)

    def make_scheduler(self, optimizer: torch.optim.Optimizer) -> Any:
        """Return the warm-up and decay of the learning rate over the data's number of steps."""
        return make_rate_schedule(optimizer, self.data.num_steps, self.warmup, self.schedule)

    def forward(self, inputs: Inputs) -> torch.Tensor:
        """Return logits (M, V) of the predicted tokens."""
        return target_logits(self.model, inputs, self._hidden_states)

    def logits_and_labels(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """See `CurriculumModule.logits_and_labels`: a row for each predicted token."""
        inputs = batch["inputs"]
        return self(inputs), batch["labels"].flatten().index_select(0, inputs["targets"])

    def check_data(self, data: CurriculumData) -> None:
        """Check that the data are masked strings that fit the model.

        Raises:
            UsageError: if they are not, naming the size that does not fit, or if nothing held out is asked
                for.
        """
        if not isinstance(data, PCFGData):
            raise UsageError(f"data: got {type(data).__name__}; allowed: PCFGData with PCFGBert")
        data.check_held_out()
        grammar, ours = data.task.grammar, cast(dict[str, Any], self.model.init_args)
        if ours["vocab_size"] != grammar.vocabulary_size:
            raise bad_value(
                "model.vocab_size", ours["vocab_size"], f"the grammar's {grammar.vocabulary_size} token ids"
            )
        if ours["max_length"] < grammar.max_length:
            raise bad_value(
                "model.max_length",
                ours["max_length"],
                f"at least the {grammar.max_length} tokens of the grammar's longest string",
            )


def _check(lr: float, betas: tuple[float, float], weight_decay: float, warmup: float) -> None:
    check_adam(lr, betas, weight_decay)
    if not 0 <= warmup <= 1:
        raise bad_value("model.warmup", warmup, "a share from 0 to 1")
