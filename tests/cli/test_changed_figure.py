"""``lit reproduce --set`` from the command line to the report."""

from __future__ import annotations

from pathlib import Path

import pytest

from lit_curriculum.cli.main import main
from lit_curriculum.files import sha256_of
from lit_curriculum.reading import read_json
from lit_curriculum.strict_yaml import parse_yaml

CHANGES = ["one-shot tau=1:model.lr=2e-2", "teacher:model.width=90"]


def test_runs_data_picture_and_report_know_the_change(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    out = tmp_path / "out"
    given = [word for change in CHANGES for word in ("--set", change)]
    words = ["reproduce", "fig1-left", "--scale", "smoke", "--out", str(out)]
    assert main([*words, *given, "--jobs", "1"]) == 0
    configs = {path.parent.name: parse_yaml(path.read_text()) for path in out.glob("runs/*/config.yaml")}
    widths = {name: config["model"]["init_args"]["width"] for name, config in configs.items()}
    assert [width for name, width in widths.items() if name.startswith("teacher")] == [90]
    assert {width for name, width in widths.items() if not name.startswith("teacher")} == {10}
    rates = {name: config["model"]["init_args"]["lr"] for name, config in configs.items()}
    assert [name.rpartition("-")[0] for name, rate in rates.items() if rate == 2e-2] == ["one-shot-tau-1"]
    assert read_json(out / "fig1-left" / "claims.json", "it")["changes"] == CHANGES

    picture = sha256_of(out / "fig1-left" / "figure.png")
    assert main([*words, "--redraw"]) == 0
    assert sha256_of(out / "fig1-left" / "figure.png") == picture
    assert read_json(out / "fig1-left" / "claims.json", "it")["changes"] == CHANGES

    data = sha256_of(out / "fig1-left" / "data.csv")
    for other in ([], given[:2]):
        assert main([*words, *other]) == 2
        assert "another folder" in capfd.readouterr().err
    assert sha256_of(out / "fig1-left" / "data.csv") == data

    page = tmp_path / "report.md"
    assert main(["report", "--results", str(out), "--out", str(page)]) == 0
    assert "--set 'one-shot tau=1:model.lr=2e-2' --set teacher:model.width=90" in page.read_text()


def test_a_wrong_setting_is_told_before_the_first_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["reproduce", "fig1-left", "--scale", "smoke", "--jobs", "1", "--out", str(tmp_path / "out")]
    assert main([*words, "--set", "teacher:model.widht=90"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "widht" in error
    assert "did you mean 'width'" in error or "allowed for SparseParityMLP" in error
    assert not list(tmp_path.glob("out/runs/*"))


@pytest.mark.parametrize("dry", [["--dry-run"], []])
def test_what_no_run_can_have_is_told_also_by_a_dry_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], dry: list[str]
):
    words = ["reproduce", "fig1-left", "--scale", "smoke", "--jobs", "1", "--out", str(tmp_path / "out")]
    assert main([*words, "--set", "data.batch_size=2", *dry]) == 2
    assert "data.batch_size: got 2; allowed: 1" in capsys.readouterr().err
    assert not list(tmp_path.glob("out/runs/*"))
    if dry:
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        # A teacher that is no arm of any study.
        (
            ["fig13", "--set", "other teacher:data.nonsense=1"],
            "run other-teacher: data.nonsense: unknown key",
        ),
        (["fig1-left", "--set", "data.k.x=1"], "run teacher: data.k: got "),
        (["fig7-left", "--set", "width 10:model.width=50"], "compares or names itself"),
        (["fig1-left-controls", "--set", "teacher:data.support=[6,7,8]"], "the other teacher's"),
    ],
    ids=["teacher", "part", "name", "support"],
)
def test_a_change_that_would_not_be_what_it_says_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
):
    out = tmp_path / "out"
    assert main(["reproduce", *words, "--scale", "smoke", "--dry-run", "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("out", ["out", "./out", "out/"])
def test_the_folder_of_the_figures_as_they_are_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], out: str
):
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", "fig1-left", "--set", "data.k=3", "--out", out]) == 2
    assert "an --out of its own" in capsys.readouterr().err
