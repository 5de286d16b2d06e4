"""What the experiments on sub-task decomposition share: models that write down their intermediate results.

A sequence is the d tokens of a problem and the labels of its sub-tasks, the answer last (subtask, section 3).
The model reads all but the answer; from position d on, each token that it reads has the next one as its
target. In training it reads the true labels, when evaluated its own.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol, cast

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.trainer.states import TrainerFn
from torchmetrics import MetricCollection

from lit_curriculum.distillation.targets import at_least_single
from lit_curriculum.errors import bad_value
from lit_curriculum.tasks.bit_subset_parity import Tokens
from lit_curriculum.tasks.counter import Stream
from lit_curriculum.tasks.splits import SPLITS_VERSION, BitStringSplits
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.base_data import Batch, CurriculumData
from lit_curriculum.training.decoding_errors import DecodingErrors
from lit_curriculum.training.minibatch import MinibatchModule

BETTER_THAN_RANDOM = 0.6
"""Accuracy above which the paper calls a model better than random (Table 1)."""

# No nan: a bank's manifest is strict JSON.
NOT_YET = -1

# Where the two logits are nearer than this, the rounding of one pass or of many decides between them.
_CLOSE, _CLOSE_IN_LOW_PRECISION = 1e-4, 0.1


class Decomposed(Protocol):
    """A function of bit strings that is computed in steps; `tasks.bit_subset_parity` and circuits are."""

    @property
    def d(self) -> int:
        """Bits of a string."""
        ...

    @property
    def n_labels(self) -> int:
        """Labels of a string."""
        ...

    @property
    def n_answers(self) -> int:
        """How many of the labels, the last ones, are the answer."""
        ...

    def labels(self, x: Tokens) -> Tokens:
        """Return labels (n, n_labels) of strings (n, d), both as tokens 0 and 1."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return what identifies the task."""
        ...


class DecomposedData(CurriculumData):
    """Strings from disjoint sets, with the labels of their sub-tasks (appendix G).

    Args:
        task: what is to be computed.
        num_steps: length of the run in updates.
        batch_size: global batch in strings; the paper's is 32.
        eval_samples: strings of each held-out set that are evaluated; null for all of them, the paper's
            min(1024, 12.5 % of all strings).
        eval_batch_size: rows of one evaluation batch on one device.
        **kwargs: see `CurriculumData`.

    Shapes: ``inputs`` int64 (n, d + n_labels - 1); ``labels`` int64 (n, n_labels).

    Raises:
        UsageError: naming the argument that is wrong.
    """

    def __init__(
        self,
        task: Decomposed,
        num_steps: int,
        batch_size: int = 32,
        eval_samples: int | None = None,
        eval_batch_size: int = 1024,
        **kwargs: Any,
    ) -> None:
        self.task = task
        self.splits = BitStringSplits(task.d)
        samples = self.splits.held_out if eval_samples is None else eval_samples
        self.splits.check_held_out(samples, ", or null")
        super().__init__(
            num_steps, batch_size, eval_samples=samples, eval_batch_size=eval_batch_size, **kwargs
        )

    def draw(self, stream: Stream, start: int, count: int) -> Batch:
        """See `CurriculumData.draw`."""
        return self.sequences(torch.from_numpy(self.splits.sample(self.data_seed, stream, start, count)))

    def sequences(self, x: torch.Tensor) -> Batch:
        """Return the batch of strings (n, d)."""
        labels = torch.from_numpy(self.task.labels(x.numpy()))
        return {"inputs": torch.cat([x, labels[:, :-1]], dim=1), "labels": labels}

    @property
    def length(self) -> int:
        """Tokens that the model reads, T: equation 13's 3 d / 2 - 2 for bit-subset parity with labels."""
        return self.task.d + self.task.n_labels - 1

    def describe_task(self) -> dict[str, Any]:
        """See `CurriculumData.describe_task`."""
        return {**self.task.describe(), "splits_version": SPLITS_VERSION}


class Decoder(Protocol):
    """A model that goes on with a sequence of tokens; `models.GPT2Decoder` and `models.ElmanRNN` are."""

    def __call__(self, input_ids: torch.Tensor, first: int = 0) -> torch.Tensor:
        """Return logits (n, L - first, 2) of what follows each token from ``first`` on."""
        ...

    def decode(self, input_ids: torch.Tensor, n_tokens: int) -> torch.Tensor:
        """Return logits (n, n_tokens, 2) of tokens that the model writes, reading its own."""
        ...


