"""GPT-2 on one parity, whatever supervises it."""

from __future__ import annotations

from typing import Any, cast

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torchmetrics import MetricCollection

from lit_curriculum.errors import bad_value
from lit_curriculum.experiments.parity_roads.data import ParityRoadsData
from lit_curriculum.models.gpt2_decoder import GPT2Decoder
from lit_curriculum.training.base_data import Batch, CurriculumData
from lit_curriculum.training.minibatch import MinibatchModule
from lit_curriculum.training.positions import Positions


class ParityRoadsGPT(MinibatchModule):
    """transformers' GPT-2 that predicts numbers at the task's token and the slots after it.

    ``val/accuracy`` and ``val/loss`` are those of the parity of all bits; ``val/position_j`` is the accuracy
    of the parity of the first j + 1. Where labels are written into the sequence the model reads its own.

    Args:
        vocab_size: token ids, at least the data's k + 4.
        max_length: position embeddings, at least the data's n + k - 1.
        layers: transformer layers.
        heads: attention heads.
        head_size: dimensions of a head; width = heads * head_size.
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
        vocab_size: int = 16,
        max_length: int = 64,
        layers: int = 2,
        heads: int = 4,
        head_size: int = 8,
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
        """Check that the data are this experiment's and fit into the model.

        Raises:
            UsageError: if they are not, naming the size that does not fit.
        """
        if not isinstance(data, ParityRoadsData):
            raise bad_value("data", type(data).__name__, "ParityRoadsData with ParityRoadsGPT")
        super().check_data(data)
        ours = cast(dict[str, Any], self.model.init_args)
        for key, least in data.demands.items():
            if ours[key] < least:
                raise bad_value(f"model.{key}", ours[key], f"at least the data's {least}")

    def configure_metrics(self) -> MetricCollection:
        """See `CurriculumModule.configure_metrics`."""
        data = self._roads
        return MetricCollection({"positions": Positions(data.n_positions, data.last)}, compute_groups=False)

    def update_metrics(self, metrics: MetricCollection, batch: Batch) -> None:
        """See `CurriculumModule.update_metrics`: a written sequence is read as the model itself writes it."""
        metrics.update(*self._answers(batch))

    def predict_batch(self, batch: Batch) -> Batch:
        """Return probabilities (n * V, C) beside the labels (n * V,), string by string."""
        logits, labels = self._answers(batch)
        return {"probabilities": torch.softmax(logits.float(), -1), "labels": labels}

    def _answers(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        data = self._roads
        if data.supervision != "sequence":
            return self.logits_and_labels(batch)
        given = batch["inputs"]["input_ids"][:, : data.task.n + 1]
        decoded = cast(GPT2Decoder, self.model).decode(given, data.n_positions)
        return decoded.flatten(0, 1), batch["labels"]

    @property
    def _roads(self) -> ParityRoadsData:
        return cast(ParityRoadsData, self.data)
