"""What a module of a user's own hears: whole logits, chunks of them, k classes, several teachers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    RobertaConfig,
    RobertaForMaskedLM,
)

from lit_curriculum.distillation import Distilled, Teacher
from lit_curriculum.distillation.states import head_of
from lit_curriculum.distillation.teacher import Team
from lit_curriculum.errors import UsageError

V, N, LENGTH = 13, 3, 6
KINDS = ["gpt2", "bert", "roberta"]


def model(kind: str, seed: int, width: int = 8) -> Any:
    torch.manual_seed(seed)
    if kind == "gpt2":
        config = GPT2Config(vocab_size=V, n_embd=width, n_layer=1, n_head=2, n_positions=16, bos_token_id=0)
        config.eos_token_id = 0
        config.initializer_range = 0.5
        return GPT2LMHeadModel(config).eval()
    sizes: dict[str, Any] = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    sizes |= {"vocab_size": V, "hidden_size": width, "max_position_embeddings": 16, "initializer_range": 0.5}
    if kind == "bert":
        return BertForMaskedLM(BertConfig(**sizes)).eval()
    return RobertaForMaskedLM(RobertaConfig(**sizes)).eval()


def batch() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(2, V, (N, LENGTH), generator=generator)
    labels = torch.randint(0, V, (N, LENGTH), generator=generator)
    labels[torch.rand((N, LENGTH), generator=generator) < 0.4] = -100
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


def listening(*teachers: tuple[float, Teacher]) -> Distilled:
    student = Distilled()
    for weight, teacher in teachers:
        teacher.ask = student.rows_of_teacher
        student.supervision.follow(teacher, weight, owner=teacher)
    return student


def gradients(loss: torch.Tensor, of: nn.Module) -> list[torch.Tensor]:
    return list(torch.autograd.grad(loss, list(of.parameters()), allow_unused=True))


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_and_its_input_make_the_logits(kind: str) -> None:
    asked, given = model(kind, 0), batch()
    inputs, kept = {k: v for k, v in given.items() if k != "labels"}, given["labels"].flatten() != -100
    head = head_of(asked, inputs, kept)
    logits = asked(**inputs).logits.flatten(0, 1)[kept]
    found = nn.functional.linear(head.hidden, head.weight, head.bias)
    torch.testing.assert_close(found, logits, rtol=0, atol=1e-6)
    assert not asked.get_output_embeddings()._forward_pre_hooks


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tau", [None, 0.0, 1e-4, 1.0, 2.0])
def test_chunks_teach_what_whole_logits_do(kind: str, tau: float | None) -> None:
    student, given = model(kind, 0), batch()
    inputs = {name: value for name, value in given.items() if name != "labels"}
    hears = listening(*([] if tau is None else [(1.0, Teacher(model(kind, 1, 16), tau))]))
    whole = hears.distillation_loss(student(**inputs).logits, given)
    chunked = hears.chunked_distillation_loss(student, given)
    torch.testing.assert_close(chunked, whole, rtol=1e-5, atol=1e-6)
    for a, b in zip(gradients(chunked, student), gradients(whole, student), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("k", [3, V])
def test_k_classes_teach_alike_in_chunks_and_whole(k: int) -> None:
    student, given = model("gpt2", 0), batch()
    inputs = {name: value for name, value in given.items() if name != "labels"}
    hears = listening((1.0, Teacher(model("gpt2", 1), 1.0, top_k=k)))
    whole = hears.distillation_loss(student(**inputs).logits, given)
    torch.testing.assert_close(hears.chunked_distillation_loss(student, given), whole, rtol=1e-5, atol=1e-6)
    full = listening((1.0, Teacher(model("gpt2", 1), 1.0))).distillation_loss(student(**inputs).logits, given)
    if k == V:
        torch.testing.assert_close(whole, full, rtol=1e-5, atol=1e-6)
    else:
        assert whole < full


@pytest.mark.parametrize("kind", KINDS)
def test_a_student_that_is_its_teacher_has_no_loss(kind: str) -> None:
    student, given = model(kind, 0), batch()
    inputs = {name: value for name, value in given.items() if name != "labels"}
    hears = listening((1.0, Teacher(student, 1.0)))
    with torch.autocast("cpu", torch.bfloat16):
        logits = student(**inputs).logits
    assert hears.distillation_loss(logits.float(), given).item() < 1e-3  # the teacher's are not in bfloat16
    assert hears.distillation_loss(student(**inputs).logits, given).item() == 0.0
    assert hears.chunked_distillation_loss(student, given).item() == 0.0


def test_several_teachers_are_averaged() -> None:
    student, given = model("gpt2", 0), batch()
    inputs = {name: value for name, value in given.items() if name != "labels"}
    first, second = model("gpt2", 1), model("gpt2", 2, 16)
    hears = listening((0.25, Teacher(first, 1.0)), (0.75, Teacher(second, 1.0)))
    assert isinstance(hears.supervision.teacher, Team)
    kept = given["labels"].flatten() != -100
    p = [m(**inputs).logits.flatten(0, 1)[kept].double().softmax(-1) for m in (first, second)]
    mean = 0.25 * p[0] + 0.75 * p[1]
    logits = student(**inputs).logits
    q = logits.flatten(0, 1)[kept].double().log_softmax(-1)
    expected = (mean * (mean.log() - q)).sum(-1).mean()
    assert hears.distillation_loss(logits, given).item() == pytest.approx(expected.item(), abs=1e-6)
    with pytest.raises(UsageError, match="allowed: one teacher"):
        hears.chunked_distillation_loss(student, given)


def test_a_swap_replaces_its_own_teacher_alone() -> None:
    hears = Distilled()
    a, b, c = (Teacher(nn.Linear(1, 2), 1e-4, source=name, near_ties=1) for name in "abc")
    hears.supervision.follow(a, 0.5, owner="left")
    hears.supervision.follow(b, 0.5, owner="right")
    assert hears.supervision.near_ties == 2
    hears.supervision.follow(c, 0.5, owner="left")
    team = hears.supervision.teacher
    assert isinstance(team, Team)
    assert {teacher.source for _, teacher in team.members} == {"b", "c"}
    assert hears.supervision.near_ties == 3


def test_what_does_not_end_in_a_linear_layer_is_refused() -> None:
    given = batch()
    with pytest.raises(UsageError, match="Linear has no linear output embedding"):
        Distilled().chunked_distillation_loss(nn.Linear(2, 2), given)
    capped = model("gpt2", 0)
    capped.config.final_logit_softcapping = 30.0
    with pytest.raises(UsageError, match="changes its logits by final_logit_softcapping"):
        Distilled().chunked_distillation_loss(capped, given)


def test_logits_and_labels_must_belong_together() -> None:
    given, student = batch(), model("gpt2", 0)
    hears = listening((1.0, Teacher(GPT2LMHeadModel(GPT2Config(vocab_size=V + 1, n_embd=8, n_head=2)), 1.0)))
    logits = student(given["input_ids"]).logits
    with pytest.raises(UsageError, match="the teacher's classes: got 14; allowed: 13"):
        hears.distillation_loss(logits, given)
    with pytest.raises(UsageError, match=r"labels: got \(3, 6\); allowed: \(3, 5\)"):
        hears.distillation_loss(logits[:, :5], given)
    with pytest.raises(UsageError, match=r"labels_of: got a batch of \['x'\]; allowed: \(inputs, labels\)"):
        hears.distillation_loss(logits, {"x": logits})
    nothing = {**given, "labels": torch.full_like(given["labels"], -100)}
    assert Distilled().distillation_loss(logits, nothing).item() == 0.0
