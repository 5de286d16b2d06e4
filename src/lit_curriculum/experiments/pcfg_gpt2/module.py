"""GPT-2 on strings of a grammar (progressive, appendix E)."""

from __future__ import annotations

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable

from lit_curriculum.errors import bad_value
from lit_curriculum.experiments.pcfg_gpt2.data import PCFGBoundaryData
from lit_curriculum.training.base_data import CurriculumData
from lit_curriculum.training.tokens import TokenModule


class PCFGGPT(TokenModule):
    """Next-token prediction by transformers' GPT-2, its output weights tied to its embeddings.

    Args:
        heads: attention heads; width = heads * head_size. The paper: 32 (teacher), 8 and 16 (students).
        layers: transformer layers.
        head_size: dimensions a head.
        vocab_size: token ids; must equal the data's.
        max_length: position embeddings; at least the length of the grammar's longest string.
        initializer_range: standard deviation of the initial weights, transformers' 0.02 at any width
            unless set.
        dropout: rate inside GPT-2.
        optimizer: torch optimizer with its settings; the paper has those of its BERT.
        lr_scheduler: stepped once an update.
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
        max_length: int = 729,
        initializer_range: float = 0.02,
        dropout: float = 0.0,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        lr_scheduler: LRSchedulerCallable | None = None,
        model_seed: int = 0,
    ) -> None:
        for key, value in {"heads": heads, "head_size": head_size}.items():
            if value < 1:
                raise bad_value(f"model.{key}", value, "an integer of at least 1")
        arguments = {
            "vocab_size": vocab_size,
            "max_length": max_length,
            "layers": layers,
            "heads": heads,
            "width": heads * head_size,
            "initializer_range": initializer_range,
            "dropout": dropout,
        }
        model = {"name": "gpt2_decoder", "init_args": arguments}
        super().__init__(model, optimizer, lr_scheduler, model_seed)

    def check_data(self, data: CurriculumData) -> None:
        """Check that the data are strings of a grammar that fit the model.

        Raises:
            UsageError: if they are not, or naming the size that does not fit.
        """
        if not isinstance(data, PCFGBoundaryData):
            raise bad_value("data", type(data).__name__, "PCFGBoundaryData with PCFGGPT")
        super().check_data(data)
        self.check_sizes(data.task.grammar)
