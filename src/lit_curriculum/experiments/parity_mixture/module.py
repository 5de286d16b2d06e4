"""GPT-2 with a Sum head and a Parity head (implicit, section 3.1 and B.1)."""

from __future__ import annotations

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch.nn import functional
from torchmetrics import MetricCollection

from lit_curriculum.errors import bad_value
from lit_curriculum.experiments.parity_mixture.data import ParityMixtureData
from lit_curriculum.training.base_data import Batch, CurriculumData
from lit_curriculum.training.metrics import Classification, ExactMeans
from lit_curriculum.training.minibatch import MinibatchModule


class ParityMixtureGPT(MinibatchModule):
    """Both tasks from the last position: Sum by squared error, Parity by binary cross-entropy.

    The loss is the mean over the batch of each sample's own loss. Recorded are ``val/accuracy`` and
    ``val/loss`` of Parity, and of Sum ``val/sum_rmse`` and ``val/sum_accuracy``, the share that is nearer to
    the true value than to the next possible one, 2/n away.

    Args:
        n: bits; must equal the data's. An input has 2n tokens.
        width: hidden size; the paper's 128.
        layers: transformer layers; the paper's 6.
        heads: attention heads; the paper's 4.
        initializer_range: standard deviation of the initial weights.
        dropout: rate inside GPT-2; transformers' default would be 0.1.
        optimizer: torch optimizer with its settings; the paper's is Adam at 2e-4.
        lr_scheduler: stepped once an update; none in the paper.
        model_seed: seed of the initial weights and of dropout.

    Raises:
        UsageError: naming the argument that is wrong.
    """

    # A teacher's class probabilities are no answer to Sum.
    teachable = False
    # bf16-true and 16-true would round the labels of Sum as well.
    precisions = ("32-true", "64-true", "bf16-mixed", "16-mixed")

    def __init__(
        self,
        n: int,
        width: int = 128,
        layers: int = 6,
        heads: int = 4,
        initializer_range: float = 0.02,
        dropout: float = 0.0,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        lr_scheduler: LRSchedulerCallable | None = None,
        model_seed: int = 0,
    ) -> None:
        if n < 1:
            raise bad_value("model.n", n, "an integer of at least 1")
        arguments = {
            "vocab_size": 2,
            "max_length": 2 * n,
            "n_outputs": 2,
            "layers": layers,
            "heads": heads,
            "width": width,
            "initializer_range": initializer_range,
            "dropout": dropout,
        }
        model = {"name": "gpt2_reader", "init_args": arguments}
        super().__init__(model, optimizer, lr_scheduler, model_seed)
        self.n = n

    def check_data(self, data: CurriculumData) -> None:
        """Check that the data are parity mixtures of as many bits.

        Raises:
            UsageError: if they are not.
        """
        if not isinstance(data, ParityMixtureData):
            raise bad_value("data", type(data).__name__, "ParityMixtureData with ParityMixtureGPT")
        super().check_data(data)
        if self.n != data.task.n:
            raise bad_value("model.n", self.n, f"the data's n = {data.task.n}")

    def batch_loss(self, batch: Batch) -> tuple[torch.Tensor, int]:
        """See `MinibatchModule.batch_loss`: squared error for Sum, cross-entropy for Parity."""
        predicted = self(batch["inputs"]).float()
        of_sum = (predicted[:, 0] - batch["sums"]) ** 2
        of_parity = functional.binary_cross_entropy_with_logits(
            predicted[:, 1], batch["labels"].float(), reduction="none"
        )
        return torch.where(batch["is_sum"], of_sum, of_parity).mean(), len(predicted)

    def logits_and_labels(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the Parity samples' logits (M, 2) and labels (M,): log-odds 0 and z."""
        parity = ~batch["is_sum"]
        z = self(batch["inputs"][parity])[:, 1]
        return torch.stack([torch.zeros_like(z), z], dim=-1), batch["labels"][parity]

    def configure_metrics(self) -> MetricCollection:
        """See `CurriculumModule.configure_metrics`: of Parity, and of Sum."""
        return MetricCollection({"parity": Classification(), "sum": SumErrors(self.n)}, compute_groups=False)

    def update_metrics(self, metrics: MetricCollection, batch: Batch) -> None:
        """See `CurriculumModule.update_metrics`."""
        asked = batch["is_sum"]
        errors = (self(batch["inputs"][asked])[:, 0].float() - batch["sums"][asked]).abs()
        logits, labels = self.logits_and_labels(batch)
        metrics.update(logits=logits, labels=labels, errors=errors)

    def predict_batch(self, batch: Batch) -> Batch:
        """Return, for every sample, both predictions beside the true values and the task that is asked."""
        predicted = self(batch["inputs"]).float()
        odd = torch.sigmoid(predicted[:, 1])
        return {
            "probabilities": torch.stack([1 - odd, odd], dim=-1),
            "predicted_sums": predicted[:, 0].contiguous(),
            **{name: batch[name] for name in ("labels", "sums", "is_sum")},
        }


class SumErrors(ExactMeans):
    """``sum_rmse``, and ``sum_accuracy``, the share that is nearer to the truth than to the next value.

    Args:
        n: bits; possible values are 2 / n apart.
    """

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n

    def update(self, errors: torch.Tensor) -> None:
        """Add absolute errors (n,)."""
        self.add({"sum_rmse": errors**2, "sum_accuracy": errors < 1 / self.n})

    def compute(self) -> dict[str, float]:
        """Return the metrics; the root of the mean squared error."""
        means = super().compute()
        return {name: value**0.5 if name == "sum_rmse" else value for name, value in means.items()}
