"""Where compiled functions go when neither the package nor the home folder can be written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lit_curriculum import numba_cache


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who can write the temporary folder alone; return that folder."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    for name in (numba_cache.VARIABLE, "LOCAL_RANK"):
        # Set first, so that what `choose` sets is taken back.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(os, "access", lambda path, mode: place in (Path(path), *Path(path).parents))
    return place


def test_it_is_a_folder_of_the_users_own_and_is_told(
    nowhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    numba_cache.choose()
    folder = nowhere / f"lit_curriculum-numba-{os.getuid()}"
    assert os.environ["NUMBA_CACHE_DIR"] == str(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    told = capsys.readouterr().err
    assert told == f"lit: compiled functions are kept in {folder} (NUMBA_CACHE_DIR names another folder)\n"
    numba_cache.choose()
    assert capsys.readouterr().err == ""


def test_the_next_process_takes_the_same_folder(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numba_cache.choose()
    first = os.environ["NUMBA_CACHE_DIR"]
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    numba_cache.choose()
    assert os.environ["NUMBA_CACHE_DIR"] == first


@pytest.mark.parametrize("kind", ["open", "link", "file"])
def test_a_folder_that_others_could_write_is_not_taken(nowhere: Path, kind: str) -> None:
    folder = nowhere / f"lit_curriculum-numba-{os.getuid()}"
    if kind == "open":
        folder.mkdir()
        folder.chmod(0o777)
    elif kind == "link":
        (nowhere / "other").mkdir()
        folder.symlink_to(nowhere / "other")
    else:
        folder.touch()
    numba_cache.choose()
    chosen = Path(os.environ["NUMBA_CACHE_DIR"])
    assert chosen.parent == nowhere
    assert chosen != folder
    assert chosen.stat().st_mode & 0o777 == 0o700


def test_of_several_ranks_one_tells(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    numba_cache.choose()
    assert os.environ["NUMBA_CACHE_DIR"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("writable", ["user", "package"])
def test_where_numba_finds_a_folder_nothing_is_set(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, writable: str
) -> None:
    monkeypatch.setattr(numba_cache, "_of_user", lambda: nowhere / ("cache" if writable == "user" else ".."))
    monkeypatch.setattr(numba_cache, "_package_is_writable", lambda: writable == "package")
    numba_cache.choose()
    assert "NUMBA_CACHE_DIR" not in os.environ


def test_a_folder_that_the_user_named_stays(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/mine")
    numba_cache.choose()
    assert os.environ["NUMBA_CACHE_DIR"] == "/mine"


def test_without_any_folder_nothing_is_set(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(nowhere / "none"))
    numba_cache.choose()
    assert "NUMBA_CACHE_DIR" not in os.environ
