"""The published setting of the PCFG-BERT figures, where the paper contradicts itself; a mark in a picture."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lit_curriculum.papers.progressive import _pcfg, fig5_long, fig23
from lit_curriculum.papers.progressive._pcfg_results import at_accuracy, log_steps
from lit_curriculum.papers.progressive._teaching import ONE_SHOT, ONE_SHOT_SOFT
from lit_curriculum.reproduce.panels import panels
from lit_curriculum.reproduce.results import PerSeed, Results
from lit_curriculum.reproduce.study import ALL_SCALES


def test_the_intermediate_teachers_time_is_the_captions() -> None:
    """The caption of figure 4 has three values of T; D.6 lists a fourth, beyond the student's length."""
    assert _pcfg.DESIGNS["paper"].T == (500, 1000, 2000)
    assert _pcfg.DESIGNS["paper"].student_steps == 4000


@pytest.mark.parametrize("scale", ALL_SCALES)
def test_a_two_shot_student_reaches_its_final_teacher(scale: _pcfg.Scale) -> None:
    design = _pcfg.DESIGNS[scale]
    taught = [arguments for name, arguments in design.teaching().items() if name in design.two_shots]
    assert len(taught) == len(design.T) * len(design.candidates)
    for arguments in taught:
        assert arguments is not None
        assert arguments["strategy"]["init_args"]["T"] < design.student_steps


@pytest.mark.parametrize(("scale", "searched"), [("laptop", {2000}), ("quick", {600, 1000, 2000})])
def test_rates_are_chosen_at_one_length_or_at_each(scale: _pcfg.Scale, searched: set[int]) -> None:
    design = _pcfg.DESIGNS[scale]
    assert design.tuned_at in (None, *design.horizons)
    studies = [_pcfg.students(design, [_pcfg.PLAIN], design.heads[0], n) for n in design.horizons]
    assert {study.search.axes["num_steps"] for study in studies} == searched
    # Those of another mask rate take the same ones.
    away = replace(design, mask_rate=0.15)
    others = [_pcfg.students(away, [_pcfg.PLAIN], design.heads[0], n) for n in design.variant_horizons]
    assert {study.search.axes["num_steps"] for study in others} <= searched
    assert {study.search.axes["setting"] for study in others} == {design.setting}


def test_the_dots_of_figure_23_lie_on_the_mean_curve() -> None:
    """The mean is 1, 7, 9, 10, of which .8 of the last value is first had at 9."""
    curves = [[(1, 0.0), (2, 6.0), (3, 8.0), (4, 9.0)], [(1, 2.0), (2, 8.0), (3, 10.0), (4, 11.0)]]
    assert fig23._reached(curves) == (3, 9)


@pytest.mark.parametrize(
    ("first", "last", "ticks"),
    [
        (200, 8000, ["200", "500", "1k", "2k", "4k", "8k"]),
        (400, 6400, ["400", "800", "1.6k", "3.2k", "6.4k"]),
        (6, 12, ["6", "12"]),
    ],
)
def test_a_log_scale_labels_its_ends_and_halves(first: int, last: int, ticks: list[str]) -> None:
    _, (axis,) = panels(1)
    axis.plot([first, last], [0, 1])
    log_steps(axis, first, last)
    assert axis.xaxis.get_major_formatter().format_ticks(axis.get_xticks()) == ticks


def _rows(arm: str, seed: int, metric: str, curve: dict[int, float]) -> list[dict[str, object]]:
    return [{"arm": arm, "seed": seed, "step": s, "metric": metric, "value": v} for s, v in curve.items()]


def test_a_metric_is_read_where_the_accuracy_was_first_at_a_level() -> None:
    """The metric is measured at half as many steps as the accuracy, which falls once on its way."""
    accuracy = {0: 0.2, 10: 0.6, 20: 0.5, 30: 0.9, 40: 0.9}
    results = Results.of(
        row
        for seed in (0, 1, 2)
        for metric, curve in (("accuracy", accuracy), ("robust_3", {0: 0.0, 20: 4.0, 40: 0.0}))
        for row in _rows("a", seed, metric, curve)
    )
    levels = PerSeed({0: 0.5, 1: 0.7, 2: 0.1})
    found = at_accuracy(results, "a", "robust_3", levels)
    # Reached at steps 7.5 and 25, and before the first evaluation.
    assert list(found.values()) == pytest.approx([1.5, 3.0, 0.0])
    assert math.isnan(at_accuracy(results, "a", "robust_3", PerSeed(dict.fromkeys((0, 1, 2), 0.95)))[0])


@pytest.mark.parametrize("lead", [10, -10])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_only_students_on_a_lower_curve_are_lower_at_equal_accuracy(lead: int, share: float) -> None:
    """All go through the same accuracies, some sooner; progressive ones have ``share`` of M_robust."""

    def rows(arm: str, ahead: int, share: float = 1.0) -> list[dict[str, object]]:
        accuracy = {step: max(0, step + ahead) / 100 for step in range(0, 81, 10)}
        robust = {step: share * value * (1 - value) for step, value in accuracy.items()}
        return _rows(arm, 0, "accuracy", accuracy) + _rows(arm, 0, "robust_3", robust)

    one_shots = rows(ONE_SHOT, 0) + rows(ONE_SHOT_SOFT, -20)
    results = Results.of(rows(_pcfg.PROGRESSIVE, lead, share) + one_shots, seeds=[0])
    # Accuracies that both reach: .8 or .7 and .6, of which the one with the smaller difference counts.
    level = 0.8 if lead > 0 else 0.7
    expected = (1 - share) * level * (1 - level)
    assert fig5_long._lower_at_equal(results, "robust_3")[0] == pytest.approx(expected)
