"""What is trained and measured: the same search for every arm, runs known before any is made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lit_curriculum.reproduce import measuring
from lit_curriculum.reproduce.measuring import choose, everything, measure
from lit_curriculum.reproduce.study import last_accuracy
from tests.reproduce.studies import PLAIN, STUDY, TAUGHT


class FakeLab:
    """Trains nothing: ``accuracy`` tells how good a run's settings are."""

    def __init__(self, accuracy):
        self.accuracy, self.runs = accuracy, []

    def fit(self, runs):
        self.runs += runs
        return [FakeRun(run, self.accuracy(run.settings["model"]["init_args"])) for run in runs]


class FakeRun:
    def __init__(self, run, accuracy):
        self.run, self.accuracy = run, accuracy
        self.path = Path("nowhere")

    def history(self, metric):
        assert metric in ("val/accuracy", "test/accuracy")
        if metric == "test/accuracy":
            assert "test" in self.run.settings["data"]["init_args"]["eval_streams"]
        return [(10, self.accuracy / 2), (20, self.accuracy)]

    def rows(self, file):
        return [{"step": "10", "val/accuracy": "0", "test/accuracy": "0"}]


def best_at(rates):
    return lambda model: 1 - abs(model["lr"] - rates.get(model["width"], 0.2))


def test_students_of_the_search_may_have_the_first_reported_teacher():
    for first in (0, 5):
        study = replace(STUDY, seeds=(first, 1), one_teacher=True)
        reported, searched = study.run(TAUGHT, first), study.run(TAUGHT, 100, report=False)
        assert searched.settings["data"]["init_args"]["data_seed"] == 1100
        assert searched.needs == reported.needs
        assert study.run(TAUGHT, 1).needs == STUDY.run(TAUGHT, 1).needs != reported.needs
        teachers = {run.needs[0].name for run in everything([study]) if run.needs}
        assert len(teachers) == 2


def test_neighbours_in_the_search_are_of_different_arms():
    lab = FakeLab(best_at({}))
    choose(lab, [STUDY])
    rates = [run.settings["model"]["init_args"]["lr"] for run in lab.runs]
    assert rates == [0.1, 0.1, 0.2, 0.2, 0.3, 0.3]
    assert [run.kind for run in lab.runs] == ["taught", "plain"] * 3


def test_every_arm_has_the_same_search_and_what_it_sets_is_not_searched():
    lab = FakeLab(best_at({10: 0.3}))
    ((teacher, taught, plain),) = choose(lab, [STUDY])
    assert teacher == {}
    assert taught == plain == {"model.lr": 0.3}
    assert len(lab.runs) == 2 * 3
    assert {run.settings["data"]["init_args"]["data_seed"] for run in lab.runs} == {1100}


def test_of_equal_settings_the_first_of_the_grid_is_chosen():
    assert choose(FakeLab(lambda model: 0.5), [STUDY])[0][1] == {"model.lr": 0.1}


def test_an_arm_may_take_the_settings_of_another_or_of_another_study():
    lab = FakeLab(best_at({10: 0.3}))
    follower = replace(PLAIN, name="follower", set={"model.width": 11}, tuned_as="plain")
    study = replace(STUDY, arms=(PLAIN, follower))
    assert choose(lab, [study])[0][1] == {"model.lr": 0.3}
    assert len(lab.runs) == 3
    other = replace(study, set={"data.k": 2}, tuned_in=study)
    lab = FakeLab(best_at({10: 0.3}))
    assert choose(lab, [study, other])[1][0] == {"model.lr": 0.3}
    assert len(lab.runs) == 3


def test_what_was_measured_has_its_arm_seed_and_axes():
    rows = measure(FakeLab(best_at({10: 0.3})), [replace(STUDY, score=last_accuracy)])
    assert len(rows) == 3 * 2 * 2
    assert rows[0] == {
        "arm": "teacher",
        "seed": 0,
        "step": 10,
        "metric": "accuracy",
        "value": 0.35,
        "d": 12,
        "lr": 0.5,
    }
    assert {row["lr"] for row in rows if row["arm"] == "plain"} == {0.3}


def test_all_runs_are_known_before_any_is_made():
    lab = FakeLab(best_at({}))
    measure(lab, [STUDY])
    made, known = {run.key for run in lab.runs}, {run.key for run in everything([STUDY])}
    assert len(made) == len(known) == 2 * 3 + 3 * 2


@pytest.mark.parametrize("ended", [True, False])
def test_where_the_searches_have_ended_the_reported_runs_are_those_of_what_they_chose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: bool
) -> None:
    lab = FakeLab(best_at({10: 0.3}))
    measure(lab, [STUDY])
    made = {run.key for run in lab.runs}
    searched = {run.name for run in lab.runs if run.settings["data"]["init_args"]["eval_streams"] == ["val"]}
    assert len(searched) == 6

    class Folder:
        def __init__(self, path: Path) -> None:
            self.finished = path.parent == tmp_path and path.name in searched and ended

    monkeypatch.setattr(measuring, "RunFolder", Folder)
    rates = best_at({10: 0.3})
    as_finished = lambda run, path: FakeRun(run, rates(run.settings["model"]["init_args"]))  # noqa: E731
    monkeypatch.setattr(measuring, "Finished", as_finished)
    known = {run.key for run in everything([STUDY], tmp_path)}
    assert (known == made) == ended
    assert len(known) == len(made)
