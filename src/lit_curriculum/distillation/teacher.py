"""The teacher at work: one frozen model at a time, at one temperature, asked batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map_only

from lit_curriculum.distillation.answers import Answers, is_sharp, sharp_answers
from lit_curriculum.distillation.bank import CheckpointBank
from lit_curriculum.distillation.chunked import Head
from lit_curriculum.distillation.exact_labels import ExactAnswers
from lit_curriculum.distillation.label_cache import Shelf
from lit_curriculum.distillation.manifest import Checkpoint
from lit_curriculum.distillation.targets import WIDE, count_near_ties, dense, teacher_probabilities
from lit_curriculum.distillation.top_k import TopK, top_k_answers
from lit_curriculum.models import Inputs, target_logits


@dataclass
class Teacher:
    """A checkpoint's model, in eval mode and without gradients.

    Attributes:
        model: in nobody's state_dict, optimizer or DDP bucket.
        tau: its temperature.
        source: which checkpoint it is, for messages.
        ask: returns logits (M, C) of the model for inputs; by default of any model of this suite.
        device: where the model is, if elsewhere than its student.
        top_k: answer with so many classes and one bucket for the rest; None for all classes.
        exact: answer with the whole softmax at every temperature.
        near_ties: answers so far that were too close for a small tau to be argmax.
    """

    model: nn.Module
    tau: float
    source: str = "the teacher"
    near_ties: int = 0
    ask: Callable[[nn.Module, Any], torch.Tensor] = target_logits
    device: torch.device | None = None
    top_k: int | None = None
    exact: bool = False

    def targets(self, inputs: Inputs, n_classes: int, index: int | None = None) -> torch.Tensor | TopK:
        """Return target probabilities (M, C), a row for each prediction that the inputs ask for, or `TopK`.

        Args:
            inputs: samples (n, ...) with M = n, or what else the model takes (`models.Inputs`).
            n_classes: C.
            index: number of the batch in its stream. With it a sharp answer is a class or two
                (`answers`), whether or not it is kept; without, or with ``exact``, a softmax.

        Where the logits are not finite the answer is NaN, and so is every loss that comes of it.
        """
        if self.top_k is not None:
            return self.top_answers(inputs, index)
        if self.exact or index is None or not is_sharp(self.tau):
            whole = self.exact_answers(inputs, index)
            self.near_ties += whole.near_ties
            return whole.probabilities
        answers = self.answers(inputs, index)
        self.near_ties += answers.near_ties
        device = _tensors(inputs)[0].device
        if n_classes >= WIDE and answers.finite and not len(answers.row):
            return answers.top.to(device)
        return answers.targets(n_classes, device)

    def answers(self, inputs: Inputs, index: int) -> Answers:
        """Return the sharp answers to a batch."""
        return sharp_answers(self.logits(inputs), self.tau)

    def exact_answers(self, inputs: Inputs, index: int | None) -> ExactAnswers:
        """Return the softmax of a batch, its near-ties counted where the temperature is sharp."""
        logits = self.logits(inputs)
        counted = self.tau > 0 and is_sharp(self.tau)
        near_ties = count_near_ties(logits, self.tau) if counted else 0
        return ExactAnswers(teacher_probabilities(logits, self.tau), near_ties)

    def top_answers(self, inputs: Inputs, index: int | None) -> TopK:
        """Return the likeliest classes for each prediction."""
        assert self.top_k is not None
        return top_k_answers(self.logits(inputs), self.tau, self.top_k)

    def logits(self, inputs: Inputs) -> torch.Tensor:
        """Return logits (M, C), in the precision of the teacher's weights, whatever the student's is."""
        answer: torch.Tensor = self._asked(self.ask, inputs)
        return answer if self.device is None else answer.to(_tensors(inputs)[0].device)

    def head(self, ask: Callable[[nn.Module, Any], Head], inputs: Any) -> Head:
        """Return what the teacher's logits are made of, as ``ask`` finds it, where the inputs are."""
        found: Head = self._asked(ask, inputs)
        if self.device is None:
            return found
        here = _tensors(inputs)[0].device
        bias = None if found.bias is None else found.bias.to(here)
        return Head(found.hidden.to(here), found.weight.to(here), bias)

    def _asked(self, ask: Callable[[nn.Module, Any], Any], inputs: Any) -> Any:
        weights = next(self.model.parameters(), None)
        dtype = torch.get_default_dtype() if weights is None else weights.dtype
        with torch.no_grad(), _default_dtype(dtype), self._own_precision(inputs):
            return ask(self.model, _moved(inputs, dtype, self.device))

    def _own_precision(self, inputs: Any) -> AbstractContextManager[Any]:
        """Keep a student's autocast off its teacher; `target_logits` takes care of the heads itself."""
        if self.ask is target_logits:
            return nullcontext()
        kind = next((leaf.device.type for leaf in _tensors(inputs)), "cpu")
        return torch.autocast(self.device.type if self.device else kind, enabled=False)


