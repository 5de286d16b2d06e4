"""Figures with other settings, on studies made up here; through the command line in `tests/cli`."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from matplotlib.figure import Figure as Picture

from lit_curriculum.errors import UsageError
from lit_curriculum.reproduce.change import Change, in_force
from lit_curriculum.reproduce.claim import Claim, final
from lit_curriculum.reproduce.figure import Figure, judged, load, targets
from lit_curriculum.reproduce.predicates import AtLeast
from lit_curriculum.reproduce.results import Results
from lit_curriculum.reproduce.study import Arm, Study
from lit_curriculum.reproduce.variation import varied

TEACHER = Arm(name="teacher", set={"model.width": 200})
STUDENT = Arm(name="one-shot tau=1e-4", set={"model.width": 10}, teacher=TEACHER, teach={"strategy": {}})
RATES = {"model.lr": (1e-2, 1e-3)}
SEARCH = Study(configs=("sparse_parity_mlp",), arms=(TEACHER, STUDENT), grid=RATES)
STUDY = Study(configs=("sparse_parity_mlp",), arms=(TEACHER, STUDENT), grid=RATES, tuned_in=SEARCH)
RESULTS = Results.of([{"arm": "teacher", "seed": 0, "step": 1, "metric": "accuracy", "value": 1.0}])


def figure(*studies: Study, **more: Any) -> Callable[[], Figure]:
    """Return what makes the figure, its studies under the changes that are in force then."""
    claim = Claim("solves", "It does.", final("teacher"), AtLeast(0.9))
    given: dict[str, Any] = {
        "draw": lambda _: Picture(),
        "claims": lambda _: [claim],
        "known": {"solves": "fails: so far"},
    }
    return lambda: Figure(cost="none", studies=remade(studies), **{**given, **more})


def remade(studies: Sequence[Study]) -> tuple[Study, ...]:
    known: dict[int, Study] = {}

    def again(study: Study) -> Study:
        if id(study) not in known:
            tuned_in = None if study.tuned_in is None else again(study.tuned_in)
            known[id(study)] = replace(study, changes=in_force(), tuned_in=tuned_in)
        return known[id(study)]

    return tuple(again(study) for study in studies)


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("data.k=5", Change(None, "data.k", 5)),
        ("teacher:model.optimizer.lr=1e-3", Change("teacher", "model.optimizer.lr", 1e-3)),
        ("one-shot tau=1e-4:model.lr=0.5", Change("one-shot tau=1e-4", "model.lr", 0.5)),
        ("data.roots=[16, 17]", Change(None, "data.roots", [16, 17])),
        ("model.names={a: x=y:z}", Change(None, "model.names", {"a": "x=y:z"})),
        ("data.grammar=cfg3h", Change(None, "data.grammar", "cfg3h")),
        ("data.support=null", Change(None, "data.support", None)),
        ("model.x=nan", Change(None, "model.x", "nan")),
        ("model.x=5:3", Change(None, "model.x", "5:3")),
    ],
)
def test_a_change_is_an_arm_a_key_and_a_value_of_yaml(text: str, change: Change):
    assert Change.parse(text) == change


@pytest.mark.parametrize(
    "text",
    ["", "data.k", "k=5", "teacher:k=5", "optimizer.lr=1", "data.=1", ".k=1", "data.k=[1", "data..k=1"],
)
def test_another_form_is_refused(text: str):
    with pytest.raises(UsageError, match="--set: got"):
        Change.parse(text)


@pytest.mark.parametrize(
    "key",
    [
        *("model.model_seed", "data.data_seed", "trainer.callbacks.bank"),
        *("trainer.default_root_dir", "trainer.logger", "trainer.fast_dev_run"),
    ],
)
def test_what_a_figure_has_to_choose_is_refused(key: str):
    with pytest.raises(UsageError, match="a figure has to choose"):
        Change.parse(f"{key}=1")


def test_a_change_for_all_arms_leaves_alone_what_an_arm_sets_itself():
    (study,) = varied(figure(STUDY), ["data.k=3", "teacher:model.width=500"]).studies
    assert [study.own(arm) for arm in study.arms] == [
        {"model.width": 500, "data.k": 3},
        {"model.width": 10, "data.k": 3},
    ]
    with pytest.raises(UsageError, match=r"set model\.width themselves: teacher, one-shot tau=1e-4"):
        varied(figure(STUDY), ["model.width=7"])


def test_a_change_for_all_arms_reaches_all_or_is_refused():
    """An arm that sets the key itself would keep its value under a picture that says otherwise."""
    plain = Arm(name="plain")
    mixed = replace(SEARCH, arms=(*SEARCH.arms, plain))
    with pytest.raises(UsageError, match=r"set model\.width themselves: teacher, one-shot tau=1e-4"):
        varied(figure(mixed), ["model.width=7"])
    told = [f"{name}:model.width=8" for name in ("teacher", "one-shot tau=1e-4")]
    (study,) = varied(figure(mixed), ["model.width=7", *told]).studies
    assert [study.value("model.width", arm) for arm in study.arms] == [8, 8, 7]


def test_a_comparison_is_not_made_one_value():
    """Of studies, of one arm in several of them, and of configurations."""
    few, many = (replace(SEARCH, set={"data.k": k}) for k in (3, 4))
    for change in ("data.k=5", "teacher:data.k=5"):
        with pytest.raises(UsageError, match=r"than data\.k, of which this figure compares 3, 4"):
            varied(figure(few, many), [change])
    gpt2 = Study(configs=("sparse_parity_gpt2",), arms=SEARCH.arms)
    with pytest.raises(UsageError, match=r"than data\.d, of which this figure compares"):
        varied(figure(SEARCH, gpt2), ["data.d=20"])


def test_what_every_run_has_already_is_no_change():
    with pytest.raises(UsageError, match="this is so already"):
        varied(figure(STUDY), [f"data.k={STUDY.value('data.k')}"])
    with pytest.raises(UsageError, match="this is so already"):
        varied(figure(STUDY), ["model.optimizer={}"])


def test_claims_tables_and_pictures_read_the_changed_studies():
    """Also those that they make when they are asked."""
    seen: list[Any] = []

    def look(*_: Any) -> Any:
        (again,) = remade([STUDY])
        seen.append((again.value("data.num_steps"), again.value("model.width", again.arm("teacher"))))
        return Picture()

    made = varied(
        figure(STUDY, draw=look, claims=look, table=look, measure=look),
        ["data.num_steps=700", "teacher:model.width=500"],
    )
    for asked in (made.draw, made.claims, made.table, made.measure):
        assert asked is not None
        asked(RESULTS)  # type: ignore[operator]
    assert seen == [(700, 500)] * 4
    assert in_force() == ()


def test_an_arm_made_from_another_does_not_have_its_changes():
    def make() -> Figure:
        (study,) = remade([SEARCH])
        other = replace(study.arm("teacher"), name="other teacher")
        return figure(replace(study, arms=(*study.arms, other)))()

    (study,) = varied(make, ["teacher:data.k=3"]).studies
    assert [study.value("data.k", arm) for arm in study.arms] == [3, 4, 4]


def test_a_students_teacher_is_the_changed_one():
    (study,) = varied(figure(STUDY), ["teacher:data.k=3"]).studies
    student = study.arm(STUDENT.name)
    assert study.own(student) == STUDENT.set
    assert study.run(student, 0).needs == (study.run(study.arm("teacher"), 0),)
    assert study.run(student, 0).needs != STUDY.run(STUDENT, 0).needs


def test_what_is_set_is_not_searched_also_where_another_study_searches():
    (study,) = varied(figure(STUDY), [f"{STUDENT.name}:model.lr=0.5"]).studies
    assert study.search is not study
    assert study.search.points(study.searched_as(study.arm(STUDENT.name))) == [{}]
    assert len(study.search.points(study.searched_as(study.arm("teacher")))) == 2


def test_studies_that_share_a_search_still_do():
    first, second = varied(figure(STUDY, STUDY, SEARCH), ["data.k=3"]).studies[1:]
    assert first.search is second


def test_the_picture_tells_the_change_and_nothing_is_known_of_claims():
    made = varied(figure(STUDY), ["data.k=3", "teacher:model.width=500"])
    told: list[Any] = made.draw(RESULTS).texts
    assert [text.get_text() for text in told] == ["changed: data.k = 3; teacher: model.width = 500"]
    assert [record["expected"] for record in judged(figure(STUDY)(), RESULTS, "laptop")] == ["fails: so far"]
    assert [record["expected"] for record in judged(made, RESULTS, "laptop")] == [""]


def test_without_a_change_it_is_the_figure_itself():
    made = figure(STUDY)()
    assert varied(lambda: made, []) is made


def test_an_arm_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(UsageError, match=r"an arm of teacher, one-shot tau=1e-4 \(did you mean 'teacher'"):
        varied(figure(STUDY), ["teachr:data.k=3"])


def test_a_target_that_trains_nothing_cannot_be_changed():
    with pytest.raises(UsageError, match="trains nothing"):
        varied(figure(), ["data.k=3"])


@pytest.mark.parametrize(
    "changes",
    [
        ["model.optimizer.init_args.lr=1"],
        ["data.k=3", "data.k=4"],
        ["teacher:data.k=3", "teacher:data.k=4"],
        ["model.optimizer={lr: 1}", "model.optimizer.lr=1"],
        ["model.width.x=1"],
    ],
)
def test_one_setting_under_two_names_or_twice_is_refused(changes: list[str]):
    with pytest.raises(UsageError, match="--set: got"):
        varied(figure(STUDY), changes)


@pytest.mark.parametrize("key", ["model.optimizer", "model.optimizer.lr.x"])
def test_a_part_of_what_is_searched_or_what_it_is_part_of_is_refused(key: str):
    searching = replace(SEARCH, grid={"model.optimizer.lr": (1e-2, 1e-3)})
    with pytest.raises(UsageError, match=r"than model\.optimizer\.lr"):
        varied(figure(searching), [f"teacher:{key}={{a: 1}}"])


@pytest.mark.parametrize("order", [1, -1])
def test_an_arms_own_change_is_above_one_for_all(order: int):
    (study,) = varied(figure(STUDY), ["teacher:data.k=3", "data.k=5"][::order]).studies
    assert [study.value("data.k", arm) for arm in study.arms] == [3, 5]


def test_an_exception_to_a_change_keeps_what_it_was():
    """Both have k = 6; one is to keep it while all others change."""
    (study,) = varied(figure(STUDY), ["data.k=3", "teacher:data.k=6"]).studies
    assert [study.value("data.k", arm) for arm in study.arms] == [6, 3]
    with pytest.raises(UsageError, match="this is so already"):
        varied(figure(STUDY), ["data.k=3", "teacher:data.k=3"])
    with pytest.raises(UsageError, match="this is so already"):  # no arm is left to take it
        varied(figure(STUDY), ["data.k=3", "teacher:data.k=6", f"{STUDENT.name}:data.k=6"])


def test_an_arm_that_is_only_searched_changes_with_those_that_are_shown():
    scout = Arm(name="scout", set={"model.width": 10})
    search = replace(SEARCH, arms=(*SEARCH.arms, scout))
    shown = figure(replace(SEARCH, tuned_in=search))
    with pytest.raises(UsageError, match="scout is trained in the search alone"):
        varied(shown, ["scout:data.k=3"])
    (study,) = varied(shown, ["data.k=3", "scout:data.k=2"]).studies
    assert study.search.value("data.k", scout) == 2


CONTROL = Arm(name="shuffled", teacher=TEACHER, teach={"strategy": {}}, tuned_as=STUDENT.name)
CONTROLLED = replace(SEARCH, arms=(TEACHER, STUDENT, CONTROL))


def rates(study: Study) -> dict[str, list[float]]:
    """Return every rate with which an arm's reported runs may be trained."""
    found = {}
    for arm in study.arms:
        points = study.search.points(study.searched_as(arm))
        runs = [study.run(arm, 0, study.taken(arm, point)) for point in points]
        found[arm.name] = [run.settings["model"]["init_args"]["lr"] for run in runs]
    return found


