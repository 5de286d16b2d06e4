"""The teacher supervises the student and is no part of it."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

from lit_curriculum.distillation import (
    CheckpointBank,
    Supervision,
    Teacher,
    TeacherLoader,
    teacher_probabilities,
)
from lit_curriculum.errors import UsageError
from tests.distillation.banks import network, same_weights, write_bank

INPUTS = torch.tensor([[1.0, -1, 1], [-1, -1, 1], [1, 1, 1], [-1, 1, -1]])
LABELS = torch.tensor([0, 1, 1, 0])
ONE_HOT = torch.tensor([[1.0, 0], [0, 1], [0, 1], [1, 0]])


class Student(nn.Module):
    """A module that keeps its supervision as an attribute."""

    def __init__(self, teacher: nn.Module) -> None:
        super().__init__()
        self.model = network(1)
        self.supervision = Supervision(Teacher(teacher, 0.0))


def test_the_teacher_is_in_nobodys_parameters_or_state_dict():
    teacher = network(2)
    student = Student(teacher)
    assert set(student.state_dict()) == {f"model.{name}" for name in network(1).state_dict()}
    ours = {id(parameter) for parameter in student.parameters()}
    assert len(ours) == 4
    assert not ours & {id(parameter) for parameter in teacher.parameters()}
    assert teacher not in list(student.modules())


def test_putting_the_student_in_training_mode_leaves_the_teacher_in_eval_mode():
    teacher = network(2).eval()
    Student(teacher).train()
    assert not teacher.training


def test_learning_from_the_teacher_changes_the_student_alone():
    teacher = network(2)
    student = Student(teacher)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
    targets = student.supervision.targets(INPUTS, LABELS, 2)
    student.supervision.loss(targets, student.model(INPUTS)).backward()
    optimizer.step()
    assert same_weights(teacher, network(2))
    assert not same_weights(student.model, network(1))
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_targets_carry_no_gradient():
    assert not Supervision(Teacher(network(2), 1.0)).targets(INPUTS, LABELS, 2).requires_grad


def test_without_a_teacher_the_targets_are_the_labels():
    assert torch.equal(Supervision().targets(INPUTS, LABELS, 2), ONE_HOT)


@pytest.mark.parametrize("tau", [0.0, 1e-4, 1.0])
def test_with_a_teacher_the_targets_are_its_probabilities(tau):
    teacher = network(2)
    found = Supervision(Teacher(teacher, tau)).targets(INPUTS, LABELS, 2)
    torch.testing.assert_close(found, teacher_probabilities(teacher(INPUTS).detach(), tau), rtol=0, atol=0)


def test_labels_are_mixed_in_with_their_share():
    teacher = network(2)
    pure = Supervision(Teacher(teacher, 1.0)).targets(INPUTS, LABELS, 2)
    mixed = Supervision(Teacher(teacher, 1.0), label_weight=0.25).targets(INPUTS, LABELS, 2)
    torch.testing.assert_close(mixed, 0.25 * ONE_HOT + 0.75 * pure)


def test_loss_is_the_mean_cross_entropy_for_labels():
    logits = network(1)(INPUTS)
    supervision = Supervision()
    found = supervision.loss(supervision.targets(INPUTS, LABELS, 2), logits)
    torch.testing.assert_close(found, nn.functional.cross_entropy(logits, LABELS))


def test_tau_squared_scales_the_teachers_loss_only_when_asked():
    teacher, logits = network(2), network(1)(INPUTS)
    plain = Supervision(Teacher(teacher, 0.5))
    scaled = Supervision(Teacher(teacher, 0.5), scale_by_tau_squared=True)
    targets = plain.targets(INPUTS, LABELS, 2)
    torch.testing.assert_close(scaled.loss(targets, logits), 0.25 * plain.loss(targets, logits))
    assert plain.loss_scale == 1.0
    assert Supervision(scale_by_tau_squared=True).loss_scale == 1.0


def test_student_temperature_applies_to_distillation_and_not_to_labels():
    logits = network(1)(INPUTS)
    teacher = network(2)
    hot = Supervision(Teacher(teacher, 1.0), student_temperature=4.0)
    targets = hot.targets(INPUTS, LABELS, 2)
    torch.testing.assert_close(
        hot.loss(targets, logits), Supervision(Teacher(teacher, 1.0)).loss(targets, logits / 4.0)
    )
    labels_only = Supervision(student_temperature=4.0)
    torch.testing.assert_close(labels_only.loss(ONE_HOT, logits), nn.functional.cross_entropy(logits, LABELS))


class Fixed(nn.Module):
    """A teacher with given logits."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def test_near_ties_are_counted_over_batches_at_small_temperatures():
    logits = torch.tensor([[0.0, 0.0], [0.0, 1e-3], [0.0, 1.0]])
    supervision = Supervision(Teacher(Fixed(), 1e-4))
    for _ in range(2):
        supervision.targets(logits, torch.tensor([0, 0, 1]), 2)
    assert supervision.near_ties == 4


