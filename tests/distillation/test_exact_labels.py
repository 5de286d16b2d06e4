"""Whole softmaxes on disk: bit for bit, or not at all, and few bytes where they are sharp."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lit_curriculum.distillation import (
    EXACT_LABELS,
    CachedTeacher,
    ExactAnswers,
    LabelCache,
    Shelf,
    Teacher,
    arithmetic,
    teacher_probabilities,
)
from lit_curriculum.distillation.exact_labels import SPAN
from lit_curriculum.errors import UsageError

STREAM = {"task": "a", "data_seed": 0, "tau": 1e-4}
HEADER = 6 * 8


def answers(
    seed: int, tau: float, n_classes: int = 2, n: int = 500, dtype: Any = torch.float32
) -> ExactAnswers:
    """Answers near enough to ties that float32 rounds some probabilities to 0 or 1, and others not."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, n_classes, generator=generator, dtype=dtype)
    logits[::5, -1] = logits[::5, 0] + torch.linspace(0, 120, len(logits[::5]), dtype=dtype) * tau
    return ExactAnswers(teacher_probabilities(logits, tau), seed)


def same(a: ExactAnswers | None, b: ExactAnswers) -> bool:
    """Compare as bits: -0.0 is not 0.0 here."""
    assert a is not None
    x, y = a.probabilities, b.probabilities
    bits = {torch.float32: torch.int32, torch.float64: torch.int64}[y.dtype]
    return x.dtype == y.dtype and torch.equal(x.view(bits), y.view(bits)) and a.near_ties == b.near_ties


def shelf_in(folder: Path, max_bytes: int = 2**24, **stream: Any) -> Shelf[ExactAnswers]:
    return LabelCache(folder, max_bytes).shelf_for(EXACT_LABELS, "t" * 64, {**STREAM, **stream})


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_classes", [1, 2, 8, 300])
@pytest.mark.parametrize("tau", [0.0, 1e-40, 1e-20, 1e-4, 1.0])
def test_every_bit_of_every_probability_comes_back(tau: float, n_classes: int, dtype: torch.dtype) -> None:
    known = {i: answers(i, tau, n_classes, n, dtype) for i, n in ((4000, 500), (9, 3), (70, 0), (71, 1))}
    found = EXACT_LABELS.unpack(EXACT_LABELS.pack(known))
    assert found is not None
    assert sorted(found) == [9, 70, 71, 4000]
    assert all(same(found[index], known[index]) for index in known)


def test_the_tiniest_numbers_and_signed_zeros_are_numbers_too() -> None:
    tiny = torch.tensor([[1.0, 1e-45], [-0.0, 1.0], [0.5, 0.5], [0.0, 1.0]])
    torch.set_flush_denormal(True)  # such a processor takes 1e-45 for 0
    try:
        found = EXACT_LABELS.unpack(EXACT_LABELS.pack({0: ExactAnswers(tiny)}))
    finally:
        torch.set_flush_denormal(False)
    assert found is not None
    assert same(found[0], ExactAnswers(tiny))


def test_a_sharp_answer_of_two_classes_takes_a_bit_and_a_soft_one_its_numbers() -> None:
    n = 40_000
    classes = torch.randint(2, (n,), generator=torch.Generator().manual_seed(0))
    sharp = ExactAnswers(torch.eye(2)[classes])
    size = len(EXACT_LABELS.pack({0: sharp}))
    assert n / 8 <= size < 1.1 * n / 8  # random bits have no shorter form
    soft = ExactAnswers(torch.softmax(torch.randn(n, 2), -1))
    assert 8 * n <= len(EXACT_LABELS.pack({0: soft})) < 8.01 * n


def test_files_hold_spans_of_samples_and_another_temperature_has_others(tmp_path: Path) -> None:
    shelf = shelf_in(tmp_path)
    numbers = (0, 1000, SPAN - 1, SPAN, 3 * SPAN + 7)
    for number in numbers:
        assert shelf.get(number) is None
        shelf.put(number, answers(number, 1e-4))
    shelf.flush()
    names = [path.name for path in sorted(shelf.folder.iterdir())]
    assert names == [f"{i * SPAN:012d}.labels" for i in (0, 1, 3)]
    again = shelf_in(tmp_path)
    assert all(same(again.get(number), answers(number, 1e-4)) for number in reversed(numbers))
    assert shelf_in(tmp_path, tau=1.0).get(0) is None
    assert LabelCache(tmp_path).shelf("t" * 64, STREAM).get(0) is None


