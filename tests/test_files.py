"""Files appear whole or not at all, and a table of steps goes on where it was cut."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.files import (
    StepTable,
    hash_of_json,
    replacing,
    sha256_of,
    write_json,
    write_text,
    write_with,
)
from lit_curriculum.reading import read_table


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


# --- tables of steps -----------------------------------------------------------------------------------


def table(path: Path, steps: range) -> StepTable:
    result = StepTable(path)
    for step in steps:
        result.append([{"step": step, "value": step / 4}])
    return result


def test_rows_are_read_back_as_written(tmp_path):
    table(tmp_path / "t.csv", range(3))
    assert (tmp_path / "t.csv").read_bytes() == b"step,value\n0,0.0\n1,0.25\n2,0.5\n"
    assert read_table(tmp_path / "t.csv")[1] == {"step": "1", "value": "0.25"}


def test_values_with_commas_and_quotes_survive(tmp_path):
    StepTable(tmp_path / "t.csv").append([{"step": 1, "name": 'a,"b"'}])
    assert read_table(tmp_path / "t.csv") == [{"step": "1", "name": 'a,"b"'}]


def test_every_row_is_on_disk_when_append_returns(tmp_path):
    rows = StepTable(tmp_path / "t.csv")
    for step in range(3):
        rows.append([{"step": step}])
        assert len(read_table(tmp_path / "t.csv")) == step + 1


def test_a_new_table_replaces_an_old_file(tmp_path):
    (tmp_path / "t.csv").write_text("something else")
    table(tmp_path / "t.csv", range(1))
    assert (tmp_path / "t.csv").read_text() == "step,value\n0,0.0\n"


def test_appending_nothing_writes_nothing(tmp_path):
    StepTable(tmp_path / "t.csv").append([])
    assert names(tmp_path) == []


def test_a_row_may_leave_columns_empty_but_not_bring_new_ones(tmp_path):
    rows = table(tmp_path / "t.csv", range(1))
    rows.append([{"step": 1}])
    with pytest.raises(ValueError, match="other"):
        rows.append([{"step": 2, "other": 1}])
    assert [row["value"] for row in read_table(tmp_path / "t.csv")] == ["0.0", ""]


@given(n=st.integers(0, 8), cut=st.integers(-1, 9), garbage=st.sampled_from(["", "9", "9,0.", '9,"0.']))
def test_cut_back_and_continued_a_table_is_as_if_never_interrupted(tmp_path_factory, n, cut, garbage):
    folder = tmp_path_factory.mktemp("tables")
    table(folder / "cut.csv", range(n))
    if n:
        with (folder / "cut.csv").open("a") as stream:
            stream.write(garbage)  # a row half written when the process died
    resumed = StepTable(folder / "cut.csv")
    resumed.cut_back(cut)
    kept = min(n, cut + 1)
    resumed.append([{"step": 100, "value": 1.0}])
    whole = table(folder / "whole.csv", range(kept))
    whole.append([{"step": 100, "value": 1.0}])
    assert (folder / "cut.csv").read_bytes() == (folder / "whole.csv").read_bytes()


def test_cutting_back_twice_is_cutting_back_once(tmp_path):
    table(tmp_path / "t.csv", range(6))
    for _ in range(2):
        StepTable(tmp_path / "t.csv").cut_back(3)
    assert [row["step"] for row in read_table(tmp_path / "t.csv")] == ["0", "1", "2", "3"]


def test_cutting_back_a_table_that_does_not_exist_does_nothing(tmp_path):
    StepTable(tmp_path / "t.csv").cut_back(3)
    assert names(tmp_path) == []


@pytest.mark.parametrize("content", ["", "step,val"])
def test_a_table_killed_within_its_header_starts_anew(tmp_path, content):
    (tmp_path / "t.csv").write_text(content)
    rows = StepTable(tmp_path / "t.csv")
    rows.cut_back(5)
    rows.append([{"step": 1, "value": 2}])
    assert (tmp_path / "t.csv").read_text() == "step,value\n1,2\n"


def test_cutting_back_is_atomic(tmp_path, monkeypatch):
    table(tmp_path / "t.csv", range(6))
    before = (tmp_path / "t.csv").read_bytes()
    monkeypatch.setattr(Path, "replace", lambda self, target: (_ for _ in ()).throw(Stop))
    with pytest.raises(Stop):
        StepTable(tmp_path / "t.csv").cut_back(2)
    assert (tmp_path / "t.csv").read_bytes() == before


def test_a_resumed_table_keeps_the_columns_of_its_header(tmp_path):
    table(tmp_path / "t.csv", range(2))
    resumed = StepTable(tmp_path / "t.csv")
    resumed.cut_back(1)
    resumed.append([{"value": 7, "step": 2}])
    with (tmp_path / "t.csv").open(newline="") as stream:
        assert list(csv.reader(stream))[-1] == ["2", "7"]
