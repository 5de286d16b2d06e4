"""Files appear whole or not at all, and a table of steps goes on where it was cut."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.files import (
    hash_of_json,
    replacing,
    sha256_of,
    write_json,
    write_text,
    write_with,
)


class Stop(BaseException):
    """Stands for a kill: no ordinary handler catches it."""


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


# --- replacing -----------------------------------------------------------------------------------------


def test_text_is_written_as_given(tmp_path):
    write_text(tmp_path / "a.txt", "é\n\r\nx")
    assert (tmp_path / "a.txt").read_bytes() == "é\n\r\nx".encode()


def test_folders_are_made(tmp_path):
    write_text(tmp_path / "a" / "b" / "c.txt", "x")
    assert (tmp_path / "a" / "b" / "c.txt").read_text() == "x"


def test_new_content_replaces_old_and_leaves_nothing_else(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    write_text(tmp_path / "a.txt", "new")
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "new"


def test_until_the_end_of_the_body_the_old_content_stands(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert temporary.parent == path.parent
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("error", [OSError, Stop])
def test_a_failing_body_leaves_the_old_content_and_no_temporary(tmp_path, error):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def half(temporary: Path) -> None:
        temporary.write_text("ne")
        raise error

    with pytest.raises(error):
        write_with(path, half)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_failing_rename_leaves_the_old_content_and_no_temporary(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def failing(self, target):
        raise OSError("rename refused")

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(OSError, match="rename refused"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_failing_sync_leaves_the_old_content(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def failing(descriptor):
        raise OSError("input/output error")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="input/output error"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_first_file_that_fails_does_not_exist(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "replace", lambda self, target: (_ for _ in ()).throw(Stop))
    with pytest.raises(Stop):
        write_text(tmp_path / "a.txt", "new")
    assert names(tmp_path) == []


def test_content_reaches_the_disk_before_the_name_and_the_name_after(tmp_path, monkeypatch):
    events = []
    real_sync, real_replace = os.fsync, Path.replace

    def sync(descriptor):
        events.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
        real_sync(descriptor)

    def replace(self, target):
        events.append("rename")
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    write_text(tmp_path / "a.txt", "x")
    assert events == ["file", "rename", "folder"]


def test_files_are_readable_as_the_process_mask_says(tmp_path):
    old = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "x")
        assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640
        assert os.umask(0o027) == 0o027  # and the mask was put back
    finally:
        os.umask(old)


def test_json_is_indented_and_ends_with_a_newline(tmp_path):
    write_json(tmp_path / "a.json", {"b": [1, 2.5], "a": None})
    text = (tmp_path / "a.json").read_text()
    assert text.endswith("}\n")
    assert list(json.loads(text).items()) == [("b", [1, 2.5]), ("a", None)]
    assert text.count("\n") > 3


# --- hashes --------------------------------------------------------------------------------------------


def test_hash_of_a_file_is_that_of_its_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=5), json_values, min_size=1, max_size=5))
def test_hash_of_json_does_not_depend_on_the_order_of_keys(value):
    assert hash_of_json(value) == hash_of_json(dict(reversed(value.items())))


@given(json_values, json_values)
def test_hash_of_json_differs_exactly_for_different_text(a, b):
    same = json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
    assert (hash_of_json(a) == hash_of_json(b)) == same


def test_hash_of_json_is_pinned():
    # Run folders and manifests carry such hashes: changing the form would orphan them.
    expected = hashlib.sha256(b'{"a":[1,2.5,null],"b":"x"}').hexdigest()
    assert hash_of_json({"b": "x", "a": [1, 2.5, None]}) == expected
