"""What `lit reproduce --dry-run` says before anything starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lit_curriculum.cli.estimate import _Sizes
from lit_curriculum.cli.main import main
from lit_curriculum.reproduce import figure
from lit_curriculum.reproduce.measuring import everything


def test_runs_are_counted_once_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    words = ["fig2", "fig8", "implicit-theory", "--scale", "smoke", "--dry-run"]
    assert main(["reproduce", *words, "--out", str(tmp_path / "out")]) == 0
    table = capsys.readouterr().out
    rows = {
        line.split("│")[1].strip(): line.split("│")[2].strip() for line in table.splitlines() if "│" in line
    }
    # A teacher and three students each, the teacher shared; theory trains nothing.
    assert (rows["fig2"], rows["fig8"], rows["implicit-theory"]) == ("4", "4", "0")
    assert rows["all, each run once"] == "7"
    assert not (tmp_path / "out").exists()


def test_times_stand_below_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A narrow terminal wraps the sentences, and a row of the table stays one line high."""
    monkeypatch.setenv("COLUMNS", "80")
    words = ["fig24", "fig25", "--scale", "laptop", "--dry-run", "--out", str(tmp_path / "out")]
    assert main(["reproduce", *words]) == 0
    table, times = capsys.readouterr().out.split("\ntime:\n")
    assert max(len(line) for line in f"{table}\n{times}".splitlines()) <= 80
    assert sum(line.startswith("│") for line in table.splitlines()) == 3
    told = " ".join(times.split())
    costs = {name: figure.load(name, "laptop").cost for name in ("fig24", "fig25")}
    assert told == " ".join(f"{name}: {cost}" for name, cost in costs.items())


def test_sizes_are_those_of_the_runs(tmp_path: Path) -> None:
    """Width 200 on 12 coordinates, two classes; harvested every 1,000 of 20,000 steps."""
    teacher, *_ = everything(figure.load("fig1-left", "smoke").studies)
    steps, disk, memory = _Sizes(tmp_path).of(teacher)
    parameters = 12 * 200 + 200 + 2 * 200 + 2
    assert steps == 20_000
    assert memory == 16 * parameters
    assert disk == 4 * parameters * (20 + 3)


@pytest.mark.parametrize(("option", "value"), [("--seeds", "0"), ("--seeds", "51")])
def test_a_wrong_number_of_seeds_is_told(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "fig2", option, value]) == 2
    assert "an integer from 1 to 50" in capsys.readouterr().err


def test_all_stands_for_every_target(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "all", "--redraw", "--seeds", "5"]) == 2
    assert "--redraw: got --seeds with it" in capsys.readouterr().err


def test_costs_can_be_read_by_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fig2", "fig8", "--scale", "smoke", "--dry-run", "--json", "--out", str(tmp_path / "out")]
    assert main(["reproduce", *words]) == 0
    costs = json.loads(capsys.readouterr().out)
    assert [(cost["target"], cost["runs"], cost["finished"]) for cost in costs] == [
        ("fig2", 4, 0),
        ("fig8", 4, 0),
        ("all, each run once", 7, 0),
    ]
    # Each has the teacher and three students of 20,000 steps: counted once, one teacher's steps less.
    assert costs[0]["updates"] + costs[1]["updates"] - costs[2]["updates"] == 20_000
    assert costs[0]["time"] == figure.load("fig2", "smoke").cost


def test_a_dry_run_refuses_a_folder_that_the_run_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("")
    assert main(["reproduce", "fig2", "--dry-run", "--out", str(tmp_path / "out")]) == 2
    assert "--out: got" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [(["fig2"], "a target"), (["--set", "data.k=5"], "--set"), (["--dry-run"], "--dry-run")],
    ids=["target", "set", "dry-run"],
)
def test_a_list_takes_no_other_option(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", "--list", *words]) == 2
    assert (
        capsys.readouterr().err
        == f"lit: error: --list: got {told} with it; allowed: --list alone, or with --json\n"
    )


def test_a_dry_run_refuses_wrong_processes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "fig2", "--jobs", "0", "--dry-run", "--out", str(tmp_path / "out")]) == 2
    assert "--jobs: got 0" in capsys.readouterr().err
