"""GPT-2 that reads the bits of a sparse parity and answers at the last one (progressive, C.2)."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable

from lit_curriculum.errors import bad_value
from lit_curriculum.experiments.sparse_parity_gpt2.data import SparseParityTokens
from lit_curriculum.training.base_data import CurriculumData
from lit_curriculum.training.minibatch import MinibatchModule


class SparseParityGPT(MinibatchModule):
    """transformers' GPT-2 with two logits at the last position.

    Figure 10 varies the heads in three ways: 8 dimensions each, so that the width grows with them
    (``head_size``: 8); 256 in all (``head_size``: 256 / heads); 256 each, and their outputs averaged
    (``head_size``: 256, ``average_heads``: true).

    Args:
        d: bits; must equal the data's.
        heads: attention heads: the paper's teacher has 32, its students 4.
        head_size: dimensions of a head.
        layers: transformer layers.
        average_heads: average the heads' outputs; the width is then head_size, else heads * head_size.
        initializer_range: standard deviation of the initial weights.
        dropout: rate inside GPT-2.
        optimizer: torch optimizer with its settings.
        lr_scheduler: stepped once an update.
        model_seed: seed of the initial weights and of dropout.

    Raises:
        UsageError: naming the argument that is wrong.
    """

    def __init__(
        self,
        d: int,
        heads: int = 8,
        head_size: int = 8,
        layers: int = 2,
        average_heads: bool = False,
        initializer_range: float = 0.02,
        dropout: float = 0.0,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        lr_scheduler: LRSchedulerCallable | None = None,
        model_seed: int = 0,
    ) -> None:
        for key, value in {"d": d, "heads": heads, "head_size": head_size}.items():
            if value < 1:
                raise bad_value(f"model.{key}", value, "an integer of at least 1")
        arguments: dict[str, Any] = {
            "vocab_size": 2,
            "max_length": d,
            "n_outputs": 2,
            "layers": layers,
            "heads": heads,
            "width": head_size if average_heads else heads * head_size,
            "initializer_range": initializer_range,
            "dropout": dropout,
        }
        if average_heads:
            arguments["averaged_head_size"] = head_size
        model = {"name": "gpt2_reader", "init_args": arguments}
        super().__init__(model, optimizer, lr_scheduler, model_seed)
        self.d = d

    def check_data(self, data: CurriculumData) -> None:
        """Check that the data are strings of as many bits.

        Raises:
            UsageError: if they are not.
        """
        if not isinstance(data, SparseParityTokens):
            raise bad_value("data", type(data).__name__, "SparseParityTokens with SparseParityGPT")
        super().check_data(data)
        if self.d != data.task.d:
            raise bad_value("model.d", self.d, f"the data's d = {data.task.d}")
