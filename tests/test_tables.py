"""A table of steps goes on exactly where a checkpoint found it, or says why not."""

from __future__ import annotations

import csv
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import RunFailed, UsageError
from lit_curriculum.reading import read_table
from lit_curriculum.tables import RunTables, StepTable


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


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


def test_a_resumed_table_keeps_the_columns_of_its_header(tmp_path):
    table(tmp_path / "t.csv", range(2))
    resumed = StepTable(tmp_path / "t.csv")
    resumed.cut_back(1)
    resumed.append([{"value": 7, "step": 2}])
    with (tmp_path / "t.csv").open(newline="") as stream:
        assert list(csv.reader(stream))[-1] == ["2", "7"]


# --- marks ---------------------------------------------------------------------------------------------


@given(n=st.integers(0, 6), more=st.integers(0, 4), garbage=st.sampled_from(["", "9", '9,"0.', "9,9\n"]))
def test_a_restored_table_is_as_if_never_interrupted(tmp_path_factory, n, more, garbage):
    folder = tmp_path_factory.mktemp("tables")
    mark = table(folder / "cut.csv", range(n)).mark()
    if n + more:
        rows = table(folder / "cut.csv", range(n + more))
        with rows.path.open("a") as stream:
            stream.write(garbage)
    resumed = StepTable(folder / "cut.csv")
    resumed.restore(mark if n else None)
    resumed.append([{"step": 100, "value": 1.0}])
    whole = table(folder / "whole.csv", range(n))
    whole.append([{"step": 100, "value": 1.0}])
    assert (folder / "cut.csv").read_bytes() == (folder / "whole.csv").read_bytes()
    assert resumed.mark() == whole.mark()


def test_a_mark_is_the_length_and_hash_of_the_file(tmp_path):
    rows = table(tmp_path / "t.csv", range(4))
    content = (tmp_path / "t.csv").read_bytes()
    assert rows.mark() == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@pytest.mark.parametrize("at", [0, 5, 17])
@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_a_table_that_is_not_what_it_was_is_refused_untouched(tmp_path, at, damage):
    path = tmp_path / "t.csv"
    mark = table(path, range(4)).mark()
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[at] ^= 1
    path.write_bytes(content[:at] if damage == "cut" else content)
    if damage == "gone":
        path.unlink()
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(UsageError, match=r"t\.csv.*allowed"):
        StepTable(path).restore(mark)
    assert (path.read_bytes() if path.exists() else None) == before


@pytest.mark.parametrize("what", ["removed", "shortened", "lengthened"])
def test_a_table_changed_by_another_program_ends_the_run(tmp_path, what):
    rows = table(tmp_path / "t.csv", range(3))
    if what == "removed":
        rows.path.unlink()
    elif what == "shortened":
        os.truncate(rows.path, 5)
    else:
        with rows.path.open("a") as stream:
            stream.write("4,1.0\n")
    with pytest.raises(RunFailed, match="another program"):
        rows.append([{"step": 4, "value": 1}])


def test_the_tables_of_a_run_go_on_together(tmp_path):
    tables = RunTables(tmp_path)
    tables.open("a.csv").append([{"step": 1}])
    marks = tables.marks()
    assert set(marks) == {"a.csv"}
    tables.open("a.csv").append([{"step": 2}])
    tables.open("b.csv").append([{"step": 2}])
    again = RunTables(tmp_path)
    again.resume(1, marks)
    again.open("b.csv").append([{"step": 7}])
    assert [row["step"] for row in read_table(tmp_path / "a.csv")] == ["1"]
    assert [row["step"] for row in read_table(tmp_path / "b.csv")] == ["7"]


def test_without_marks_tables_are_cut_back_by_their_steps(tmp_path):
    """As checkpoints of version 0.1 want it."""
    table(tmp_path / "a.csv", range(5))
    tables = RunTables(tmp_path)
    tables.resume(2, None)
    tables.open("a.csv")
    assert [row["step"] for row in read_table(tmp_path / "a.csv")] == ["0", "1", "2"]
