"""A scale that only some figures have."""

from __future__ import annotations

import argparse

import pytest

from lit_curriculum.cli import parser
from lit_curriculum.cli.main import main
from lit_curriculum.cli.own_figure import make_figure
from lit_curriculum.cli.reproduce import _figures
from lit_curriculum.reproduce import figure
from lit_curriculum.runs.configs import scale_of, shipped
from lit_curriculum.runs.folder import default_run_dir


def test_a_figure_says_which_scales_it_has() -> None:
    assert figure.scales_of("fig4") == ("smoke", "quick", "laptop", "paper")
    assert figure.scales_of("fig2") == ("smoke", "laptop", "paper")


def test_the_help_names_the_scales_that_there_are() -> None:
    """It is made without an import of figures, which takes seconds."""
    assert (parser.SCALES, parser.ALL_SCALES) == (figure.SCALES, figure.ALL_SCALES)


def test_a_scale_that_a_figure_lacks_is_refused_with_those_that_it_has(tmp_path, capsys) -> None:
    assert main(["reproduce", "fig4", "fig2", "--scale", "quick", "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "--scale: got 'quick'; allowed: smoke, laptop, paper, the scales of fig2" in said
    assert not (tmp_path / "out").exists()


def test_all_at_a_scale_are_those_that_have_it() -> None:
    options = argparse.Namespace(
        target=["all"], scale="quick", seeds=None, out="out", redraw=False, fresh=False, jobs=None
    )
    options.dry_run, options.launcher, options.set = False, None, []
    made = _figures(options)
    assert "fig4" in made
    assert "fig2" not in made
    assert all("quick" in figure.scales_of(name) for name in made)


def test_a_quick_figure_is_of_shorter_strings_than_a_laptops() -> None:
    steps = {
        scale: [study.value("model.max_length") for study in figure.load("fig4", scale).studies]
        for scale in ("smoke", "quick", "laptop", "paper")
    }
    assert {scale: set(of) for scale, of in steps.items()} == {
        "smoke": {27},
        "quick": {27},
        "laptop": {81},
        "paper": {432},
    }


def test_the_left_panels_of_figure_1_are_a_laptops_where_the_right_is_quick() -> None:
    quick, laptop = (figure.load("fig1", scale).studies for scale in ("quick", "laptop"))
    panels = [{s.axes["panel"]: s.configs for s in studies} for studies in (quick, laptop)]
    assert panels[0]["left"] == panels[1]["left"]
    assert panels[0]["right"] == ("pcfg_bert", "quick/pcfg_bert")


def test_a_configuration_of_quick_scale_is_known_as_one() -> None:
    files = [shipped("pcfg_bert"), shipped("quick/pcfg_bert")]
    assert scale_of(files) == "quick"
    assert default_run_dir([str(path) for path in files]).name == "pcfg_bert+quick"


def test_a_figure_of_ones_own_has_no_quick_scale(capsys: pytest.CaptureFixture[str]) -> None:
    def never(scale: figure.Scale) -> figure.Figure:
        raise AssertionError(scale)

    assert make_figure("mine", never, words=["quick"]) == 2
    assert "scale: got 'quick'; allowed: smoke, laptop, paper" in capsys.readouterr().err
