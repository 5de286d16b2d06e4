"""Where compiled functions go: a folder for the sources, where the user can write one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lit_curriculum import numba_cache

NAME = f"numba-{numba_cache.fingerprint()}"


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
    assert os.environ["NUMBA_CACHE_DIR"] == str(folder / NAME)
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
    chosen = Path(os.environ["NUMBA_CACHE_DIR"]).parent
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


@pytest.mark.parametrize("writable", ["package", "user"])
def test_of_several_folders_that_can_be_written_the_packages_is_taken(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], writable: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(nowhere / "cache"))
    if writable == "package":
        monkeypatch.setattr(numba_cache, "_of_package", lambda: nowhere / "package")
    numba_cache.choose()
    root = nowhere / "package" if writable == "package" else nowhere / "cache" / "lit_curriculum"
    assert os.environ["NUMBA_CACHE_DIR"] == str(root / NAME)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("given", ["/mine", "/mine/numba-0123456789ab", f"/mine/{NAME}"])
def test_it_is_below_the_folder_that_the_user_named(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """Also where another process, of these sources or of others, has chosen before."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", given)
    numba_cache.choose()
    assert os.environ["NUMBA_CACHE_DIR"] == f"/mine/{NAME}"


def test_numba_that_was_imported_before_hears_of_it(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numba

    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    numba_cache.choose()
    assert os.environ["NUMBA_CACHE_DIR"] == numba.config.CACHE_DIR


def test_the_name_follows_every_source_that_is_compiled_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba_cache, "_PACKAGE", tmp_path)
    (tmp_path / "inner").mkdir()
    compiled, vectors = tmp_path / "inner" / "kernel.py", tmp_path / "simd.py"
    compiled.write_text("from numba import njit\n")
    vectors.write_text("from numba.extending import intrinsic\n")
    (tmp_path / "other.py").write_text("import torch\n")
    seen = [numba_cache.fingerprint()]
    (tmp_path / "other.py").write_text("import numpy\n")
    assert numba_cache.fingerprint() == seen[0]
    for path in (compiled, vectors):
        path.write_text(path.read_text() + "# changed\n")
        seen.append(numba_cache.fingerprint())
    compiled.rename(tmp_path / "kernel.py")
    seen.append(numba_cache.fingerprint())
    assert len(set(seen)) == 4


def test_the_name_follows_the_constants_of_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba_cache, "_PACKAGE", tmp_path)
    (tmp_path / "inner").mkdir()
    (tmp_path / "kernel.py").write_text(
        "from numba import njit\nfrom lit_curriculum.state import SIZE\nfrom lit_curriculum.inner import A\n"
    )
    state, inner = tmp_path / "state.py", tmp_path / "inner" / "__init__.py"
    seen = set()
    for path, text in ((state, "SIZE = 1\n"), (inner, "A = 1\n"), (state, "SIZE = 2\n"), (inner, "A = 2\n")):
        path.write_text(text)
        seen.add(numba_cache.fingerprint())
    assert len(seen) == 4


def test_without_any_folder_nothing_is_set(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(nowhere / "none"))
    numba_cache.choose()
    assert "NUMBA_CACHE_DIR" not in os.environ