@pytest.mark.parametrize("tau", [0.0, 1.0])
def test_near_ties_mean_nothing_at_argmax_or_a_large_temperature(tau):
    supervision = Supervision(Teacher(Fixed(), tau))
    supervision.targets(torch.zeros(3, 2), torch.tensor([0, 0, 1]), 2)
    assert supervision.near_ties == 0


# --- loading -------------------------------------------------------------------------------------------


def test_loader_gives_the_checkpoints_network_frozen(tmp_path):
    write_bank(tmp_path)
    bank = CheckpointBank.open(tmp_path)
    loader = TeacherLoader(bank)
    for entry in bank:
        model = loader.get(entry, "cpu")
        assert same_weights(model, network(entry.step))
        assert not model.training
        assert not any(parameter.requires_grad for parameter in model.parameters())


def test_loader_keeps_the_teacher_in_use_and_reads_another_anew(tmp_path):
    write_bank(tmp_path)
    bank = CheckpointBank.open(tmp_path)
    loader = TeacherLoader(bank)
    first = loader.get(bank.at(10), "cpu")
    assert loader.get(bank.at(10), "cpu") is first
    second = loader.get(bank.at(20), "cpu")
    assert second is not first
    assert same_weights(second, network(20))


def test_loader_refuses_a_file_altered_since_the_bank_was_opened(tmp_path):
    write_bank(tmp_path)
    bank = CheckpointBank.open(tmp_path)
    loader = TeacherLoader(bank)
    loader.get(bank.at(10), "cpu")
    (tmp_path / bank.at(20).file).write_bytes(b"other")
    with pytest.raises(UsageError, match="truncated or altered"):
        loader.get(bank.at(20), "cpu")


def test_a_copied_student_still_has_no_teacher_inside():
    student = copy.deepcopy(Student(network(2)))
    assert sum(parameter.numel() for parameter in student.parameters()) == 3 * 4 + 4 + 2 * 4 + 2
    assert math.isfinite(student.supervision.loss(ONE_HOT, student.model(INPUTS)).item())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_a_teacher_answers_in_its_own_precision_whatever_the_students(dtype):
    """As in a trainer of that precision: inputs of +-1, and the type of new tensors, are the student's."""
    teacher = network(2)
    expected = Supervision(Teacher(teacher, 0.5)).targets(INPUTS, LABELS, 2)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        found = Supervision(Teacher(teacher, 0.5)).targets(INPUTS.to(dtype), LABELS, 2)
        assert torch.get_default_dtype() == dtype
    finally:
        torch.set_default_dtype(before)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


def test_a_broken_answer_is_known_until_the_next():
    supervision = Supervision(Teacher(Fixed(), 1.0))
    assert not supervision.broken
    for logits, broken in ((torch.full((1, 2), math.nan), True), (torch.zeros(1, 2), False)):
        supervision.targets(logits, torch.tensor([0]), 2)
        assert supervision.broken == broken
