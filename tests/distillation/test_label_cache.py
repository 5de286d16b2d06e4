"""Labels come back as they were written, or not at all."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from lit_curriculum.distillation import Answers, LabelCache, LabelShelf, sharp_answers
from lit_curriculum.distillation.label_cache import decode, encode
from lit_curriculum.distillation.label_files import CHUNK, signed

STREAM = {"task": "a", "data_seed": 0, "tau": 1e-4}


def answers(index: int, n_classes: int = 5) -> Answers:
    generator = torch.Generator().manual_seed(index)
    logits = torch.randn(20 + index % 7, n_classes, generator=generator)
    logits[::4, 1] = logits[::4, 0] + 1e-4
    return sharp_answers(logits, 1e-4)


def same(a: Answers | None, b: Answers | None) -> bool:
    assert a is not None
    assert b is not None
    names = ("top", "row", "other", "probability")
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in names)


def filled(folder: Path, indices: range, **stream: Any) -> LabelShelf:
    shelf = LabelCache(folder).shelf("t" * 64, {**STREAM, **stream})
    for index in indices:
        assert shelf.get(index) is None
        shelf.put(index, answers(index))
    shelf.flush()
    return shelf


def test_what_is_put_is_got_by_another_run(tmp_path: Path) -> None:
    filled(tmp_path, range(0, 2 * CHUNK + 3))
    shelf = LabelCache(tmp_path).shelf("t" * 64, STREAM)
    for index in (2 * CHUNK + 2, 5, CHUNK, 0):
        assert same(shelf.get(index), answers(index))
    assert shelf.get(2 * CHUNK + 3) is None
    assert (shelf.hits, shelf.misses) == (4, 1)


def test_large_vocabularies_and_empty_batches_are_kept(tmp_path: Path) -> None:
    many = answers(1, n_classes=30_000)
    none = sharp_answers(torch.zeros(0, 5), 1e-4)
    known = decode(encode({3: many, 9: none}, "p"), "p")
    assert known is not None
    assert same(known[3], many)
    assert same(known[9], none)


@pytest.mark.parametrize("change", [{"data_seed": 1}, {"tau": 0.0}, {"task": "b"}])
def test_other_batches_have_another_shelf(change: dict[str, Any], tmp_path: Path) -> None:
    filled(tmp_path, range(3))
    assert LabelCache(tmp_path).shelf("t" * 64, {**STREAM, **change}).get(0) is None
    assert LabelCache(tmp_path).shelf("u" * 64, STREAM).get(0) is None


@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty", "swapped", "of another teacher"])
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
        shutil.copy(second, first)
    else:
        other = LabelCache(tmp_path).shelf("u" * 64, STREAM)
        other.put(0, answers(4))
        other.flush()
        shutil.copy(next(other.folder.glob("*.labels")), first)
    again = LabelCache(tmp_path).shelf("t" * 64, STREAM)
    with pytest.warns(UserWarning, match="damaged"):
        assert again.get(0) is None
    assert not first.exists()
    again.put(0, answers(0))
    again.flush()
    assert same(LabelCache(tmp_path).shelf("t" * 64, STREAM).get(0), answers(0))


def _write(folder: str, first: int) -> None:
    shelf = LabelCache(folder).shelf("t" * 64, STREAM)
    for index in [*range(first, 3 * CHUNK), *range(0, first)]:
        if shelf.get(index) is None:
            shelf.put(index, answers(index))
    shelf.flush()


def test_parallel_writers_leave_only_right_labels(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(str(tmp_path), 13 * i)) for i in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    shelf = LabelCache(tmp_path).shelf("t" * 64, STREAM)
    for index in range(3 * CHUNK):
        found = shelf.get(index)
        assert found is None or same(found, answers(index))
    assert shelf.hits > 2 * CHUNK
    assert not list(tmp_path.rglob("*.tmp"))


def test_the_least_recently_used_make_room(tmp_path: Path) -> None:
    shelf = filled(tmp_path, range(3 * CHUNK))
    files = sorted(shelf.folder.glob("*.labels"))
    for age, path in enumerate(reversed(files)):
        os.utime(path, (1000 - age, 1000 - age))
    sizes = [path.stat().st_size for path in files]
    small = LabelCache(tmp_path, max_bytes=sum(sizes))
    assert same(small.shelf("t" * 64, STREAM).get(0), answers(0))  # now the file used last
    newer = small.shelf("u" * 64, STREAM)
    newer.put(0, answers(0))
    newer.flush()
    assert [path.exists() for path in files] == [True, False, True]
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.labels")) <= sum(sizes)
    tiny = LabelCache(tmp_path, max_bytes=10).shelf("v" * 64, STREAM)
    tiny.put(0, answers(0))
    tiny.flush()
    assert not tiny.folder.exists()


def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    shelf = LabelCache(tmp_path / "file" / "labels").shelf("t" * 64, STREAM)
    assert shelf.get(0) is None
    shelf.put(0, answers(0))
    with pytest.warns(UserWarning, match="cannot be written"):
        shelf.flush()
    assert same(shelf.get(0), answers(0))


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "short"])
def test_what_is_no_file_of_labels_costs_a_warning_and_a_computation(tmp_path: Path, kind: str) -> None:
    shelf = filled(tmp_path, range(3))
    (path,) = tmp_path.glob("*/*.labels")
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path)
    else:
        path.write_bytes(b"LITLABL1")
    again = LabelCache(tmp_path).shelf("t" * 64, STREAM)
    with pytest.warns(UserWarning, match="computed again"):
        assert again.get(0) is None
    assert shelf.get(0) is not None


def test_a_body_that_contradicts_itself_is_no_labels_though_its_hash_matches() -> None:
    whole = encode({3: answers(3), 9: answers(9)}, "p")
    body = whole[40:]
    assert decode(signed(body, "p"), "p") is not None
    for place in range(0, 32, 8):  # each number of the header
        for number in (-1, 2**62, 0, 7):
            wrong = body[:place] + number.to_bytes(8, "little", signed=True) + body[place + 8 :]
            if wrong != body:
                assert decode(signed(wrong, "p"), "p") is None
    assert decode(signed(body[:-1], "p"), "p") is None
    assert decode(signed(b"", "p"), "p") is None
