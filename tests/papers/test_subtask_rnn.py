"""The Elman network's figure: claims hold and fail, runs state their cells in full."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lit_curriculum.papers import figure
from lit_curriculum.papers.subtask import elman, subtask_rnn
from lit_curriculum.papers.subtask.elman import ADAM, ROUNDED_GD, VARIANTS, WORST_GD, WORST_SGD
from lit_curriculum.papers.subtask.parity import WITH, WITHOUT, Cell

SETTING = elman.SETTINGS["laptop"]
# The share of its run after which a cell is learned.
LEARNED: dict[tuple[str, int], float] = {
    (WITH, 8): 0.2,
    (WITH, 16): 0.3,
    (WITHOUT, 12): 0.2,
    (WITHOUT, 14): 0.4,
    (WITHOUT, 16): math.inf,
    **{(m, next(c.d for c in SETTING.cells if c.method == m)): 0.3 for m in VARIANTS},
}


def rows(
    learned: dict[tuple[str, int], float] = LEARNED, end: float = 1.0, slack: float = 0.1
) -> list[dict[str, Any]]:
    """Curves that leave chance at a share of the run; each argument spoils one claim."""
    made = []
    for cell in SETTING.cells:
        for seed in SETTING.seeds:
            start = learned[cell.method, cell.d] * cell.num_steps * (1 + 0.05 * seed)
            for step in range(cell.eval_every, cell.num_steps + 1, cell.eval_every):
                accuracy = end if step >= start else 0.5
                values = {"val/loss": 0.1, "val/accuracy": accuracy, "test/accuracy": accuracy}
                values["test/forced_errors"] = 1 - accuracy + slack
                made += [elman.row_of(cell, seed, name, step, value) for name, value in values.items()]
    return made


def failing(given: list[dict[str, Any]]) -> set[str]:
    return {claim.id for claim in subtask_rnn.claims(given, "laptop") if claim.status != "holds"}


def spoilt(method: str, share: float, d: int = 0) -> dict[tuple[str, int], float]:
    return {key: share if key[0] == method and d in (0, key[1]) else old for key, old in LEARNED.items()}


def test_every_claim_holds_where_it_should() -> None:
    found = subtask_rnn.claims(rows(), "laptop")
    assert {claim.id: claim.status for claim in found} == {claim.id: "holds" for claim in found}
    assert len({claim.id for claim in found}) == len(found) == 10


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (rows(end=0.94), 8),  # nothing is almost flawless, and so nothing says when labels have solved it
        (rows(spoilt(WITH, math.inf, 8)), {"learned-algorithm-1-8-bits", "gap-opens"}),
        (rows(spoilt(WORST_SGD, math.inf)), {"learned-algorithm-2-worst-8-bits"}),
        (rows(spoilt(ROUNDED_GD, math.inf)), {"learned-algorithm-3-rounded-8-bits"}),
        (rows(spoilt(ADAM, math.inf)), {"learned-adam-8-bits"}),
        (rows(spoilt(WITHOUT, 0.01, 16)), {"chance-without-labels", "gap-opens"}),
        (rows({**LEARNED, (WITHOUT, 12): 0.5, (WITHOUT, 16): 0.1}), {"gap-opens"}),
        (rows(slack=-0.001), {"lemma-1"}),
    ],
)
def test_each_claim_can_fail(given: list[dict[str, Any]], wrong: Any) -> None:
    found = failing(given)
    assert found == wrong or len(found) == wrong


def test_a_largest_size_that_is_not_learned_counts_with_its_length() -> None:
    """The gap, by a fit of log2 updates against bits, and as a bound from below of a longer run's."""
    (gap,) = (claim for claim in subtask_rnn.claims(rows(), "laptop") if claim.id == "gap-opens")
    expected = []
    for seed in SETTING.seeds:
        slopes = []
        for method in (WITH, WITHOUT):
            cells = SETTING.of(method)
            steps = [
                min(
                    cell.num_steps,
                    math.ceil(LEARNED[method, cell.d] * cell.num_steps * (1 + 0.05 * seed) / cell.eval_every)
                    * cell.eval_every
                    if math.isfinite(LEARNED[method, cell.d])
                    else math.inf,
                )
                for cell in cells
            ]
            slopes.append(np.polyfit([cell.d for cell in cells], np.log2(steps), 1)[0])
        expected.append(slopes[1] - slopes[0])
    assert gap.measured == pytest.approx(np.mean(expected))
    assert gap.note == (
        "censored: 3 of 3 seeds do not learn 16 bits within 3,000,000 updates; "
        "their difference is a lower bound"
    )
    late = rows({**LEARNED, (WITHOUT, 16): 0.5})
    (learned,) = (claim for claim in subtask_rnn.claims(late, "laptop") if claim.id == "gap-opens")
    assert not learned.note
    assert learned.measured < gap.measured