class DecomposedModule(CurriculumModule):
    """Evaluation of a model that writes down its intermediate results, however it is trained.

    Recorded for every held-out stream: ``accuracy`` of the answer when the model decodes greedily through
    its own labels; ``forced_accuracy`` when it reads the true ones; ``forced_errors``, the sum over all
    labels of the forced error rates, which Lemma 1 puts above the decoded error; ``loss``, the mean binary
    cross-entropy of the forced labels, by which the paper chooses; ``better_than_random_at``, the first
    evaluated step with an accuracy above 60 %, -1 until then. Lemma 1 is checked at every evaluation.
    """

    # A teacher would have to be asked for the labels alone, not for the whole sequence.
    teachable = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.better_at: dict[str, int] = {}

    @property
    @abstractmethod
    def data_class(self) -> type[DecomposedData]:
        """The data that the experiment goes with."""

    def check_data(self, data: CurriculumData) -> None:
        """Check that the data are the experiment's.

        Raises:
            UsageError: if they are not.
        """
        if not isinstance(data, self.data_class):
            allowed = f"{self.data_class.__name__} with {type(self).__name__}"
            raise bad_value("data", type(data).__name__, allowed)
        super().check_data(data)

    @property
    def _task(self) -> Decomposed:
        return cast(DecomposedData, self.data).task

    @property
    def _decoder(self) -> Decoder:
        return cast(Decoder, self.model)

    def forward(self, inputs: Any) -> torch.Tensor:
        """Return the logits (n, n_labels, 2) of all labels, each read after the true ones before it."""
        return self._decoder(inputs, first=self._task.d - 1)

    def logits_and_labels(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (M, 2) and labels (M,) of all labels of a batch, string by string."""
        return self(batch["inputs"]).flatten(0, 1), batch["labels"].flatten()

    def decode(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the logits (n, n_labels, 2) of all labels, each read after the model's own before it."""
        return self._decoder.decode(inputs[:, : self._task.d], self._task.n_labels)

    def predict_batch(self, batch: Batch) -> Batch:
        """Return decoded probabilities (n, n_labels, 2) beside the true labels (n, n_labels)."""
        decoded = torch.softmax(at_least_single(self.decode(batch["inputs"])), -1)
        return {"probabilities": decoded, "labels": batch["labels"]}

    def configure_metrics(self) -> MetricCollection:
        """See `CurriculumModule.configure_metrics`."""
        return MetricCollection({"errors": DecodingErrors(self._task.n_answers)}, compute_groups=False)

    def update_metrics(self, metrics: MetricCollection, batch: Batch) -> None:
        """See `CurriculumModule.update_metrics`: strings read with the true labels, and decoded."""
        forced, decoded = self(batch["inputs"]), self.decode(batch["inputs"])
        low = torch.is_autocast_enabled(self.device.type) or forced.dtype.itemsize < 4
        tolerance = _CLOSE_IN_LOW_PRECISION if low else _CLOSE
        metrics.update(forced=forced, decoded=decoded, labels=batch["labels"], tolerance=tolerance)

    def complete(self, metrics: dict[str, float], split: str) -> dict[str, float]:
        """See `CurriculumModule.complete`: since when the split's answers are better than random."""
        if self.trainer.state.fn == TrainerFn.FITTING:
            if metrics[f"{split}/accuracy"] > BETTER_THAN_RANDOM:
                self.better_at.setdefault(split, self.step)
            metrics[f"{split}/better_than_random_at"] = self.better_at.get(split, NOT_YET)
        return metrics

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """See `CurriculumModule.on_save_checkpoint`."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["better_at"] = dict(self.better_at)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """See `CurriculumModule.on_load_checkpoint`."""
        super().on_load_checkpoint(checkpoint)
        self.better_at = dict(checkpoint["better_at"])


class DecomposedGPT(DecomposedModule, MinibatchModule):
    """transformers' GPT-2 with Adam; the loss begins at position d (equation 4, as a mean).

    Args:
        max_length: position embeddings, at least the data's length.
        layers: transformer layers; the paper's 12.
        heads: attention heads; the paper's 12.
        width: hidden size; the paper's 768.
        initializer_range: standard deviation of the initial weights; the paper's 0.02.
        dropout: rate inside GPT-2; the paper's 0.
        optimizer: torch optimizer with its settings; the paper searches AdamW's learning rate among 1e-6,
            1e-5, 1e-4 and its weight decay among 0, 1e-6, 1e-4, 1e-2.
        lr_scheduler: stepped once an update; the paper has a warm-up of 1,000, none in fast runs.
        model_seed: seed of the initial weights and of dropout.

    Raises:
        UsageError: naming the argument that is wrong.
    """

    def __init__(
        self,
        max_length: int = 190,
        layers: int = 12,
        heads: int = 12,
        width: int = 768,
        initializer_range: float = 0.02,
        dropout: float = 0.0,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        lr_scheduler: LRSchedulerCallable | None = None,
        model_seed: int = 0,
    ) -> None:
        arguments = {
            "vocab_size": 2,
            "max_length": max_length,
            "layers": layers,
            "heads": heads,
            "width": width,
            "initializer_range": initializer_range,
            "dropout": dropout,
        }
        model = {"name": "gpt2_decoder", "init_args": arguments}
        super().__init__(model, optimizer, lr_scheduler, model_seed)

    def check_data(self, data: CurriculumData) -> None:
        """Check that the data are the experiment's and fit into the model.

        Raises:
            UsageError: if they are not, naming the size that does not fit.
        """
        super().check_data(data)
        assert isinstance(data, DecomposedData)
        longest = cast(Any, self.model).init_args["max_length"]
        if longest < data.length:
            raise bad_value("model.max_length", longest, f"at least the data's {data.length} tokens")
