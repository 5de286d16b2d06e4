"""The k likeliest classes on disk: number for number, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lit_curriculum.distillation import LabelCache, Shelf, TopK, TopKLabels, top_k_answers, top_k_divergence
from lit_curriculum.distillation.label_files import CHUNK
from lit_curriculum.errors import UsageError

STREAM = {"task": "a", "data_seed": 0, "tau": 0.7}
K = 4


def answers(index: int, n_classes: int = 9, tau: float = 0.7, k: int = K) -> TopK:
    generator = torch.Generator().manual_seed(index)
    return top_k_answers(3 * torch.randn(20 + index % 7, n_classes, generator=generator), tau, k)


def same(a: TopK | None, b: TopK) -> bool:
    assert a is not None
    pairs = [(getattr(a, name), getattr(b, name)) for name in ("classes", "log_probability", "rest")]
    return all(x.dtype == y.dtype and torch.equal(x, y) for x, y in pairs)


def shelf_in(folder: Path, k: int = K, max_bytes: int = 2**20, **stream: Any) -> Shelf[TopK]:
    return LabelCache(folder, max_bytes).shelf_for(TopKLabels(k), "t" * 64, {**STREAM, **stream})


def filled(folder: Path, indices: range) -> Shelf[TopK]:
    shelf = shelf_in(folder)
    for index in indices:
        assert shelf.get(index) is None
        shelf.put(index, answers(index))
    shelf.flush()
    return shelf


def test_what_is_put_is_got_by_another_run(tmp_path: Path) -> None:
    filled(tmp_path, range(2 * CHUNK + 3))
    shelf = shelf_in(tmp_path)
    for index in (2 * CHUNK + 2, 5, CHUNK, 0):
        assert same(shelf.get(index), answers(index))
    assert (shelf.hits, shelf.misses) == (4, 0)


@pytest.mark.parametrize("n_classes", [2, 256, 257, 65_536, 65_537])
@pytest.mark.parametrize("tau", [0.0, 1e-4, 2.0])
def test_every_number_comes_back_and_classes_take_few_bytes(n_classes: int, tau: float) -> None:
    known = {9: answers(1, n_classes, tau), 3: answers(2, n_classes, tau)}
    known[9].classes[0, 0] = n_classes - 1
    known[4] = TopK(*(part[:0] for part in (known[3].classes, known[3].log_probability, known[3].rest)))
    codec = TopKLabels(K)
    body = codec.pack(known)
    found = codec.unpack(body)
    assert found is not None
    assert list(found) == [3, 4, 9]
    assert all(same(found[index], known[index]) for index in known)
    width = 1 if n_classes <= 256 else 2 if n_classes <= 65_536 else 4
    cells = sum(part.classes.numel() for part in known.values())
    rows = sum(len(part.rest) for part in known.values())
    assert len(body) == 32 + 3 * 16 + cells * (width + 4) + rows * 4


def test_a_step_on_kept_labels_is_the_same_bits(tmp_path: Path) -> None:
    filled(tmp_path, range(1))
    gradients = []
    for said in (answers(0), shelf_in(tmp_path).get(0)):
        assert said is not None
        student = torch.linspace(-3, 3, 180).reshape(20, 9).requires_grad_()
        loss = top_k_divergence(said, student).mean()
        loss.backward()
        gradients.append((loss.detach(), student.grad))
    for computed, kept in zip(*gradients, strict=True):
        assert torch.equal(computed, kept)


def test_other_kinds_and_other_k_have_another_shelf(tmp_path: Path) -> None:
    filled(tmp_path, range(3))
    assert shelf_in(tmp_path, k=5).get(0) is None
    assert shelf_in(tmp_path, tau=1.0).get(0) is None
    assert LabelCache(tmp_path).shelf("t" * 64, STREAM).get(0) is None
    assert same(shelf_in(tmp_path).get(0), answers(0))


@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty", "swapped", "of another k"])
def test_damage_is_seen_and_computed_again(damage: str, tmp_path: Path) -> None:
    shelf = filled(tmp_path, range(CHUNK + 1))
    first, second = sorted(shelf.folder.glob("*.labels"))
    content = first.read_bytes()
    if damage == "flipped":
        at = len(content) // 2
        first.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    elif damage == "truncated":
        first.write_bytes(content[:-5])
    elif damage == "empty":
        first.write_bytes(b"")
    elif damage == "swapped":
        first.write_bytes(second.read_bytes())
    else:
        other = shelf_in(tmp_path, k=5)
        other.put(0, answers(0, k=5))
        other.flush()
        first.write_bytes(next(other.folder.glob("*.labels")).read_bytes())
    again = shelf_in(tmp_path)
    with pytest.warns(UserWarning, match="damaged"):
        assert again.get(0) is None
    assert not first.exists()
    again.put(0, answers(0))
    again.flush()
    assert same(shelf_in(tmp_path).get(0), answers(0))


def test_both_kinds_share_the_room(tmp_path: Path) -> None:
    filled(tmp_path, range(3 * CHUNK))
    files = sorted(tmp_path.rglob("*.labels"))
    room = sum(path.stat().st_size for path in files)
    shelf = shelf_in(tmp_path, max_bytes=room, data_seed=1)
    shelf.put(0, answers(0))
    shelf.flush()
    kept = sorted(tmp_path.rglob("*.labels"))
    assert len(kept) == 3
    assert sum(path.stat().st_size for path in kept) <= room
    tiny = shelf_in(tmp_path, max_bytes=10, data_seed=2)
    tiny.put(0, answers(0))
    tiny.flush()
    assert not tiny.folder.exists()


def test_a_body_that_contradicts_itself_is_no_labels() -> None:
    codec = TopKLabels(K)
    body = codec.pack({3: answers(3), 9: answers(9)})
    assert codec.unpack(body) is not None
    for place in range(0, 32 + 4 * 8, 8):  # each number of the header, of the batches and of their sizes
        for number in (-1, 2**62, 0, 7):
            wrong = body[:place] + number.to_bytes(8, "little", signed=True) + body[place + 8 :]
            if wrong != body and not 32 <= place < 48:  # any number may be a batch's
                assert codec.unpack(wrong) is None
    assert codec.unpack(body[:-1]) is None
    assert codec.unpack(b"") is None
    assert TopKLabels(K - 1).unpack(body) is None


def test_answers_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(
        UsageError, match=r"classes of an answer: got \[3, 4\]; allowed: one number from 1 to 4"
    ):
        TopKLabels(K).pack({0: answers(0), 1: answers(1, k=3)})
    with pytest.raises(UsageError, match="classes of an answer"):
        TopKLabels(3).pack({0: answers(0)})
    with pytest.raises(UsageError, match="k: got 0"):
        TopKLabels(0)
