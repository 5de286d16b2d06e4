"""What the language-like experiments share: some tokens of every string are predicted, others are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch

from lit_curriculum.errors import bad_value
from lit_curriculum.tasks.pcfg import Grammar
from lit_curriculum.tasks.vocabulary import IGNORED_LABEL
from lit_curriculum.training.base_data import Batch, CurriculumData
from lit_curriculum.training.minibatch import MinibatchModule


class TokenData(CurriculumData):
    """Strings of which some tokens are predicted.

    Shapes: ``inputs`` holds ``input_ids`` int64 (n, L), ``attention_mask`` bool (n, L) and ``targets`` int64
    (M,), the predicted places in the flattened (n * L), ascending; ``labels`` int64 (n, L) is the token to
    predict at these places and -100 elsewhere.
    """

    first_class = 0
    """The least token that is ever a label; below it are padding and [mask], where they come first."""

    def check_reader(self, sizes: Mapping[str, Any], whose: str) -> None:
        """Check that a model of these sizes can read the strings; by default any can.

        Args:
            sizes: a model's arguments, of a teacher that learned another task.
            whose: begins the message.

        Raises:
            UsageError: naming the size that does not fit.
        """
        return

    def count_targets(self, batch: Batch) -> int:
        """Return how many tokens of a batch are predicted."""
        return len(batch["inputs"]["targets"])

    def has_targets(self, split: Any) -> bool:
        """Tell whether any token of a held-out split is predicted."""
        start, count = 0, 16
        while start < self.eval_samples:
            count = min(count, self.eval_samples - start)
            if self.count_targets(self.draw(split, start, count)):
                return True
            start, count = start + count, 2 * count
        return False


def token_batch(input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor) -> Batch:
    """Return a batch of `TokenData` of tensors (n, L)."""
    targets = np.flatnonzero(labels.numpy().reshape(-1) != IGNORED_LABEL)
    inputs = {"input_ids": input_ids, "attention_mask": attention_mask, "targets": torch.from_numpy(targets)}
    return {"inputs": inputs, "labels": labels}


class TokenModule(MinibatchModule):
    """Loss and top-1 accuracy are means over the predicted tokens alone.

    Under several devices or accumulation steps every part is weighted by its number of predicted tokens, so
    that the loss stays the mean over all predicted tokens of the global batch.
    """

    def logits_and_labels(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """See `CurriculumModule.logits_and_labels`: a row for each predicted token."""
        inputs = batch["inputs"]
        return self(inputs), batch["labels"].flatten().index_select(0, inputs["targets"])

    def check_sizes(self, grammar: Grammar) -> None:
        """Check that the model's sizes are the grammar's.

        Raises:
            UsageError: naming the size that does not fit.
        """
        check_sizes(cast(dict[str, Any], self.model.init_args), grammar, "model.")


def check_sizes(sizes: Mapping[str, Any], grammar: Grammar, whose: str) -> None:
    """Check that a model can read a grammar's strings.

    Args:
        sizes: its arguments, ``vocab_size`` and ``max_length`` among them.
        grammar: where the strings come from.
        whose: what stands before a size's name in the message.

    Raises:
        UsageError: naming the size that does not fit.
    """
    if sizes["vocab_size"] != grammar.vocabulary_size:
        allowed = f"the grammar's {grammar.vocabulary_size} token ids"
        raise bad_value(f"{whose}vocab_size", sizes["vocab_size"], allowed)
    if sizes["max_length"] < grammar.max_length:
        allowed = f"at least the {grammar.max_length} tokens of the grammar's longest string"
        raise bad_value(f"{whose}max_length", sizes["max_length"], allowed)
