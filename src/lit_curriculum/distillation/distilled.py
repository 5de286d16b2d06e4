"""How a module that is not this suite's listens to a teacher: one mixin, one line in its training step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from lit_curriculum.distillation.chunked import chunked_cross_entropy, chunked_kl
from lit_curriculum.distillation.states import head_of
from lit_curriculum.distillation.supervision import Supervision
from lit_curriculum.distillation.targets import at_least_single
from lit_curriculum.distillation.teacher import Team
from lit_curriculum.distillation.top_k import chunked_top_k
from lit_curriculum.errors import UsageError, shortened
from lit_curriculum.tasks.vocabulary import IGNORED_LABEL

_SUPERVISION = "_lit_supervision"
_CHECKED = "_lit_checked"


class Distilled:
    """Mixin for a LightningModule: its loss comes from labels, or from the teacher of `SwapTeacher`.

        class Net(lc.Distilled, LightningModule):
            def training_step(self, batch, batch_idx):
                return self.distillation_loss(self(batch[0]), batch)

    Without `SwapTeacher` the loss is the cross-entropy with the labels, so the same class is teacher, student
    and baseline. Predictions whose label is -100 count for nothing, as everywhere in torch.

    A batch is taken as most loaders give it: ``(inputs, labels)``, or a dict with ``labels`` and the
    arguments of a model of transformers. For any other, override `inputs_of` and `labels_of`; for a teacher
    that is asked in another way, `teacher_logits`. A label belongs to the logits of its own place: a causal
    model's labels are its inputs shifted to the left before they come here, unlike in transformers' own loss.
    """

    @property
    def supervision(self) -> Supervision:
        """Labels, or who teaches now; no submodule, and in nobody's checkpoint."""
        found = self.__dict__.get(_SUPERVISION)
        if found is None:
            found = self.__dict__[_SUPERVISION] = Supervision()
        return found

    def distillation_loss(self, student_logits: torch.Tensor, batch: Any) -> torch.Tensor:
        """Return the loss to descend, a scalar: the mean over all predictions that have a label.

        Args:
            student_logits: (..., C), with a row for each label.
            batch: from which the labels and the teacher's inputs are taken.

        Raises:
            UsageError: if logits and labels, or the teacher's logits, do not belong together, or the labels
                of the first batch are its inputs.
        """
        labels = _labels(self.labels_of(batch))
        self._check_shifted(batch, labels)
        _check_logits(student_logits)
        _check("labels", tuple(labels.shape), tuple(student_logits.shape[:-1]))
        kept = labels.flatten() != IGNORED_LABEL
        rows, n_classes = student_logits.flatten(0, -2)[kept], student_logits.shape[-1]
        if self.supervision.teacher is None:
            losses = nn.functional.cross_entropy(
                at_least_single(rows), labels.flatten()[kept], reduction="none"
            )
            return losses.mean() if len(losses) else losses.sum()
        targets = self.supervision.targets(batch, labels.flatten()[kept], n_classes)
        if isinstance(targets, torch.Tensor) and targets.dim() == 2:
            _check("the teacher's classes", targets.shape[-1], n_classes)
        return self.supervision.loss(targets, rows)

    def chunked_distillation_loss(self, model: nn.Module, batch: Any) -> torch.Tensor:
        """Return what `distillation_loss` does of a language model's logits, which are never whole.

        For a vocabulary of tens of thousands the logits and their gradients are most of a step's memory; here
        a few rows of them exist at a time (`chunked`). Asks ``model`` itself.

        Args:
            model: the student, a causal or masked language model of transformers.
            batch: a dict with ``labels``.

        Raises:
            UsageError: if the student or its teacher does not end in a linear layer, or there are several
                teachers, or a share of the labels.
        """
        inputs, labels = self.inputs_of(batch), self.labels_of(batch)
        self._check_shifted(batch, labels)
        labels = labels.flatten()
        kept = labels != IGNORED_LABEL
        student, supervision = head_of(model, inputs, kept), self.supervision
        teacher, temperature = supervision.teacher, supervision.student_temperature
        if teacher is None:
            return chunked_cross_entropy(student, labels[kept])
        if isinstance(teacher, Team) or supervision.label_weight:
            raise UsageError("chunked_distillation_loss: allowed: one teacher, label_weight = 0")
        if teacher.top_k is not None:
            answers = teacher.top_answers(batch, None)
            return supervision.loss_scale * chunked_top_k(answers, student, temperature)
        told = teacher.head(lambda asked, moved: head_of(asked, self.inputs_of(moved), kept), batch)
        return supervision.loss_scale * chunked_kl(student, told, teacher.tau, temperature)

    def _check_shifted(self, batch: Any, labels: torch.Tensor) -> None:
        """Refuse, in the first batch, labels that are the very tokens at their places: that is copying."""
        if self.__dict__.get(_CHECKED):
            return
        self.__dict__[_CHECKED] = True
        ids = batch.get("input_ids") if isinstance(batch, Mapping) else None
        if isinstance(ids, torch.Tensor) and ids.shape == labels.shape:
            kept = labels != IGNORED_LABEL
            if kept.any() and torch.equal(ids[kept], labels[kept]):
                raise UsageError(
                    "distillation_loss: labels: got input_ids themselves, which leaves nothing to predict; "
                    "allowed: of a causal model the next token at each place (labels shifted to the left)"
                )

    def rows_of_teacher(self, teacher: nn.Module, batch: Any) -> torch.Tensor:
        """Return a teacher's logits (M, C), a row for each prediction that has a label."""
        logits, labels = self.teacher_logits(teacher, batch), self.labels_of(batch)
        _check("the teacher's predictions", tuple(logits.shape[:-1]), tuple(labels.shape))
        return logits.flatten(0, -2)[labels.flatten() != IGNORED_LABEL]

    def teacher_logits(self, teacher: nn.Module, batch: Any) -> torch.Tensor:
        """Return the logits (..., C) of a teacher, a module as it was harvested, in eval mode."""
        inputs = self.inputs_of(batch)
        answer = teacher(**inputs) if isinstance(inputs, Mapping) else teacher(inputs)
        logits: torch.Tensor = getattr(answer, "logits", answer)
        return logits

    def inputs_of(self, batch: Any) -> Any:
        """Return what the model is asked: a tensor, or keyword arguments as a dict.

        Raises:
            UsageError: for a batch of another form.
        """
        if isinstance(batch, Mapping):
            return {name: value for name, value in batch.items() if name != "labels"}
        if isinstance(batch, list | tuple) and len(batch) == 2:
            return batch[0]
        raise _unknown("inputs_of", batch)

    def labels_of(self, batch: Any) -> torch.Tensor:
        """Return the classes (...), int64, -100 where nothing is predicted.

        Raises:
            UsageError: for a batch of another form.
        """
        if isinstance(batch, Mapping) and "labels" in batch:
            labels: torch.Tensor = batch["labels"]
            return labels
        if isinstance(batch, list | tuple) and len(batch) == 2 and isinstance(batch[1], torch.Tensor):
            return batch[1]
        raise _unknown("labels_of", batch)


def _check_logits(logits: Any) -> None:
    if not isinstance(logits, torch.Tensor) or logits.dim() < 2 or logits.shape[-1] < 2:
        got = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise UsageError(f"distillation_loss: logits: got {got}; allowed: a tensor (..., C), C > 1")


def _labels(labels: Any) -> torch.Tensor:
    if not isinstance(labels, torch.Tensor) or labels.dtype != torch.int64:
        got = getattr(labels, "dtype", type(labels).__name__)
        raise UsageError(f"distillation_loss: labels: got {got}; allowed: a tensor of class indices, int64")
    return labels


def _check(what: str, got: Any, wanted: Any) -> None:
    if got != wanted:
        raise UsageError(f"distillation_loss: {what}: got {got}; allowed: {wanted}, as the logits have")


def _unknown(method: str, batch: Any) -> UsageError:
    kind = sorted(map(str, batch)) if isinstance(batch, Mapping) else type(batch).__name__
    return UsageError(
        f"{method}: got a batch of {shortened(kind)}; allowed: (inputs, labels), a dict with labels, or a "
        f"{method} of the module's own"
    )
