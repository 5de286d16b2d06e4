"""Runs of a study: settings from one place, seeds that tune never reported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lit_curriculum.errors import UsageError
from lit_curriculum.reproduce.study import Arm, Study, at_scale
from tests.reproduce.studies import PLAIN, STUDY, TAUGHT, TEACH


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


def test_seeds_that_tune_are_never_added():
    assert replace(STUDY, seeds=(98,)).with_seeds(4).seeds == (98, 99, 101, 102)


def test_smoke_scale_has_one_seed_and_no_search():
    smoke = at_scale("smoke", "sparse_parity_mlp", arms=(PLAIN,), grid={"model.lr": (0.1, 0.2)})
    assert (smoke.seeds, smoke.tuning_seeds, smoke.grid) == ((0,), (), {"model.lr": (0.1,)})
    assert smoke.configs == ("sparse_parity_mlp", "smoke/sparse_parity_mlp")
    assert at_scale("laptop", "sparse_parity_mlp", arms=()).configs == ("sparse_parity_mlp",)


def test_two_arms_of_one_name_are_refused():
    with pytest.raises(UsageError, match=r"Study\.arms: got 'x'; allowed: each name once"):
        Study(configs=("sparse_parity_mlp",), arms=(Arm(name="x"), Arm(name="x", set={"model.width": 3})))
