"""Runs of a study: settings from one place, the same search for every arm, seeds that tune never reported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lit_curriculum.errors import UsageError
from lit_curriculum.reproduce.study import Arm, Study, at_scale, choose, everything, last_accuracy, measure

TEACHER = Arm(
    name="teacher", set={"model.width": 300, "model.lr": 0.5}, callbacks=[{"class_path": "Harvest"}]
)
TEACH = {"strategy": {"class_path": "OneShot"}, "tau": 1.0}
TAUGHT = Arm(
    name="taught",
    set={"model.width": 10},
    callbacks=(),
    probes=[{"class_path": "Probe"}],
    teacher=TEACHER,
    teach=TEACH,
    seed_offset=1000,
)
PLAIN = Arm(name="plain", set={"model.width": 10}, callbacks=(), seed_offset=1000)
STUDY = Study(
    configs=("sparse_parity_mlp", "smoke/sparse_parity_mlp"),
    arms=(TEACHER, TAUGHT, PLAIN),
    seeds=(0, 1),
    tuning_seeds=(100,),
    grid={"model.lr": (0.1, 0.2, 0.3)},
    axes={"d": 12},
)


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
        self.path = __import__("pathlib").Path("nowhere")

    def history(self, metric):
        assert metric in ("val/accuracy", "test/accuracy")
        if metric == "test/accuracy":
            assert "test" in self.run.settings["data"]["init_args"]["eval_streams"]
        return [(10, self.accuracy / 2), (20, self.accuracy)]

    def rows(self, file):
        return [{"step": "10", "val/accuracy": "0", "test/accuracy": "0"}]


def best_at(rates):
    return lambda model: 1 - abs(model["lr"] - rates.get(model["width"], 0.2))


def test_a_setting_is_that_of_the_last_who_states_it():
    assert STUDY.value("model.width", TAUGHT) == 10
    assert STUDY.value("model.width") == 200  # the overlay
    assert STUDY.value("model.model_seed") == 0  # the base
    assert replace(STUDY, set={"model.width": 7}).value("model.width") == 7
    with pytest.raises(KeyError, match="nothing_like_it"):
        STUDY.value("data.nothing_like_it")


def test_a_student_has_a_teacher_of_its_seed_and_sees_other_samples():
    run = STUDY.run(TAUGHT, 1, {"model.lr": 0.2})
    assert run.settings["model"]["init_args"] == {"width": 10, "lr": 0.2, "model_seed": 1001}
    (teacher,) = run.needs
    assert teacher.settings["data"]["init_args"]["data_seed"] == 1
    swap, probe = run.settings["trainer"]["callbacks"]
    assert swap == {"class_path": "SwapTeacher", "init_args": {"bank": "{bank}", **TEACH}}
    assert probe == {"class_path": "Probe"}
    assert STUDY.run(PLAIN, 1).settings["trainer"]["callbacks"] == []
    assert STUDY.run(PLAIN, 1).needs == ()


def test_runs_of_the_search_look_at_no_test_split_and_are_not_probed():
    run = STUDY.run(TAUGHT, 100, {"model.lr": 0.2}, report=False)
    assert run.settings["data"]["init_args"]["eval_streams"] == ["val"]
    assert len(run.settings["trainer"]["callbacks"]) == 1
    assert run.needs[0].settings["data"]["init_args"]["eval_streams"] == ["val"]


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


def test_seeds_that_tune_are_never_added():
    assert replace(STUDY, seeds=(98,)).with_seeds(4).seeds == (98, 99, 101, 102)


def test_smoke_scale_has_one_seed_and_no_search():
    smoke = at_scale("smoke", "sparse_parity_mlp", arms=(PLAIN,), grid={"model.lr": (0.1, 0.2)})
    assert (smoke.seeds, smoke.tuning_seeds, smoke.grid) == ((0,), (), {"model.lr": (0.1,)})
    assert smoke.configs == ("sparse_parity_mlp", "smoke/sparse_parity_mlp")
    assert at_scale("laptop", "sparse_parity_mlp", arms=()).configs == ("sparse_parity_mlp",)


def test_all_runs_are_known_before_any_is_made():
    lab = FakeLab(best_at({}))
    measure(lab, [STUDY])
    made, known = {run.key for run in lab.runs}, {run.key for run in everything([STUDY])}
    assert len(made) == len(known) == 2 * 3 + 3 * 2


def test_two_arms_of_one_name_are_refused():
    with pytest.raises(UsageError, match=r"Study\.arms: got 'x'; allowed: each name once"):
        Study(configs=("sparse_parity_mlp",), arms=(Arm(name="x"), Arm(name="x", set={"model.width": 3})))