def test_a_change_of_an_arm_is_taken_where_its_rate_is_searched_as_anothers():
    (study,) = varied(figure(CONTROLLED), ["shuffled:model.lr=0.5"]).studies
    assert rates(study) == {"teacher": [1e-2, 1e-3], STUDENT.name: [1e-2, 1e-3], "shuffled": [0.5, 0.5]}


def test_what_is_searched_as_a_changed_arm_follows_it():
    (study,) = varied(figure(CONTROLLED), [f"{STUDENT.name}:model.lr=0.5", "model.lr=0.1"]).studies
    assert rates(study) == {"teacher": [0.1], STUDENT.name: [0.5], "shuffled": [0.5]}
    (study,) = varied(figure(CONTROLLED), [f"{STUDENT.name}:data.k=3"]).studies
    assert "data.k" not in study.own(study.arm("shuffled"))


def test_runs_do_not_share_the_value_of_a_change():
    (study,) = varied(figure(replace(SEARCH, grid={})), ["model.names={a: {b: 1}}"]).studies
    first, second = (study.run(arm, 0) for arm in study.arms)
    first.settings["model"]["init_args"]["names"]["a"]["b"] = 2
    assert second.settings["model"]["init_args"]["names"] == {"a": {"b": 1}}


def test_what_the_results_say_in_a_column_is_refused_of_those_arms_alone():
    by_width = replace(SEARCH, axes={"width": 10}, fixed=("data.d",))
    for change in (f"{STUDENT.name}:model.width=20", "data.d=60"):
        with pytest.raises(UsageError, match="compares or names itself"):
            varied(figure(by_width), [change])
    (study,) = varied(figure(by_width), ["teacher:model.width=500"]).studies
    assert study.value("model.width", study.arm("teacher")) == 500