def test_a_lost_seed_is_no_claim() -> None:
    given = [row for row in rows() if not (row["seed"] == 2 and row["method"] == ADAM)]
    with pytest.raises(ValueError, match="8 bits Adam, seed 2"):
        subtask_rnn.claims(given, "laptop")


def test_pictures_are_drawn_also_where_nothing_is_learned(tmp_path: Any) -> None:
    for given in (rows(), rows(dict.fromkeys(LEARNED, math.inf))):
        subtask_rnn.draw(given, "laptop").savefig(tmp_path / "figure.png")
        assert (tmp_path / "figure.png").stat().st_size > 1000


@pytest.mark.parametrize("scale", figure.SCALES)
def test_settings_are_complete(scale: Any) -> None:
    setting = elman.SETTINGS[scale]
    assert len({(cell.method, cell.d) for cell in setting.cells}) == len(setting.cells)
    assert {cell.method for cell in setting.cells} == {WITH, WITHOUT, *VARIANTS}
    assert not set(setting.seeds) & set(setting.tuning_seeds)
    assert all(cell.num_steps % cell.eval_every == 0 for cell in setting.cells)
    sizes = [{cell.d for cell in setting.of(method)} for method in (WITH, WITHOUT, ADAM)]
    assert sizes[0] & sizes[1]
    assert sizes[2] <= sizes[0]
    assert subtask_rnn.cost(scale)


def test_a_run_states_its_cell_in_full() -> None:
    run = SETTING.run(Cell(8, WORST_SGD, 1000, 200), 7)
    model, data = (run.settings[name]["init_args"] for name in ("model", "data"))
    assert run.configs == ("elman",)
    assert (model["sigma"], model["precision"], model["model_seed"]) == (SETTING.sigma, "sign", 7)
    assert (data["d"], data["subtask_labels"], data["data_seed"]) == (8, True, 7)
    assert data["steps_per_call"] == 200
    run = SETTING.run(Cell(8, WORST_GD, 1000, 200), 7)
    model, data = (run.settings[name]["init_args"] for name in ("model", "data"))
    assert run.configs == ("elman_population",)
    assert (model["sigma"], model["precision"]) == (SETTING.worst_population_sigma, "sign")
    assert (data["population"], data["subtask_labels"]) == (True, True)
    assert not SETTING.run(Cell(8, WITHOUT, 1000, 200), 7).settings["data"]["init_args"]["subtask_labels"]
    run = SETTING.run(Cell(8, ADAM, 1000, 200), 7)
    assert run.settings["model"]["init_args"]["sigma"] == 0
    assert run.settings["data"]["init_args"]["batch_size"] == 32
    assert SETTING.run(Cell(8, WITH, 1000, 200), 7).settings["model"]["init_args"]["sigma"] == 0


class FakeLab:
    """Finishes every run at once, at chance."""

    def fit(self, runs: Any) -> list[FakeLab]:
        return [self for _ in runs]

    def history(self, quantity: str) -> list[tuple[int, float]]:
        return [(step, 0.5) for step in (5, 10, 20)]


def test_a_size_may_have_its_own_rate_with_labels_but_not_without() -> None:
    setting = replace(SETTING, lr=0.5, lr_of={8: 0.25})
    cells = [Cell(8, WITH, 1000, 200), Cell(8, WORST_SGD, 1000, 200), Cell(16, WITH, 1000, 200)]
    cells.append(Cell(8, WITHOUT, 1000, 200))
    rates = [setting.run(cell, 7).settings["model"]["init_args"]["lr"] for cell in cells]
    assert rates == [0.25, 0.25, 0.5, 0.5]


def test_smoke_scale_measures_draws_and_judges_nothing(tmp_path: Any) -> None:
    measured = subtask_rnn.measure(FakeLab(), "smoke")  # type: ignore[arg-type]
    assert len(measured) == len(elman.SETTINGS["smoke"].cells) * len(elman.QUANTITIES) * 3
    subtask_rnn.draw(measured, "smoke").savefig(tmp_path / "figure.png")
    assert {claim.status for claim in subtask_rnn.claims(measured, "smoke")} == {"not_evaluated"}
