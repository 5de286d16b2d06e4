"""What the image's files say agrees with the package, as far as that shows without building it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from lit_curriculum import __version__
from lit_curriculum.runs.provenance import COMMIT_VARIABLE
from tests.support import ROOT

DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
INSTRUCTIONS = re.sub(r"\\\n", " ", DOCKERFILE).splitlines()


def test_version_and_commit_are_the_packages() -> None:
    assert f'org.opencontainers.image.version="{__version__}"' in DOCKERFILE
    assert f"{COMMIT_VARIABLE}=$COMMIT" in DOCKERFILE
    assert f"lit_curriculum:{__version__}" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_it_runs_lit_as_nobody_in_particular() -> None:
    assert [line for line in INSTRUCTIONS if line.startswith(("USER", "ENTRYPOINT", "HEALTHCHECK"))] == [
        "USER 1000:1000",
        'ENTRYPOINT ["lit"]',
    ]


def test_torch_is_installed_before_the_source_is_there() -> None:
    steps = [line for line in INSTRUCTIONS if line.startswith(("RUN", "COPY"))]
    torch = next(i for i, line in enumerate(steps) if line.rstrip().endswith(" torch"))
    source = steps.index("COPY src src")
    assert torch < source
    assert "COPY constraints.txt ./" in steps[:torch]


def test_every_cache_is_below_the_temporary_folder() -> None:
    for name in ("HOME", "XDG_CACHE_HOME", *caches()):
        assert re.search(rf"\b{name}=/tmp\b", DOCKERFILE), name


def caches() -> list[str]:
    return [
        f"{tool}_{kind}"
        for tool, kind in (("NUMBA", "CACHE_DIR"), ("TRITON", "CACHE_DIR"), ("TORCHINDUCTOR", "CACHE_DIR"))
    ] + ["MPLCONFIGDIR"]


def test_apptainer_forgets_the_caches_that_others_could_share() -> None:
    text = (ROOT / "docker" / "examples" / "lit_curriculum.def").read_text(encoding="utf-8")
    (line,) = re.findall(r"unset (.*)", text)
    assert set(line.split()) == {"XDG_CACHE_HOME", *caches()}


def test_what_is_copied_is_sent_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = {
        word
        for line in INSTRUCTIONS
        if line.startswith("COPY") and "--from" not in line
        for word in line.split()[1:-1]
    }
    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied)


@pytest.fixture
def pip_config(tmp_path: Path) -> dict[str, str]:
    """An environment in which pip has an index on disk, wheels in a folder, and another index by variable."""
    for name in ("index/simple", "wheels"):
        (tmp_path / name).mkdir(parents=True)
    text = f"""[global]
index-url = https://example.org/simple
extra-index-url = file://{tmp_path}/index/simple
    https://example.org/more
cert = {tmp_path}/certificates.pem
[install]
find-links = {tmp_path}/wheels {tmp_path}/none
[list]
format = columns
"""
    (tmp_path / "certificates.pem").write_text("certificates", encoding="utf-8")
    (tmp_path / "pip.conf").write_text(text, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return {
        **environment,
        "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"),
        "PIP_INDEX_URL": "https://example.com/simple",
    }


def test_the_build_installs_from_where_pip_does_here(tmp_path: Path, pip_config: dict[str, str]) -> None:
    (tmp_path / "wheels" / "a.whl").write_text("wheel")
    made = tmp_path / "made.conf"
    command = [sys.executable, str(ROOT / "docker" / "pip_of_host.py"), str(made)]
    with subprocess.Popen(command, env=pip_config) as process:
        try:
            while not made.exists():
                assert process.poll() is None
                time.sleep(0.05)
            words = dict(line.split(" = ") for line in made.read_text(encoding="utf-8").splitlines()[1:])
            assert words["index-url"] == "https://example.com/simple"
            served, other = words["extra-index-url"].split()
            assert served.startswith("http://127.0.0.1:")
            assert served.endswith(f"{tmp_path}/index/simple/")
            assert other == "https://example.org/more"
            wheels, nowhere = words["find-links"].split()
            assert nowhere == f"{tmp_path}/none"
            assert urlopen(f"{wheels}a.whl").read() == b"wheel"
            with pytest.raises(HTTPError):
                urlopen(f"{wheels}../pip.conf")
            assert words["cert"] == "/run/ca.pem"
            assert (tmp_path / "ca.pem").read_text(encoding="utf-8") == "certificates"
            assert "format" not in words
        finally:
            process.terminate()
