"""The theory figure's claims can hold and can fail, and are computed from rows alone."""

from __future__ import annotations

import math
from typing import Any

import pytest
from matplotlib.figure import Figure

from lit_curriculum.papers.implicit import implicit_theory as figure
from lit_curriculum.papers.implicit import theory

SETTING = figure.SETTINGS["laptop"]
ROW = theory.row_of


def rows(
    few: float = 2.0,
    many: float = 1.2,
    end: float = 0.05,
    alone: float = 0.5,
    within: float = 0.5,
    wrong: int = 0,
) -> list[dict[str, Any]]:
    """Rows in which every claim holds, first batches following power laws; each argument spoils one."""
    made = []
    for n in SETTING.sizes:
        half = 2 ** (n // 2)
        values = {
            "inputs": 2 ** (n + 1),
            "exceptions": half,
            "failures outside": wrong,
            "failures off by one": half,
            "lemma 2": 1e-16,
        }
        made += [ROW("construction", n, 0.1, 0, 0, name, value) for name, value in values.items()]
    for p in SETTING.p:
        for metric in (theory.CORRECTED, theory.PRINTED):
            made += [ROW("gradient", 6, p, trial, 10, metric, within + trial / 1000) for trial in range(20)]
        for seed in SETTING.seeds:
            at = 100 * p ** -(few if p <= theory.PARITY_NOISE else many) * (1 + 0.1 * seed)
            for factor, loss in ((0.1, 0.4), (1.0, end), (10.0, end)):
                made.append(ROW("learning", 6, p, seed, round(at * factor), "loss", loss))
                made.append(ROW("learning", 6, p, seed, round(at * factor), "accuracy", 1 - loss))
    for seed in SETTING.seeds:
        for batch in (10, 100, 1000):
            made.append(ROW("learning", 6, 0.0, seed, batch, "loss", 0.5))
            made.append(ROW("learning", 6, 0.0, seed, batch, "accuracy", alone))
    return made


def failing(given: list[dict[str, Any]]) -> list[str]:
    return [claim.id for claim in figure.claims(given, "laptop") if claim.status != "holds"]


def test_every_claim_holds_where_it_should() -> None:
    assert failing(rows()) == []
    assert len(figure.claims(rows(), "laptop")) == 7


@pytest.mark.parametrize(
    ("spoilt", "wrong"),
    [
        ({"few": 1.6}, ["cost-one-over-p-squared"]),
        ({"few": 2.4}, ["cost-one-over-p-squared"]),
        ({"many": 1.8}, ["cost-slower-where-sum-limits"]),
        ({"alone": 0.7}, ["parity-alone-fails"]),
        ({"within": 1.0}, ["claim-1"]),
        ({"wrong": 1}, ["lemma-5"]),
        # Never below epsilon: nothing is learned and no slope can be told.
        ({"end": 0.13}, ["learns-with-sum", "cost-one-over-p-squared", "cost-slower-where-sum-limits"]),
    ],
)
def test_each_claim_can_fail(spoilt: dict[str, float], wrong: list[str]) -> None:
    assert failing(rows(**spoilt)) == wrong  # type: ignore[arg-type]


def test_what_is_needed_is_the_first_batch_that_suffices_for_good() -> None:
    curve = [(1, 0.1), (2, 0.3), (4, 0.1), (8, 0.1)]
    given = [ROW("learning", 6, 0.5, 0, batch, "loss", loss) for batch, loss in curve]
    # Halfway, in the logarithm, from 2 with 0.3 to 4 with 0.1.
    assert theory.needed(given, 0.5, 0, 0.2) == pytest.approx(2 * math.sqrt(2))
    assert theory.needed(given, 0.5, 0, 0.09) == math.inf
    # Good enough from the smallest batch on: fewer may do, so no slope rests on it.
    assert math.isnan(theory.needed(given, 0.5, 0, 0.3))
    assert math.isnan(theory.slope(given + [{**row, "p": 0.25} for row in given], (0.25, 0.5), 0, 0.3))


def test_it_is_drawn_from_rows_alone() -> None:
    drawn = figure.draw(rows(), "laptop")
    assert isinstance(drawn, Figure)
    assert "slope 2.00" in drawn.axes[1].get_title()


def test_smoke_scale_measures_draws_and_judges_nothing() -> None:
    measured = figure.measure(None, "smoke")  # type: ignore[arg-type]
    assert {row["part"] for row in measured} == {"construction", "gradient", "learning"}
    assert measured == figure.measure(None, "smoke")  # type: ignore[arg-type]
    figure.draw(measured, "smoke")
    assert {claim.status for claim in figure.claims(measured, "smoke")} == {"not_evaluated"}


@pytest.mark.parametrize("scale", ["smoke", "laptop", "paper"])
def test_settings_meet_theorem_1s_assumption(scale: Any) -> None:
    setting = figure.SETTINGS[scale]
    assert setting.n >= 2 * math.log2(1 / setting.epsilon)
    assert setting.k >= setting.n * math.log(setting.n / setting.delta)
    assert figure.cost(scale)
