"""``lit report`` as a user meets it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from lit_curriculum.cli.main import main
from tests.support import RESULTS


@pytest.fixture
def results(tmp_path: Path) -> Path:
    shutil.copytree(RESULTS.parent / "quick" / "fig26", tmp_path / "results" / "fig26")
    return tmp_path / "results"


def refused(results: Path, out: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """Return the line of a command that must be refused, and must have written nothing."""
    before = sorted(out.parent.iterdir()) if out.parent.is_dir() else None
    assert main(["report", "--results", str(results), "--out", str(out), *more]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert (sorted(out.parent.iterdir()) if out.parent.is_dir() else None) == before
    return said.err


@pytest.mark.parametrize(
    ("name", "words", "begins"),
    [
        ("r.html", [], "<!doctype html>"),
        ("r.md", [], "# What has been reproduced"),
        ("r.CSV", [], "paper,item,"),
        ("r", ["--format", "csv"], "paper,item,"),
        ("r.html", ["--format", "markdown"], "# What"),
    ],
)
def test_the_ending_or_the_option_says_the_format(results, tmp_path, capsys, name, words, begins) -> None:
    out = tmp_path / "new" / name
    assert main(["report", "--results", str(results), "--out", str(out), *words]) == 0
    assert out.read_text(encoding="utf-8").startswith(begins)
    assert "0 of 2 claims hold, 0 fail, 2 are inconclusive." in capsys.readouterr().out


def test_without_a_name_it_is_called_report(results, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", "--format", "markdown"]) == 0
    assert (tmp_path / "report.md").is_file()


def test_a_readme_is_renewed(results, tmp_path, capsys) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("x\n<!-- lit report: summary -->\n<!-- end -->\ny\n")
    assert main(["report", "--results", str(results), "--update", str(readme)]) == 0
    assert readme.read_text() == (
        "x\n<!-- lit report: summary -->\n0 of 2 claims hold, 0 fail, 2 are inconclusive.\n<!-- end -->\ny\n"
    )


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--format", "pdf"], "--format: got 'pdf'; allowed: html, markdown, csv"),
        (["--update", "README.md"], "--update"),
    ],
)
def test_wrong_options_are_one_line(results, tmp_path, capsys, words, named) -> None:
    assert named in refused(results, tmp_path / "r.html", capsys, *words)


@pytest.mark.parametrize("name", ["r.pdf", "r", "results", ""])
def test_a_name_that_says_no_format_is_one_line(results, tmp_path, monkeypatch, capsys, name) -> None:
    monkeypatch.chdir(tmp_path)  # "" names the folder that the command runs in: nothing else may write there
    assert "--out" in refused(results, tmp_path / name if name else Path(), capsys)


@pytest.mark.skipif(os.getuid() == 0 and not Path("/proc/version").exists(), reason="root may write anywhere")
def test_a_place_that_cannot_be_written_is_one_line(results, tmp_path, capsys) -> None:
    (tmp_path / "file").write_text("")
    assert "--out" in refused(results, tmp_path / "file" / "r.html", capsys)
    assert "/proc" in refused(results, Path("/proc/nowhere/r.html"), capsys)


@pytest.mark.parametrize("where", ["nowhere", "empty", "file"])
def test_a_folder_without_results_is_one_line(tmp_path, capsys, where) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    said = refused(tmp_path / where, tmp_path / "r.html", capsys)
    assert "--results" in said
    assert "allowed: a folder that holds results of lit reproduce" in said


def _edited(**changes: object):
    def damage(folder: Path) -> None:
        report = json.loads((folder / "claims.json").read_text())
        report["claims"][0] |= changes
        (folder / "claims.json").write_text(json.dumps(report))

    return damage


def _without_a_statement(folder: Path) -> None:
    report = json.loads((folder / "claims.json").read_text())
    del report["claims"][1]["statement"]
    (folder / "claims.json").write_text(json.dumps(report))


def _scale(folder: Path) -> None:
    report = json.loads((folder / "claims.json").read_text())
    (folder / "claims.json").write_text(json.dumps(report | {"scale": "huge"}))


def _seeds(seeds: list[int]):
    def damage(folder: Path) -> None:
        report = json.loads((folder / "claims.json").read_text())
        (folder / "claims.json").write_text(json.dumps(report | {"seeds": seeds}))

    return damage


def _twice(folder: Path) -> None:
    report = json.loads((folder / "claims.json").read_text())
    report["claims"].append(report["claims"][0])
    (folder / "claims.json").write_text(json.dumps(report))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda folder: (folder / "claims.json").write_text("{"), "claims.json"),
        (lambda folder: (folder / "claims.json").write_text("{}"), "claims.json"),
        (lambda folder: (folder / "claims.json").write_bytes(b"\xff\xfe"), "not UTF-8"),
        (_edited(status="maybe"), "claim 1: status: got 'maybe'"),
        (_edited(values=3), "claim 1: values"),
        (_edited(values=["x"]), "claim 1: values"),
        (_edited(measured=True), "claim 1: measured"),
        (_edited(paper_value=[1]), "claim 1: paper_value"),
        (_edited(low="low"), "claim 1: low"),
        (_edited(seeds_needed=1.5), "claim 1: seeds_needed"),
        (_edited(other=1), "claim 1"),
        (_seeds([0]), "values: got 3; allowed: at most one for each of 1 seeds"),
        (_seeds([0, 0, 1]), "seeds: got [0, 0, 1]; allowed: a list of different integers"),
        (_twice, "allowed: each once"),
        (_without_a_statement, "claim 2"),
        (_scale, "scale: got 'huge'; allowed: smoke, quick, laptop, paper"),
        (
            lambda folder: (folder / "data.csv").write_text("arm,seed,step,metric,value\n"),
            "data.csv is altered",
        ),
        (lambda folder: (folder / "figure.png").write_text("no picture"), "figure.png"),
        (lambda folder: (folder / "figure.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 99), "figure.png"),
        (
            lambda folder: (folder / "figure.png").write_bytes((folder / "figure.png").read_bytes()[:5000]),
            "figure.png",
        ),
        (lambda folder: (folder.parent / "findings.json").write_text("[]"), "findings.json"),
        (lambda folder: (folder.parent / "findings.json").write_text('{"fig26": 3}'), "findings.json"),
    ],
)
def test_damaged_results_are_one_line(results, tmp_path, capsys, damage, named) -> None:
    damage(results / "fig26")
    assert named in refused(results, tmp_path / "r.html", capsys)
