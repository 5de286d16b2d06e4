"""One cluster for all tests of this folder; `make test-cluster` runs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import slurm_cluster


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start the cluster; yield the folder of its logs."""
    if slurm_cluster.missing():
        pytest.fail(f"this machine lacks {', '.join(slurm_cluster.missing())} (Debian: slurm-wlm)")
    folder = tmp_path_factory.mktemp("slurm")
    with slurm_cluster.cluster(folder):
        yield folder
