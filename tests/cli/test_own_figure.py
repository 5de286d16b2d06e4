"""A user's script has the options and the errors of `lit reproduce`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lit_curriculum.cli.main import main
from lit_curriculum.cli.own_figure import make_figure
from lit_curriculum.reproduce.claim import Claim, final
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import Line, draw_arms, panels
from lit_curriculum.reproduce.predicates import AtLeast
from lit_curriculum.reproduce.results import Results
from lit_curriculum.reproduce.study import Arm, at_scale


def made(scale: Scale) -> Figure:
    """A wide network."""
    arms = (Arm(name="wide", set={"model.width": 20}),)
    study = at_scale(scale, "sparse_parity_minibatch", arms=arms, seeds=(0, 1))
    claim = Claim("learns", "It learns.", final("wide"), AtLeast(0.99))
    return Figure(cost="seconds", studies=(study,), draw=draw, claims=lambda results: [claim])


def draw(results: Results) -> object:
    picture, (axis,) = panels(1)
    draw_arms(axis, results, {"wide": Line("wide", "#d55e00")})
    return picture


def of_a_file(scale: Scale) -> Figure:
    study = at_scale(scale, "mine.yaml", arms=(Arm(name="wide"),), seeds=(0,))
    return Figure(cost="seconds", studies=(study,), draw=draw, claims=lambda results: [])


def test_it_says_what_it_takes_and_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert make_figure("mine", made, words=["--dry-run", "--out", str(tmp_path), "--seeds", "3"]) == 0
    assert "3" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["bogus"], "scale: got 'bogus'; allowed: smoke"),
        (["smoke", "--seeds", "0"], "--seeds: got 0; allowed: an integer from 1 to 50"),
        (["smoke", "--jobs", "0"], "--jobs: got 0"),
        (["smoke", "--launcher", "cloud"], "--launcher: got 'cloud'; allowed: local, slurm"),
        (["--out", " "], "--out: got ' '; allowed: a folder"),
    ],
)
def test_wrong_words_are_one_line(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert make_figure("mine", made, words=words) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["runs", "jobs", "../out", "a/b", "", ".hidden"])
def test_a_name_that_is_no_folder_of_its_own_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make_figure(name, made, words=["smoke", "--out", str(tmp_path / "out")]) == 2
    assert f"name: got {name!r}; allowed: letters" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_function_that_returns_no_figure_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert make_figure("mine", lambda scale: None, words=["smoke", "--dry-run"]) == 2  # type: ignore[arg-type,return-value]
    assert "got None; allowed: a function that returns a Figure" in capsys.readouterr().err


def test_a_wrong_setting_is_told_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(scale: Scale) -> Figure:
        arms = (Arm(name="right"), Arm(name="wrong", set={"model.widht": 3}))
        study = at_scale(scale, "sparse_parity_minibatch", arms=arms, seeds=(0,))
        return Figure(cost="seconds", studies=(study,), draw=draw, claims=lambda results: [])

    assert make_figure("mine", wrong, words=["smoke", "--jobs", "1", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "run wrong: model.widht: unknown key (did you mean 'width'?)" in said
    assert not list(tmp_path.rglob("metrics.csv"))


def test_trusted_names_are_no_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert make_figure("mine", made, "majority", words=["smoke", "--dry-run"]) == 2
    assert "trusted: got 'majority'; allowed: names in a tuple or list" in capsys.readouterr().err


def test_a_dry_run_trusts_what_the_script_trusts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", "experiment", "majority_of_mine", "--out", str(tmp_path)]) == 0
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def own(scale: Scale) -> Figure:
        study = at_scale(scale, "majority_of_mine.yaml", arms=(Arm(name="wide"),), seeds=(0,))
        return Figure(cost="seconds", studies=(study,), draw=draw, claims=lambda results: [])

    assert make_figure("mine", own, ["majority_of_mine"], words=["smoke", "--dry-run"]) == 0
    assert "mine" in capsys.readouterr().out


def test_a_claim_about_an_arm_that_is_not_there_names_those_that_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def mistyped(scale: Scale) -> Figure:
        claim = Claim("learns", "It learns.", final("wid"), AtLeast(0.99))
        return replace(made(scale), claims=lambda results: [claim])

    assert make_figure("mine", mistyped, words=["smoke", "--jobs", "1", "--out", str(tmp_path)]) == 2
    assert "mine: no 'accuracy' of 'wid'; there are the arms wide" in capsys.readouterr().err


def test_a_missing_overlay_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("model: {}\n")
    assert make_figure("mine", of_a_file, words=["smoke", "--jobs", "1"]) == 2
    assert "mine_smoke.yaml" in capsys.readouterr().err