@dataclass
class CachedTeacher(Teacher):
    """A teacher whose answers are looked up by the batch's number before the model is asked.

    Attributes:
        shelf: where this teacher's answers to this stream of batches are kept.
    """

    shelf: Shelf[Any] | None = None

    def answers(self, inputs: Inputs, index: int) -> Answers:
        """See `Teacher.answers`; what is not finite is not kept."""
        found: Answers = self._kept(index, lambda: super(CachedTeacher, self).answers(inputs, index))
        return found

    def exact_answers(self, inputs: Inputs, index: int | None) -> ExactAnswers:
        """See `Teacher.exact_answers`; what is not finite is not kept."""
        if not self.exact:
            return super().exact_answers(inputs, index)
        here = _tensors(inputs)[0]
        # Rounding may depend on where a block of samples ends: one that ended elsewhere is another answer.
        found: ExactAnswers = self._kept(
            index, lambda: super(CachedTeacher, self).exact_answers(inputs, index), rows=len(here)
        )
        return ExactAnswers(found.probabilities.to(here.device), found.near_ties)

    def top_answers(self, inputs: Inputs, index: int | None) -> TopK:
        """See `Teacher.top_answers`; what is not finite is not kept."""
        found: TopK = self._kept(index, lambda: super(CachedTeacher, self).top_answers(inputs, index))
        return found

    def _kept(self, index: int | None, compute: Callable[[], Any], rows: int | None = None) -> Any:
        assert self.shelf is not None
        assert index is not None
        known = self.shelf.get(index)
        if known is None or (rows is not None and len(known) != rows):
            known = compute()
            if known.finite:
                self.shelf.put(index, known)
        return known


@dataclass
class Team:
    """Several teachers, whose answers are averaged.

    Attributes:
        members: weight and teacher, the weights adding up to 1.
    """

    members: list[tuple[float, Teacher]]

    @property
    def tau(self) -> float:
        """The temperature of the first."""
        return self.members[0][1].tau

    @property
    def source(self) -> str:
        """Which checkpoints they are, for messages."""
        return ", ".join(teacher.source for _, teacher in self.members)

    @property
    def near_ties(self) -> int:
        """Of all of them."""
        return sum(teacher.near_ties for _, teacher in self.members)

    def targets(self, inputs: Inputs, n_classes: int, index: int | None = None) -> torch.Tensor:
        """Return the mean of what they answer, probabilities (M, C)."""
        answers = [(weight, teacher.targets(inputs, n_classes, index)) for weight, teacher in self.members]
        parts = [weight * dense(cast(torch.Tensor, answer), n_classes) for weight, answer in answers]
        return torch.stack(parts).sum(0)


def _tensors(inputs: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(_plain(inputs)) if isinstance(leaf, torch.Tensor)]


def _plain(inputs: Any) -> Any:
    """Return a mapping as a dict: what is like one, a tokenizer's batch for one, no tree is made of."""
    return dict(inputs) if isinstance(inputs, Mapping) and not isinstance(inputs, dict) else inputs


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Make new tensors of this type: Lightning's low precisions change what a model makes in its forward."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _moved(inputs: Any, dtype: torch.dtype, device: torch.device | None = None) -> Any:
    """Return inputs of any form, floating tensors in ``dtype``, all of them on ``device`` if one is given."""

    def move(value: torch.Tensor) -> torch.Tensor:
        return value.to(device=device, dtype=dtype if value.is_floating_point() else value.dtype)

    return tree_map_only(torch.Tensor, move, _plain(inputs))


class TeacherLoader:
    """Loads the checkpoints of a bank on demand and keeps the last one."""

    def __init__(self, bank: CheckpointBank) -> None:
        self.bank = bank
        self._held: tuple[Checkpoint, nn.Module] | None = None

    def get(self, entry: Checkpoint, device: torch.device | str) -> nn.Module:
        """Return the model of a checkpoint on a device, its file verified when it is read.

        Raises:
            UsageError: if the file is missing, altered or of another architecture.
        """
        if self._held is None or self._held[0] != entry:
            self._held = (entry, self.bank.load(entry))
        return self._held[1].to(device)
