"""What the multi-label experiments share: several predictions a sample, one of which is the hard one."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import Any, Literal, cast

import torch
from torch.nn import functional

from lit_curriculum.distillation.targets import at_least_single
from lit_curriculum.errors import bad_value
from lit_curriculum.models.bert_classifiers import BertStepClassifier, BertTokenClassifier
from lit_curriculum.training.base_data import Batch, CurriculumData
from lit_curriculum.training.held_out import Measures
from lit_curriculum.training.minibatch import MinibatchModule
from lit_curriculum.training.muon import MuonAdamW
from lit_curriculum.training.rates import Schedule, check_adam, check_warmup, make_rate_schedule


class PositionData(CurriculumData):
    """Samples with V labels each. Which of them train is the data's choice; all are evaluated.

    Shapes: ``inputs`` holds ``input_ids`` int64 (n, L), ``attention_mask`` bool (n, L) and ``targets`` int64
    (M,), the places that are read; ``labels`` int64 (M,). In held-out streams M = n * V, sample by sample.
    """

    @property
    @abstractmethod
    def n_positions(self) -> int:
        """Labels of a sample, V."""

    @property
    @abstractmethod
    def last(self) -> int:
        """The position that is hard: what single-label training predicts, and ``val/accuracy`` is of."""

    @property
    @abstractmethod
    def demands(self) -> dict[str, int]:
        """What a model's arguments must at least be: ``vocab_size``, ``max_length``."""

    def count_targets(self, batch: Batch) -> int:
        """Return how many labels a batch has; samples may differ in it."""
        return len(batch["labels"])


class PositionBert(MinibatchModule):
    """BERT trained on whatever positions the data supervise; each position's accuracy is recorded.

    ``val/accuracy`` and ``val/loss`` are those of the hard position alone, whatever is trained, so that
    single-label and multi-label runs are compared by the same numbers. ``val/position_1`` to
    ``val/position_V`` are the accuracies of all.

    Args:
        name: model in `models.registry`.
        arguments: its arguments that are not given below.
        layers: transformer layers; BERT-Base 12.
        heads: attention heads; BERT-Base 12.
        head_size: dimensions a head; width = heads * head_size. BERT-Base 64.
        initializer_range: standard deviation of the initial weights; transformers' 0.02 at any width unless
            set, which at width 64 costs thousands of steps.
        dropout: rate inside BERT; transformers' default would be 0.1.
        optimizer: ``adamw`` as in the paper, or ``muon``: Muon for the matrices of BERT's layers and AdamW,
            at a fifth of the learning rate, for the rest (`MuonAdamW`).
        lr: peak learning rate; the paper searches 1e-5 to 5e-4.
        betas: AdamW's.
        weight_decay: decoupled.
        schedule: ``cosine`` falls to zero at the end of the run; stepped once an update.
        warmup_steps: updates in which the learning rate rises linearly.
        model_seed: seed of the initial weights and of dropout.

    Raises:
        UsageError: naming the argument that is wrong.
    """

    def __init__(
        self,
        name: str,
        arguments: dict[str, Any],
        layers: int = 12,
        heads: int = 12,
        head_size: int = 64,
        initializer_range: float = 0.02,
        dropout: float = 0.0,
        optimizer: Literal["adamw", "muon"] = "adamw",
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
        schedule: Schedule = "cosine",
        warmup_steps: int = 0,
        model_seed: int = 0,
    ) -> None:
        check_adam(lr, betas, weight_decay)
        check_warmup(warmup_steps)
        shape = {
            "layers": layers,
            "heads": heads,
            "head_size": head_size,
            "initializer_range": initializer_range,
            "dropout": dropout,
        }
        model = {"name": name, "init_args": {**arguments, **shape}}
        # One kernel for all parameters: at these sizes a loop over them costs a tenth of the step.
        adam: dict[str, Any] = {"lr": lr, "betas": betas, "weight_decay": weight_decay}
        super().__init__(model, partial(torch.optim.AdamW, **adam, fused=True), None, model_seed)
        self.optimizer = optimizer
        self._adam = adam
        self.schedule = schedule
        self.warmup_steps = warmup_steps

    def make_optimizer(self) -> torch.optim.Optimizer:
        """See `MinibatchModule.make_optimizer`; Muon is for the matrices of BERT's layers."""
        if self.optimizer == "adamw":
            return super().make_optimizer()
        matrices = cast(BertTokenClassifier | BertStepClassifier, self.model).layer_matrices()
        chosen = set(map(id, matrices))
        others = [parameter for parameter in self.model.parameters() if id(parameter) not in chosen]
        return MuonAdamW(matrices, others, **self._adam)

    def make_scheduler(self, optimizer: torch.optim.Optimizer) -> Any:
        """Return the warm-up and decay of the learning rate over the data's number of steps."""
        steps = self.data.num_steps
        return make_rate_schedule(optimizer, steps, self.warmup_steps / steps, self.schedule)

    def check_data(self, data: CurriculumData) -> None:
        """Check that the model's sizes hold the data.

        Raises:
            UsageError: naming the size that does not, or a warm-up longer than the run.
        """
        ours = cast(dict[str, Any], self.model.init_args)
        for key, least in cast(PositionData, data).demands.items():
            if ours[key] < least:
                raise bad_value(f"model.{key}", ours[key], f"at least the data's {least}")
        check_warmup(self.warmup_steps, data.num_steps)

    @property
    def _task_data(self) -> PositionData:
        return cast(PositionData, self.data)

    def measure(self, batch: Batch) -> Measures:
        """Return loss and accuracy of the hard position, and the accuracy of each."""
        flat_logits, flat_labels = self.logits_and_labels(batch)
        labels = flat_labels.view(-1, self._task_data.n_positions)
        logits = at_least_single(flat_logits).view(*labels.shape, -1)
        right = logits.argmax(-1) == labels
        last = self._task_data.last
        return {
            "loss": functional.cross_entropy(logits[:, last], labels[:, last], reduction="none"),
            "accuracy": right[:, last],
            **{f"position_{v}": of_position for v, of_position in enumerate(right.unbind(1), 1)},
        }
