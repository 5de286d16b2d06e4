"""Batch-1 students that share a teacher's answers are the students that ask it themselves, bit for bit."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import torch

from lit_curriculum.distillation import Teacher
from tests.support import config, fit, in_child, killed_at_write, without_times

RUN = [config("sparse_parity_mlp"), config("smoke/sparse_parity_mlp")]
ONE_SHOT = "{class_path: OneShot}"
# Swaps inside and at the end of a block, and an end of a Lightning batch inside another.
SWAPS = "{class_path: Explicit, init_args: {checkpoints: [3000, 9000, 20000], durations: [7, 13, 1]}}"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    assert fit(folder / "run", *RUN) == 0
    return folder / "run" / "bank"


@pytest.fixture(scope="module")
def off(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a student that asks its teacher itself."""
    run = tmp_path_factory.mktemp("off") / "run"
    assert student(run, trained, False)() == 0
    assert not (trained.parent / "labels").exists()
    return run


@pytest.fixture
def bank(trained: Path, tmp_path: Path) -> Path:
    """A copy of the bank, without any labels beside it."""
    return Path(copytree(trained, tmp_path / "teacher" / "bank"))


def student(
    folder: Path, bank: Path, cache: bool, strategy: str = SWAPS, tau: float = 1e-4, **model: Any
) -> Callable[[], int]:
    """Return the training of a student for 60 updates, in blocks of 8 and batches of 10."""
    settings = {"width": 5, "model_seed": 3, "block": 8, **model}
    options = [f"--model.{name}={value}" for name, value in settings.items()]
    options += [
        "--data.num_steps=60",
        "--data.eval_every=30",
        "--data.steps_per_call=10",
        "--data.data_seed=9",
    ]
    swap = f"bank: {bank}, strategy: {strategy}, tau: {tau}, label_cache: {str(cache).lower()}"
    options.append(f"--trainer.callbacks=[{{class_path: SwapTeacher, init_args: {{{swap}}}}}]")
    return lambda: fit(folder, *RUN, options=tuple(options))


def asked(monkeypatch: pytest.MonkeyPatch, action: Callable[[], int]) -> int:
    """Train a student; return how many samples it asked its teacher about."""
    count, compute = 0, Teacher.logits

    def counting(self: Teacher, inputs: torch.Tensor) -> torch.Tensor:
        nonlocal count
        count += len(inputs)
        return compute(self, inputs)

    with monkeypatch.context() as patched:
        patched.setattr(Teacher, "logits", counting)
        assert action() == 0
    return count


def outcome(run: Path) -> tuple[dict[str, torch.Tensor], Any, Any]:
    state = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    kept = {name: value for name, value in state["lit_curriculum"].items() if name != "settings"}
    kept["loss_sum"] = kept["loss_sum"].tolist()
    return state["state_dict"], kept, without_times(run / "metrics.csv")


def assert_same(a: Path, b: Path) -> None:
    (weights, *rest), (others, *other_rest) = outcome(a), outcome(b)
    assert weights.keys() == others.keys()
    assert all(torch.equal(tensor, others[name]) for name, tensor in weights.items())
    assert rest == other_rest


HAS_TRITON = importlib.util.find_spec("triton") is not None and not torch.cuda.is_available()


def test_a_kept_answer_is_not_asked_for_again(
    bank: Path, off: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked(monkeypatch, student(tmp_path / "cold", bank, True)) == 60
    assert asked(monkeypatch, student(tmp_path / "warm", bank, True)) == 0
    assert_same(off, tmp_path / "cold")
    assert_same(off, tmp_path / "warm")


TRITON = [pytest.param("triton", marks=pytest.mark.slow)] if HAS_TRITON else []


@pytest.mark.parametrize("backend", ["numba", "reference", *TRITON])
def test_every_engine_learns_from_what_another_kept(
    backend: str, bank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if backend == "triton":
        monkeypatch.setenv("TRITON_INTERPRET", "1")
        from lit_curriculum.online_sgd import triton_blocks

        small = triton_blocks.Tiling(block=8, sub_block=4, chunk=16, warps=1)
        monkeypatch.setattr(triton_blocks, "TILING", small)
    assert student(tmp_path / "off", bank, False, backend=backend)() == 0
    assert student(tmp_path / "cold", bank, True)() == 0
    assert asked(monkeypatch, student(tmp_path / "warm", bank, True, backend=backend)) == 0
    assert_same(tmp_path / "off", tmp_path / "warm")


@pytest.mark.parametrize("tau", [5e-3, 1.0])
def test_near_ties_and_soft_answers_are_kept_too(
    tau: float, bank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert student(tmp_path / "off", bank, False, tau=tau)() == 0
    assert student(tmp_path / "cold", bank, True, tau=tau)() == 0
    assert asked(monkeypatch, student(tmp_path / "warm", bank, True, tau=tau)) == 0
    assert_same(tmp_path / "off", tmp_path / "cold")
    assert_same(tmp_path / "off", tmp_path / "warm")
    assert (outcome(tmp_path / "warm")[1]["near_ties"] != [0]) == (tau < 1)


def test_rates_seeds_widths_and_strategies_share_what_they_have_in_common(
    bank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One-shot is the final checkpoint throughout; another plan shares its answers where it has the same."""
    assert student(tmp_path / "first", bank, True, ONE_SHOT)() == 0
    other = {"lr": 1e-3, "model_seed": 4, "width": 7}
    assert student(tmp_path / "other off", bank, False, ONE_SHOT, **other)() == 0
    assert asked(monkeypatch, student(tmp_path / "other", bank, True, ONE_SHOT, **other)) == 0
    assert_same(tmp_path / "other off", tmp_path / "other")
    later = "{class_path: Explicit, init_args: {checkpoints: [20000, 9000, 20000], durations: [16, 14, 1]}}"
    assert student(tmp_path / "later off", bank, False, later)() == 0
    # Those of checkpoint 9,000 alone:
    assert asked(monkeypatch, student(tmp_path / "later", bank, True, later)) == 14
    assert_same(tmp_path / "later off", tmp_path / "later")


@pytest.mark.parametrize("moment", [9, 15])
def test_a_student_that_was_killed_goes_on_to_the_same_end(
    moment: int, bank: Path, off: Path, tmp_path: Path
) -> None:
    run = student(tmp_path / "killed", bank, True)
    assert in_child(killed_at_write(run, moment)) == -9
    assert in_child(run) == 0
    assert_same(off, tmp_path / "killed")


def test_students_at_once_share_a_folder(bank: Path, off: Path, tmp_path: Path) -> None:
    assert student(tmp_path / "wide off", bank, False, width=7)() == 0
    children = []
    for width in (5, 7):
        child = os.fork()
        if child == 0:
            os._exit(student(tmp_path / f"{width}", bank, True, width=width)())
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
    assert_same(off, tmp_path / "5")
    assert_same(tmp_path / "wide off", tmp_path / "7")


def test_damaged_labels_cost_a_line_and_nothing_else(bank: Path, off: Path, tmp_path: Path) -> None:
    assert student(tmp_path / "cold", bank, True)() == 0
    file = sorted((bank.parent / "labels").rglob("*.labels"))[0]
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.warns(UserWarning, match=f"label cache: {file} is damaged and computed again"):
        assert student(tmp_path / "warm", bank, True)() == 0
    assert_same(off, tmp_path / "warm")