@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty", "swapped", "of another kind"])
def test_damage_is_seen_and_computed_again(damage: str, tmp_path: Path) -> None:
    shelf = shelf_in(tmp_path)
    for number in (0, SPAN):
        shelf.put(number, answers(number, 1e-4))
    shelf.flush()
    first, second = sorted(shelf.folder.glob("*.labels"))
    content = first.read_bytes()
    broken = {
        "flipped": content[:90] + bytes([content[90] ^ 1]) + content[91:],
        "truncated": content[:-5],
        "empty": b"",
        "swapped": second.read_bytes(),
        "of another kind": content.replace(b"LITLABL1", b"LITLABL2"),
    }
    first.write_bytes(broken[damage])
    again = shelf_in(tmp_path)
    with pytest.warns(UserWarning, match="is damaged and computed again"):
        assert again.get(0) is None
    assert not first.exists()
    again.put(0, answers(0, 1e-4))
    again.flush()
    assert same(shelf_in(tmp_path).get(0), answers(0, 1e-4))


def test_a_body_that_contradicts_itself_is_no_labels() -> None:
    known = {3: answers(3, 1e-4, n=30), 9: answers(9, 1e-4, n=17)}
    body = EXACT_LABELS.pack(known)
    assert EXACT_LABELS.unpack(body) is not None
    sizes = HEADER + 2 * 8  # after the header the numbers of the blocks, which may be any, then their sizes
    for place in (*range(0, HEADER, 8), sizes, sizes + 8):
        for number in (-1, 2**62, 0, 7):
            wrong = body[:place] + number.to_bytes(8, "little", signed=True) + body[place + 8 :]
            assert EXACT_LABELS.unpack(wrong) is None
    bits = HEADER + 6 * 8
    assert EXACT_LABELS.unpack(body[:bits] + b"\0" * 4 + body[bits + 4 :]) is None
    assert EXACT_LABELS.unpack(body[:-1]) is None
    assert EXACT_LABELS.unpack(b"") is None


def test_what_is_no_softmax_is_refused() -> None:
    with pytest.raises(UsageError, match=r"probability of an answer's only class: got 0.5; allowed: 1"):
        EXACT_LABELS.pack({0: ExactAnswers(torch.tensor([[0.5, 0.0], [0.0, 1.0]]))})


class Counting(torch.nn.Linear):
    """A teacher that counts how often it is asked."""

    asked = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.asked += 1
        return super().forward(x)


def teachers(folder: Path, tau: float) -> tuple[Counting, Teacher, CachedTeacher]:
    torch.manual_seed(0)
    model = Counting(6, 2).requires_grad_(False)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1e-3)  # near-ties at a low temperature
    plain = Teacher(model, tau, exact=True)
    return model, plain, CachedTeacher(model, tau, exact=True, shelf=shelf_in(folder, tau=tau))


@pytest.mark.parametrize("tau", [0.0, 1e-4, 1.0])
def test_a_kept_answer_is_the_teachers_and_so_is_the_count_of_near_ties(tau: float, tmp_path: Path) -> None:
    x = torch.randn(200, 6, generator=torch.Generator().manual_seed(1))
    for number in range(2):
        model, plain, cached = teachers(tmp_path, tau)
        expected = [plain.targets(x[rows], 2, rows.start) for rows in (slice(0, 150), slice(150, 200))]
        model.asked = 0
        found = [cached.targets(x[rows], 2, rows.start) for rows in (slice(0, 150), slice(150, 200))]
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))  # type: ignore[arg-type]
        assert cached.near_ties == plain.near_ties
        assert (cached.near_ties > 0) == (tau == 1e-4)
        assert model.asked == (0 if number else 2)
        assert cached.shelf is not None
        cached.shelf.flush()


def test_a_block_that_ends_elsewhere_is_asked_for_again(tmp_path: Path) -> None:
    x = torch.randn(200, 6)
    model, plain, cached = teachers(tmp_path, 1.0)
    cached.targets(x[:150], 2, 0)
    model.asked = 0
    assert torch.equal(cached.targets(x[:100], 2, 0), plain.targets(x[:100], 2, 0))  # type: ignore[arg-type]
    assert model.asked == 2


def test_answers_that_are_not_finite_are_not_kept(tmp_path: Path) -> None:
    _, _, cached = teachers(tmp_path, 1.0)
    x = torch.full((3, 6), float("nan"))
    assert cached.targets(x, 2, 0).isnan().all()  # type: ignore[union-attr]
    assert cached.shelf is not None
    cached.shelf.flush()
    assert not list(tmp_path.rglob("*.labels"))


def test_the_number_of_threads_is_part_of_the_arithmetic() -> None:
    before, device = torch.get_num_threads(), torch.device("cpu")
    try:
        torch.set_num_threads(1)
        one = arithmetic(device)
        torch.set_num_threads(2)
        assert arithmetic(device) != one
    finally:
        torch.set_num_threads(before)
    assert torch.__version__ in one
