"""Every benchmark starts, measures something tiny, and says what it measured."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from tests.support import ROOT, in_child

FOLDER = ROOT / "benchmarks"

TINY: dict[str, list[str]] = {
    "decoding": [
        "--d",
        "8",
        "--layers",
        "1",
        "--width",
        "16",
        "--heads",
        "2",
        "--strings",
        "4",
        "--rounds",
        "1",
    ],
    "chunked_kl": ["--rows", "20", "--classes", "50", "--width", "4", "--rounds", "1", "--json"],
    "launcher": ["--points", "1", "--steps", "10000", "--json"],
    "muon_step": ["--rounds", "1", "--steps", "1", "--json"],
    "netlist": ["--gates", "100", "--small", "50", "--rounds", "1"],
    "online_labels": [
        *("--students", "2", "--alone", "1", "--teacher-width", "9", "--width", "5", "--d", "8", "--k", "2"),
        *("--samples", "20", "--call", "10", "--json"),
    ],
    "online_sgd": ["--widths", "20", "--repetitions", "1", "--threads", "1", "--json"],
    "pcfg_profile": [
        *("--heads", "1", "--teacher-heads", "1", "--batch-size", "4", "--steps", "2", "--rounds", "1"),
        "--json",
    ],
    "pcfg_sampler": ["--count", "20", "--rounds", "1", "--json"],
    "population": ["--students", "2", "--batch-size", "4", "--steps", "1", "--rounds", "1", "--json"],
    "processes": ["--rounds", "1", "--steps", "1", "--batch-size", "2", "--model.heads=1"],
    "run_records": ["--configs", "sparse_parity_mlp", "smoke/sparse_parity_mlp", "--min_seconds", "0"],
    "student_grid": [
        *("--students", "1", "--teacher-heads", "1", "--batch-size", "4", "--steps", "2", "--rounds", "1"),
        "--json",
    ],
    "tokenising": ["--rounds", "1", "--vocab-size", "150", "--json"],
    "top_k": [
        *("--rows", "8", "--width", "4", "--classes", "50", "--k", "3", "--rounds", "1"),
        "--json",
    ],
    "training_step": [
        *("--heads", "1", "--teacher-heads", "1", "--batch-size", "4", "--steps", "2", "--rounds", "1"),
        "--json",
    ],
}
# Needs a GPU, and says so; a part of online_sgd, without a command of its own.
OTHERS = {"common", "gpu_suite", "online_sgd_gpu", "online_sgd_profile"}
SLOW = {"launcher", "muon_step", "online_labels", "online_sgd", "processes", "run_records", "student_grid"}


def start(name: str, out: Path, words: list[str]) -> int:
    """Run a script in a child as the command line would; return its exit code."""

    def action() -> int:
        with out.open("w") as stream:
            sys.stdout = stream
            sys.argv = [name, *words]
            sys.path.insert(0, str(FOLDER))
            runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
            stream.flush()
        return 0

    return in_child(action)


def test_every_benchmark_is_started() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == set(TINY) | OTHERS


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in sorted(TINY)]
)
def test_a_benchmark_measures_something(name: str, tmp_path: Path) -> None:
    assert start(name, tmp_path / "out.txt", TINY[name]) == 0
    assert any(character.isdigit() for character in (tmp_path / "out.txt").read_text())


@pytest.mark.parametrize("name", sorted(OTHERS | SLOW))
def test_a_benchmark_that_takes_longer_is_imported(name: str, tmp_path: Path) -> None:
    def action() -> int:
        sys.path.insert(0, str(FOLDER))
        runpy.run_path(str(FOLDER / f"{name}.py"), run_name="imported")
        return 0

    assert in_child(action) == 0
