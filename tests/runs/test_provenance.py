"""Versions, commit and device, as they are."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import pytest

from lit_curriculum import __version__
from lit_curriculum.runs import provenance


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch):
    monkeypatch.delenv(provenance.COMMIT_VARIABLE, raising=False)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with this module's namesake inside, one commit deep."""
    source = tmp_path / "src" / "package" / "runs" / "provenance.py"
    source.parent.mkdir(parents=True)
    source.write_text("x = 1\n")
    monkeypatch.setattr(provenance, "__file__", str(source))
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def git(folder, *words: str) -> str:
    identity = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_commit_is_the_head_of_the_sources_repository(repository):
    assert provenance.commit() == git(repository, "rev-parse", "HEAD")


def test_an_edited_source_is_said_to_be_changed(repository):
    (repository / "src" / "package" / "runs" / "provenance.py").write_text("x = 2\n")
    assert provenance.commit() == git(repository, "rev-parse", "HEAD") + "+changes"


def test_a_new_file_beside_the_sources_is_no_change(repository):
    (repository / "src" / "package" / "runs" / "notes.txt").write_text("x")
    assert provenance.commit() == git(repository, "rev-parse", "HEAD")


def test_sources_that_are_not_in_the_repository_have_no_commit(repository, monkeypatch):
    installed = repository / "venv" / "provenance.py"
    installed.parent.mkdir()
    installed.write_text("x = 1\n")
    monkeypatch.setattr(provenance, "__file__", str(installed))
    assert provenance.commit() is None


def test_without_git_there_is_no_commit(monkeypatch):
    def missing(*arguments, **options):
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", missing)
    assert provenance.commit() is None


@pytest.mark.parametrize(("named", "commit"), [("0123abcd\n", "0123abcd"), ("", None)])
def test_without_a_repository_the_environment_names_the_commit(tmp_path, monkeypatch, named, commit):
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "lit_curriculum" / "runs" / "provenance.py"))
    (tmp_path / "lit_curriculum" / "runs").mkdir(parents=True)
    monkeypatch.setenv(provenance.COMMIT_VARIABLE, named)
    assert provenance.commit() == commit


def test_a_repository_knows_its_commit_better(repository, monkeypatch):
    monkeypatch.setenv(provenance.COMMIT_VARIABLE, "0123abcd")
    assert provenance.commit() == git(repository, "rev-parse", "HEAD")


def test_versions_name_python_and_the_packages():
    found = provenance.versions()
    assert found["python"] == platform.python_version()
    assert found["lit_curriculum"] == __version__
    assert set(found) == {"python", *provenance.PACKAGES}


def test_a_missing_package_is_left_out(monkeypatch):
    def version(name: str) -> str:
        if name == "numba":
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(provenance, "version", version)
    assert set(provenance.versions()) == {"python", *provenance.PACKAGES} - {"numba"}


def test_processor_is_read_from_the_system(monkeypatch, tmp_path):
    listing = tmp_path / "cpuinfo"
    listing.write_text("processor\t: 0\nmodel name\t: Fast: CPU 3\nprocessor\t: 1\nmodel name\t: Other\n")
    real = provenance.Path
    monkeypatch.setattr(
        provenance, "Path", lambda path: real(listing) if path == "/proc/cpuinfo" else real(path)
    )
    assert provenance.device_name("cpu") == "Fast: CPU 3"


def test_device_has_a_name_where_the_system_tells_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(provenance, "Path", lambda path: tmp_path / "absent")
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "abacus")
    assert provenance.device_name("cpu") == "abacus"


def test_start_of_a_run_is_described(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/lit", "fit", "--config", "a.yaml"])
    monkeypatch.setattr(provenance, "commit", lambda: "abc+changes")
    found = provenance.collect("hash", "cpu", data_seed=3, model_seed=4)
    assert found["command"] == ["lit", "fit", "--config", "a.yaml"]
    assert found["finished"] is False
    assert found["teachers"] == []
    expected = {"config_hash": "hash", "commit": "abc+changes", "data_seed": 3, "model_seed": 4}
    assert expected.items() <= found.items()
    assert found["versions"] == provenance.versions()
    assert found["device"]
    assert found["platform"] == platform.platform()


def test_other_versions_of_what_computes_are_told(monkeypatch):
    now = {"torch": "2.13.0", "numpy": "2.4", "safetensors": "1"}
    monkeypatch.setattr(provenance, "_versions_now", lambda: now)
    assert provenance.other_versions({"versions": {**now, "safetensors": "0", "python": "3.1"}}) == ""
    assert provenance.other_versions({}) == ""
    then = {"torch": "2.12.0", "numpy": "2.4", "transformers": "5.0"}
    assert provenance.other_versions({"versions": then}) == (
        "torch 2.12.0 (now 2.13.0), transformers 5.0 (now missing)"
    )
