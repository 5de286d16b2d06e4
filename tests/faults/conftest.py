"""Runs that all drivers of this folder start from, made once a process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.kinds import write_overlays
from tests.support import fit, in_child


@pytest.fixture(scope="session")
def overlays(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The configurations of every kind of run."""
    return write_overlays(tmp_path_factory.mktemp("overlays"))


@pytest.fixture(scope="session")
def uninterrupted(
    overlays: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The finished run of every kind."""
    folders = {}
    for name, configs in overlays.items():
        folders[name] = tmp_path_factory.mktemp("whole") / name
        assert in_child(lambda c=configs, f=folders[name]: fit(f, *c)) == 0
    return folders
