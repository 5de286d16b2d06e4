"""Rows of Table 1 at the published size: claims hold and fail, runs end early, a missing scale is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from lit_curriculum.cli.main import main
from lit_curriculum.papers import figure
from lit_curriculum.papers.subtask import parity, subtask_table1_rows
from lit_curriculum.papers.subtask.parity import WITH, WITHOUT
from lit_curriculum.papers.subtask.published import ITERATIONS
from lit_curriculum.papers.subtask.subtask_table1_rows import SETTINGS
from lit_curriculum.runs.configs import shipped
from tests.support import in_child

SETTING = SETTINGS["paper"]
# Every entry as in the paper.
LEARNED = {(cell.method, cell.d): ITERATIONS[cell.method, cell.d][0] for cell in SETTING.cells}


def rows(learned: dict[tuple[str, int], float] = LEARNED, end: float = 1.0) -> list[dict[str, Any]]:
    """Curves that leave chance at a step and end three evaluations after they are right."""
    made = []
    for cell in SETTING.cells:
        for i, seed in enumerate(SETTING.seeds_of(cell)):
            start = learned[cell.method, cell.d] * (1 + 0.1 * i)
            flawless = 0
            for step in range(cell.eval_every, cell.num_steps + 1, cell.eval_every):
                accuracy = 0.5 if step < start else end
                for name in ("val/accuracy", "test/accuracy"):
                    made.append(parity._row(cell, seed, 1e-4, 0.0, name, step, accuracy))
                flawless += accuracy == 1.0
                if flawless == 3:
                    break
    return made


def failing(given: list[dict[str, Any]]) -> set[str]:
    found = subtask_table1_rows.claims(given, "paper")
    assert len({claim.id for claim in found}) == len(found) == 18
    return {claim.id for claim in found if claim.status != "holds"}


def test_every_claim_holds_where_the_papers_numbers_are_found() -> None:
    assert failing(rows()) == set()


@pytest.mark.parametrize(
    ("learned", "wrong"),
    [
        (
            {(WITH, 16): math.inf},
            {"learned-16-bits", "steps-16-bits"},
        ),
        ({(WITH, 64): math.inf}, {"learned-64-bits", "steps-64-bits"}),
        ({(WITH, 64): 3000}, {"steps-64-bits"}),
        ({(WITH, 16): 1100}, {"steps-16-bits"}),
        ({(WITHOUT, 10): 2200}, {"growth-10-to-12-bits"}),
        ({(WITHOUT, 10): 400}, {"growth-8-to-10-bits"}),
        ({(WITH, 8): 150}, {"labels-save-steps-8-bits"}),
        ({(WITH, 32): 3500}, {"labels-save-steps-32-bits"}),
        # A bound from below: 16,000 steps were not enough.
        ({(WITHOUT, 12): math.inf}, {"learned-12-bits-without", "steps-12-bits-without"}),
    ],
)
def test_each_claim_can_fail(learned: dict[tuple[str, int], float], wrong: set[str]) -> None:
    assert failing(rows({**LEARNED, **learned})) == wrong


def test_almost_learned_is_not_learned() -> None:
    found = failing(rows(end=0.99))
    assert found == {f"learned-{n}-bits" for n in (8, 16, 32, 64)} | {
        f"learned-{n}-bits-without" for n in (8, 10, 12)
    }


def test_nothing_learned_is_told_not_hidden() -> None:
    given = rows(dict.fromkeys(LEARNED, math.inf))
    assert len(failing(given)) == 18


def test_a_lost_seed_is_no_claim() -> None:
    given = [row for row in rows() if not (row["seed"] == 93 and row["d"] == 32)]
    with pytest.raises(ValueError, match="32 bits with labels, seed 93"):
        subtask_table1_rows.claims(given, "paper")


def test_the_table_shows_ours_beside_the_papers() -> None:
    lines = {line["bits"]: line for line in subtask_table1_rows.table(rows(), "paper")}
    assert list(lines) == [8, 10, 12, 16, 32, 64]
    assert lines[64]["steps with labels"] == "11,000"  # one seed, no spread
    assert lines[64]["steps with labels, paper"] == "11,000 ± 1,154"
    assert lines[12]["accuracy without"] == "100% ± 0"


def test_pictures_are_drawn_also_where_nothing_is_learned(tmp_path: Path) -> None:
    for given in (rows(), rows(dict.fromkeys(LEARNED, math.inf))):
        subtask_table1_rows.draw(given, "paper").savefig(tmp_path / "figure.png")
        assert (tmp_path / "figure.png").stat().st_size > 1000


def test_settings_are_the_published_ones_but_for_the_length() -> None:
    model = yaml.safe_load(shipped("paper/bit_subset_parity").read_text())["model"]["init_args"]
    assert (model["layers"], model["heads"], model["width"]) == (12, 12, 768)
    assert (SETTING.seeds, SETTING.rates, SETTING.decays) == ((27, 67, 93), (1e-4,), (0.0,))
    assert {(cell.method, cell.d) for cell in SETTING.cells} == {
        *((WITH, d) for d in (8, 16, 32, 64)),
        *((WITHOUT, d) for d in (8, 10, 12)),
    }
    for cell in SETTING.cells:
        assert cell.num_steps % cell.eval_every == 0
        assert cell.num_steps >= 2 * ITERATIONS[cell.method, cell.d][0]
        assert set(SETTING.seeds_of(cell)) <= set(SETTING.seeds)


@pytest.mark.parametrize("scale", list(SETTINGS))
def test_a_run_says_how_it_ends(scale: Any) -> None:
    setting = SETTINGS[scale]
    assert subtask_table1_rows.cost(scale)
    settings = setting.run(setting.cells[0], 1e-4, 0.0, 27).settings
    classes = [callback["class_path"] for callback in settings["trainer"]["callbacks"]]
    assert classes == ["StopWhenLearned", "ExactResume"]
    # bfloat16 is for the GPU.
    assert settings["trainer"]["precision"] == ("bf16-mixed" if scale == "paper" else "32-true")


@pytest.mark.parametrize("scale", ["laptop", "paper"])
def test_plain_training_ends_later(scale: Any) -> None:
    """Three evaluations of 32 strings in a row are right half-way into the transition already."""
    setting = SETTINGS[scale]
    for cell in setting.cells:
        (stop,) = (
            callback["init_args"]
            for callback in setting.run(cell, 1e-4, 0.0, 27).settings["trainer"]["callbacks"]
            if callback["class_path"] == "StopWhenLearned"
        )
        assert stop == {"level": 1.0, "times": 3 if cell.method == WITH else 10}


def test_a_laptop_has_the_published_model_and_the_rows_of_8_bits() -> None:
    laptop = SETTINGS["laptop"]
    assert laptop.configs == SETTING.configs
    assert [(cell.d, cell.method) for cell in laptop.cells] == [(8, WITH), (8, WITHOUT)]
    given = [row for row in rows() if row["d"] == 8]
    found = subtask_table1_rows.claims(given, "laptop")
    assert {claim.id for claim in found if claim.status == "holds"} == {
        "learned-8-bits",
        "learned-8-bits-without",
        "steps-8-bits",
        "steps-8-bits-without",
        "labels-save-steps-8-bits",
    }
    assert len(found) == 5


def test_other_tables_have_runs_of_full_length() -> None:
    setting = parity.SETTINGS["paper"]
    assert "trainer" not in setting.run(setting.cells[0], 1e-4, 0.0, 27).settings


def test_a_scale_that_the_target_lacks_is_refused(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(SETTINGS, "laptop")
    out = tmp_path / "out"
    words = ["reproduce", "fig1-left", "subtask-table1-rows", "--scale", "laptop", "--out", str(out)]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error == "lit: error: --scale: got 'laptop'; allowed: smoke, paper for subtask-table1-rows\n"
    assert not out.exists()


def test_the_target_runs_at_smoke_scale_through_the_command(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["reproduce", "subtask-table1-rows", "--scale", "smoke", "--out", str(out), "--jobs", "1"]
    assert in_child(lambda: main(words)) == 0
    found = figure.read_rows(out / "subtask-table1-rows" / "data.csv")
    setting = SETTINGS["smoke"]
    wanted = {(c.d, c.method, s) for c in setting.cells for s in setting.seeds_of(c)}
    assert {(row["d"], row["method"], row["seed"]) for row in found} == wanted
    assert (out / "subtask-table1-rows" / "table.md").is_file()
    steps = {p: json.loads(p.read_text()) for p in (out / "runs").glob("*/provenance.json")}
    assert len(steps) == len(wanted)
    assert all(record["finished"] for record in steps.values())
    # An untrained model reaches smoke scale's level: some run ended early.
    assert min(record["steps"] for record in steps.values()) < 20
    before = {path: path.stat().st_mtime_ns for path in steps}
    assert in_child(lambda: main(words)) == 0  # all finished: nothing is trained again
    assert {path: path.stat().st_mtime_ns for path in steps} == before
