"""The options of SwapTeacher that take the curriculum away: matched noise, and teachers of other tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lit_curriculum.callbacks.swap_options import check_task
from lit_curriculum.distillation import CheckpointBank
from lit_curriculum.distillation.manifest import Manifest
from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.hierarchical_parity import HierarchicalParityData
from lit_curriculum.experiments.pcfg_bert import PCFGData
from lit_curriculum.experiments.pcfg_gpt2 import PCFGBoundaryData
from lit_curriculum.models import build
from lit_curriculum.reading import read_table
from lit_curriculum.tasks.counter import random_words
from lit_curriculum.tasks.sparse_parity import SparseParity
from lit_curriculum.training.base_data import CurriculumData
from tests.callbacks.test_swap_teacher import bank, student  # noqa: F401 - a fixture

ROOTS = [10, 11, 12]


def test_batch_1_sgd_learns_from_labels_as_wrong_as_each_checkpoint(
    bank: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    """A plain float64 loop that draws each sample's error by itself gives the same student."""
    forward = "{class_path: Explicit, init_args: {checkpoints: [1000, 20000], durations: [40, 20]}}"
    plan = f"{{class_path: Reordered, init_args: {{strategy: {forward}, order: reversed}}}}"
    run = student(tmp_path, bank, plan, "noisy_labels: true")
    errors = {e.step: 1 - e.metrics["val/accuracy"] for e in CheckpointBank.open(bank)}
    task, wrong = SparseParity.create(12, 3), 0
    model = build({"name": "mlp", "init_args": {"d": 12, "width": 5, "n_classes": 2}}, seed=3).double()
    for step in range(60):
        x, y = (torch.from_numpy(part) for part in task.sample(9, "train", step, 1))
        chance = int(random_words(9, "train", step, 1, 2, "choice")[0, 0]) / 2**32
        flipped = chance < errors[20000 if step < 20 else 1000]
        wrong += flipped
        loss = torch.nn.functional.cross_entropy(model(x.double()), 1 - y if flipped else y)
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.sub_(0.01 * parameter.grad)
    assert 5 < wrong < 35
    state = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(state[f"model.{name}"].double(), tensor, rtol=0, atol=2e-6)
    swaps = [(int(row["step"]), int(row["teacher_step"])) for row in read_table(run / "swaps.csv")]
    assert swaps == [(0, 20000), (20, 1000)]


def pcfg(grammar: str = "cfg3b", **more: Any) -> PCFGData:
    return PCFGData(num_steps=10, eval_every=10, grammar=grammar, **{"roots": ROOTS, **more})


def taught(data: CurriculumData, **sizes: int) -> CheckpointBank:
    """Return a bank without checkpoints, of a teacher of these data."""
    model = {"name": "any", "init_args": {"vocab_size": 5, "max_length": 9, **sizes}}
    return CheckpointBank(Path("bank"), Manifest(model, data.describe_task(), None, None, ()))


@pytest.mark.parametrize("kind", [pcfg, lambda g: PCFGBoundaryData(10, g, ROOTS, height=1, eval_every=10)])
def test_a_teacher_of_another_grammar_has_to_be_asked_for(kind: Any) -> None:
    student, other = kind("cfg3b"), taught(kind("cfg3h"))
    with pytest.raises(UsageError, match=r"learned grammar = .* allowed: the student's grammar"):
        check_task(other, student, other=False)
    check_task(other, student, other=True)
    check_task(taught(student), student, other=False)


def test_another_tree_is_another_task() -> None:
    ours, theirs = (HierarchicalParityData(12, 10, depth=2, node_size=size, eval_every=10) for size in (2, 3))
    with pytest.raises(UsageError, match="learned nodes"):
        check_task(taught(theirs), ours, other=False)
    check_task(taught(theirs), ours, other=True)


@pytest.mark.parametrize(
    ("teacher", "sizes", "message"),
    [
        (
            pcfg(),
            {},
            "SwapTeacher.other_task: got True; allowed: a bank of another grammar than the student's",
        ),
        (
            pcfg("cfg3h"),
            {"max_length": 8},
            "SwapTeacher.bank: the teacher's max_length: got 8; allowed: at least the 9 tokens",
        ),
        (
            pcfg("cfg3h"),
            {"vocab_size": 6},
            "SwapTeacher.bank: the teacher's vocab_size: got 6; allowed: the grammar's 5 token ids",
        ),
        (pcfg("cfg3h", mask_rate=0.5), {}, "SwapTeacher.bank: the teacher in bank learned masking = "),
    ],
    ids=["the same", "too short", "other tokens", "other masks"],
)
def test_all_else_has_to_be_the_students(teacher: PCFGData, sizes: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_task(taught(teacher, **sizes), pcfg(), other=True)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_task_of_which_no_other_is_known() -> None:
    class Sums(PCFGData):
        def describe_task(self) -> dict[str, Any]:
            return {"task": "sums", "modulus": 7}

    data = Sums(num_steps=10, eval_every=10, roots=ROOTS)
    with pytest.raises(UsageError, match="other_task: got True; allowed: false for this task"):
        check_task(taught(data), data, other=True)


def test_noise_on_tokens_is_never_padding_or_mask() -> None:
    assert pcfg().first_class == 2
    assert int(pcfg().draw("train", 0, 64)["labels"].flatten().unique()[1]) == 2
