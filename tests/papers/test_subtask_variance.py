"""The gradient variance's figure: claims hold and fail, slopes and intervals are those of known powers."""

from __future__ import annotations

import math
from typing import Any

import pytest

from lit_curriculum.papers import figure
from lit_curriculum.papers.subtask import subtask_variance, variance
from lit_curriculum.papers.subtask.variance import INITIAL, LARGE, MLP, MODELS, NARROW, RNN, STATES
from lit_curriculum.theory.uncorrelated import hypotheses

SETTING = variance.SETTINGS["laptop"]
SLOPES = {RNN: -1.2, NARROW: -6.0, LARGE: -3.0, MLP: -1.1}


def rows(
    slopes: dict[str, float] = SLOPES, height: float = 0.5, spread: float = 0.02
) -> list[dict[str, Any]]:
    """Power laws that meet ``height`` times the bound at d = 4; seeds differ by ``spread`` in the slope."""
    made = []
    for model in MODELS:
        for state in STATES:
            for seed in SETTING.seeds:
                for d in SETTING.sizes_of(model):
                    n = hypotheses(d)
                    share = height / 6 * (n / 6) ** (slopes[model] + spread * (seed - 1))
                    made.append(variance.row_of(model, state, d, seed, n, 7.0 * d * share, 7.0 * d))
    return made


def failing(given: list[dict[str, Any]]) -> list[str]:
    return [claim.id for claim in subtask_variance.claims(given, "laptop") if claim.status != "holds"]


def test_every_claim_holds_where_it_should() -> None:
    assert failing(rows()) == []
    assert len(subtask_variance.claims(rows(), "laptop")) == 4


@pytest.mark.parametrize(
    ("spoilt", "wrong"),
    [
        ({"height": 1.01}, ["under-the-bound"]),
        ({"slopes": {**SLOPES, NARROW: -1.0}}, ["steeper-init-0-02"]),
        # Below -1 on average, but the seeds do not agree well enough.
        ({"slopes": {**SLOPES, LARGE: -1.3}, "spread": 0.2}, ["steeper-init-0-1"]),
        ({"slopes": {**SLOPES, MLP: -1.5}}, ["mlp-near-the-bound"]),
    ],
)
def test_each_claim_can_fail(spoilt: dict[str, Any], wrong: list[str]) -> None:
    assert failing(rows(**spoilt)) == wrong


def test_a_single_point_above_the_bound_is_enough() -> None:
    given = rows()
    given[-1]["variance"] = given[-1]["bound"] * 1.001
    assert failing(given) == ["under-the-bound"]


def test_an_mlp_that_falls_faster_is_told_not_hidden() -> None:
    claim = subtask_variance.claims(rows({**SLOPES, MLP: -1.5}), "laptop")[-1]
    assert (claim.status, claim.note) == ("not_shown_at_scale", subtask_variance.STEEPER_MLP)
    claim = subtask_variance.claims(rows({**SLOPES, MLP: -0.7}), "laptop")[-1]
    assert (claim.status, claim.note) == ("fails", "")


def test_a_lost_point_is_no_claim() -> None:
    given = [r for r in rows() if (r["model"], r["seed"], r["d"]) != (MLP, 1, 8)]
    with pytest.raises(ValueError, match=r"data of MLP, initialisation, seed 1 lack d = \[8\]"):
        subtask_variance.claims(given, "laptop")


def test_slopes_are_of_the_share_and_intervals_are_students() -> None:
    found = variance.points(rows(), NARROW, INITIAL, 2, SETTING.gpt2_sizes)
    assert variance.slope(found) == pytest.approx(-5.98)
    assert math.isnan(variance.slope([{**found[0], "variance": 0.0}, *found[1:]]))
    low, high = variance.interval([1.0, 2.0, 3.0])
    assert ((low + high) / 2, (high - low) / 2) == (2.0, pytest.approx(4.303 / math.sqrt(3)))
    assert variance.interval([1.0]) == (-math.inf, math.inf)


def test_the_table_shows_slopes_with_their_intervals() -> None:
    lines = subtask_variance.table(rows(), "laptop")
    assert [line["model"] for line in lines] == list(MODELS)
    assert lines[1]["slope, initialisation"] == "-6.00 [-6.05, -5.95]"
    assert lines[3]["largest share of the bound, trained"] == "0.5"


def test_the_picture_is_drawn(tmp_path: Any) -> None:
    subtask_variance.draw(rows(), "laptop").savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000


@pytest.mark.parametrize("name", MODELS)
def test_measured_rows_are_under_the_bound_and_training_moves_them(name: str) -> None:
    setting = variance.SETTINGS["smoke"]
    first, last = variance.variance_rows(setting, name, 4, 0)
    assert (first["state"], last["state"], first["targets"]) == (*STATES, 6)
    for row in (first, last):
        assert 0 < row["variance"] <= row["bound"] == row["squared_norm"] / 6
    assert first["variance"] != last["variance"]
    assert variance.variance_rows(setting, name, 4, 0) == [first, last]


@pytest.mark.parametrize("scale", figure.SCALES)
def test_settings_are_complete(scale: Any) -> None:
    setting = variance.SETTINGS[scale]
    assert all(d % 2 == 0 for d in setting.sizes)
    assert set(setting.gpt2_sizes) <= set(setting.sizes)
    assert not set(setting.seeds) & set(setting.tuning_seeds)
    assert len(setting.seeds) - 1 in (0, *variance._STUDENT)
    assert subtask_variance.cost(scale)


def test_smoke_scale_measures_draws_and_judges_nothing(tmp_path: Any) -> None:
    measured = subtask_variance.measure(None, "smoke")  # type: ignore[arg-type]
    assert len(measured) == len(MODELS) * len(STATES) * 2
    subtask_variance.draw(measured, "smoke").savefig(tmp_path / "figure.png")
    assert {claim.status for claim in subtask_variance.claims(measured, "smoke")} == {"not_evaluated"}