@pytest.mark.parametrize("steps", ["abc", "null", "1e400", "0", "[1]", "2.5", ""])
def test_updates_that_are_no_number_are_told(steps: str):
    (study,) = varied(figure(SEARCH), [f"data.num_steps={steps}"]).studies
    with pytest.raises(UsageError, match=r"data\.num_steps: got .*; allowed: a whole number"):
        study.run(study.arms[0], 0)


def test_the_picture_tells_a_value_as_it_is():
    made = varied(figure(STUDY), ["data.name='$\\foo$'"])
    made.draw(RESULTS).savefig(io.BytesIO())


# Nothing is called by how long an arm trains, how often it is measured or with which initial weights; a
# length of string follows the task, which is in a column.
_NOT_COMPARED = (
    *("data.num_steps", "data.eval_every", "data.steps_per_call", "model.lr", "model.optimizer.lr"),
    *("model.initializer_range", "model.lr_scheduler", "model.max_length"),
)


@pytest.mark.parametrize("name", [name for name in targets() if load(name, "laptop").studies])
def test_what_arms_are_called_by_cannot_be_changed(name: str):
    """A setting in which arms of a study differ is in a column, fixed, or no part of what an arm is."""
    for study in load(name, "laptop").studies:
        teach = {arm.teacher.name for arm in study.arms if arm.teacher is not None}
        arms = [arm for arm in study.arms if arm.name not in teach and "teacher" not in arm.name]
        for key in {key for arm in arms for key in arm.set}:
            values = {str(arm.set.get(key, "not set")) for arm in arms}
            known = key in study.fixed or key.rpartition(".")[2] in study.axes or key in _NOT_COMPARED
            assert len(values) == 1 or known, f"{key} of {name}"
