"""A sweep file stands for exactly the runs that it says."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.runs import sweep_file
from lit_curriculum.runs.sweep import describe
from lit_curriculum.runs.sweep_file import load_sweep

BASE = {"configs": ["bit_subset_parity", "smoke/bit_subset_parity"]}


def write(folder: Path, content: object) -> Path:
    path = folder / "rates.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
    return path


def test_points_come_first_and_the_last_key_is_the_fastest(tmp_path):
    points = [{"data.d": 8}, {"data.d": 4, "data.subtask_labels": False}]
    grid = {"model.lr": [0.1, 0.2], "model.model_seed": [0, 1]}
    plan = load_sweep(write(tmp_path, {**BASE, "points": points, "grid": grid}))
    expected = [
        {**point, "model.lr": lr, "model.model_seed": seed}
        for point in points
        for lr in (0.1, 0.2)
        for seed in (0, 1)
    ]
    assert list(plan.settings) == expected
    assert plan.name == "rates"
    assert len({run.key for run in plan.runs}) == 8


def test_dotted_keys_nest_as_on_the_command_line(tmp_path):
    point = {"data.d": 8, "model.schedule": "cosine", "trainer.accelerator": "cpu"}
    (run,) = load_sweep(write(tmp_path, {**BASE, "points": [point]})).runs
    assert run.settings == {
        "data": {"init_args": {"d": 8}},
        "model": {"init_args": {"schedule": "cosine"}},
        "trainer": {"accelerator": "cpu"},
    }
    assert run.configs == tuple(BASE["configs"])


def test_one_value_for_several_keys(tmp_path):
    plan = load_sweep(write(tmp_path, {**BASE, "grid": {"data.data_seed, model.model_seed": [3, 4]}}))
    assert list(plan.settings) == [{"data.data_seed": s, "model.model_seed": s} for s in (3, 4)]


def test_a_configuration_beside_the_sweep_file(tmp_path):
    (tmp_path / "mine.yaml").write_text("data: {init_args: {d: 4}}")
    plan = load_sweep(write(tmp_path, {"configs": ["bit_subset_parity", "mine.yaml"]}))
    assert plan.configs[1] == str(tmp_path / "mine.yaml")
    assert plan.runs[0].key
    assert describe(plan.settings[0]) == ""


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_the_grid_is_a_product(tmp_path_factory, sizes):
    grid = {f"model.key{i}": list(range(size)) for i, size in enumerate(sizes)}
    plan = load_sweep(write(tmp_path_factory.mktemp("sweep"), {**BASE, "grid": grid}))
    expected = list(itertools.product(*(range(size) for size in sizes)))
    assert [tuple(settings.values()) for settings in plan.settings] == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", ["cannot be read", "while parsing"]),
        ("[]", ["holds no keys", "configs, points, grid"]),
        ({**BASE, "girds": {}}, ["'girds'", "did you mean 'grid'"]),
        ({"grid": {"model.lr": [1]}}, ["configs", "None", "a list of shipped"]),
        ({"configs": ["bit_subset"]}, ["config: got 'bit_subset'", "bit_subset_parity"]),
        ({"configs": ["mine.yaml"]}, ["mine.yaml", "an existing file"]),
        ({**BASE, "grid": {"lr": [1]}}, ["'lr'", "model.*, data.* or trainer.*"]),
        ({**BASE, "grid": {"model.lr": 0.1}}, ["model.lr", "0.1", "a list of values"]),
        ({**BASE, "grid": [1]}, ["grid", "[1]"]),
        ({**BASE, "points": []}, ["points", "[]"]),
        ({**BASE, "points": [{"data.d": 8}], "grid": {"data.d": [8]}}, ["'data.d' is set twice"]),
        ({**BASE, "grid": {"data.d": [8, 16, 8]}}, ["two runs are the same", "data.d=8"]),
        ({**BASE, "grid": {"data.d": [8, 8.0]}}, ["two runs are the same"]),
        (
            {**BASE, "grid": {f"data.k{i}": list(range(10)) for i in range(9)}},
            ["1,000,000,000 runs", "100,000"],
        ),
        ({**BASE, "grid": {f"data.k{i}": [0, 1] for i in range(70)}}, ["10^18 or more runs", "100,000"]),
        (
            {**BASE, "grid": {f"data.k{i}": list(range(300 if i < 2 else 1)) for i in range(200)}},
            ["90,000 runs of 200 keys", "10,000,000 in all"],
        ),
        ({**BASE, "grid": {"data.d, data.d": [8]}}, ["'data.d' is set twice"]),
        ("configs: [lego]\ngrid: {'data.d,model.d': [1], 'data.d, model.d': [2]}", ["is set twice"]),
        ("configs: [lego]\ngrid: {data.d: [1], data.d: [2]}", ["line 2: key 'data.d' is given twice"]),
        (
            {**BASE, "points": [{"model.lr": 1, "model.lr.x": 2}]},
            ["'model.lr.x' is set inside of 'model.lr'"],
        ),
        ({**BASE, "points": [{"model.a.b.c": 1}], "grid": {"model.a.b": [2]}}, ["set inside of 'model.a.b'"]),
        *(
            ({**BASE, "points": [{key: 1}]}, ["got key"])
            for key in ("model.", "model..x", "model.a b", "model")
        ),
        ("configs: [lego]\npoints: [{1: 2}]", ["got key 1"]),
        ("configs: [lego]\npoints: [{model.lr: .nan}]", ["model.lr", "nan", "a finite number"]),
        ("configs: [lego]\ngrid: {model.lr: [[1, {a: -.inf}]]}", ["model.lr", "-inf", "a finite number"]),
        ("configs: [lego]\npoints: [{model.o: {1: 2}}]", ["model.o", "key: got 1; allowed: a text"]),
        ("configs: [lego]\npoints: [{model.lr: !!binary aGk=}]", ["cannot be read", "tag"]),
        ("a: " + "[" * 10_000, ["nested deeper than 100"]),
        ("configs: [" + "x" * 5000 + ".yaml]", ["config: got", "an existing file"]),
    ],
)
def test_what_is_wrong_is_named(tmp_path, content, expected):
    with pytest.raises(UsageError) as caught:
        load_sweep(write(tmp_path, content))
    message = str(caught.value)
    assert "\n" not in message
    for part in expected:
        assert part in message


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"FILE: .*none.yaml cannot be read \(No such file"):
        load_sweep(tmp_path / "none.yaml")


def test_a_number_outside_is_refused(tmp_path):
    plan = load_sweep(write(tmp_path, {**BASE, "grid": {"model.lr": [0.1, 0.2]}}))
    assert plan.run(1) == plan.runs[1]
    for index in (-1, 2):
        with pytest.raises(UsageError, match=f"--index: got {index}; allowed: 0 to 1"):
            plan.run(index)


class Counted(int):
    """A number that counts how often it is compared."""

    compared = 0
    __hash__ = int.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return int(self) == other


def test_runs_that_are_the_same_are_found_without_comparing_all_pairs():
    n = 3000
    settings = sweep_file._settings(Path("s"), [{"model.a": Counted(i)} for i in range(n)], {})
    assert len(settings) == n
    assert Counted.compared < n


def test_a_sweep_of_the_most_runs_is_counted_and_named(tmp_path):
    grid = {"model.a": list(range(10)), "model.b": list(range(100)), "model.c": list(range(100))}
    plan = load_sweep(write(tmp_path, {**BASE, "grid": grid}))
    assert len(plan.settings) == 100_000
    assert plan.settings[12_345] == {"model.a": 1, "model.b": 23, "model.c": 45}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "got None; allowed: settings"),
        (b"- 1", "got [1]; allowed: settings"),
        (b"a: \xe4", "is not UTF-8"),
        (b"a: 1\na: 2", "key 'a' is given twice"),
        (b"1: a\nb: c", "a key that is no text"),
    ],
)
def test_a_configuration_that_is_none_is_named(tmp_path, content, reason):
    (tmp_path / "mine.yaml").write_bytes(content)
    plan = load_sweep(write(tmp_path, {"configs": ["mine.yaml"]}))
    with pytest.raises(UsageError) as caught:
        assert plan.runs[0].key
    assert str(caught.value).startswith(f"config: {tmp_path}/mine.yaml")
    assert reason in str(caught.value)


def test_a_configuration_that_changed_is_read_again(tmp_path):
    path = tmp_path / "mine.yaml"
    keys = []
    for text in ("a: 1", "a: 22"):
        path.write_text(text)
        keys.append(load_sweep(write(tmp_path, {"configs": ["mine.yaml"]})).runs[0].key)
    assert keys[0] != keys[1]


# --- groups --------------------------------------------------------------------------------------------

GRID = {"data.data_seed, model.model_seed": [0, 1]}
GROUPS = {
    "student": {
        "needs": "teacher",
        "configs": ["distill/student"],
        "shift": {"data.data_seed": 1000},
        "points": [{"model.width": 5}, {"model.width": 6}],
    },
    "teacher": {"points": [{"model.width": 50}]},
}


def grouped(folder, groups=GROUPS, **more):
    return load_sweep(
        write(folder, {"configs": ["sparse_parity_mlp"], "grid": GRID, "groups": groups, **more})
    )


def test_a_run_needs_the_one_of_equal_values(tmp_path):
    plan = grouped(tmp_path)
    assert [run.kind for run in plan.runs] == ["rates-teacher"] * 2 + ["rates-student"] * 4
    teachers, students = plan.runs[:2], plan.runs[2:]
    assert [run.needs for run in teachers] == [(), ()]
    assert [run.needs[0] for run in students] == [teachers[0], teachers[1]] * 2
    assert plan.configs == ("sparse_parity_mlp",)
    assert students[0].configs == ("sparse_parity_mlp", "distill/student")


def test_values_are_shifted_after_the_needed_run_has_been_found(tmp_path):
    plan = grouped(tmp_path)
    assert [(s["data.data_seed"], s["model.model_seed"]) for s in plan.settings] == [
        *[(0, 0), (1, 1)],
        *[(1000, 0), (1001, 1)] * 2,
    ]
    assert plan.runs[2].settings["data"]["init_args"]["data_seed"] == 1000


def test_a_chain_of_needs_is_ordered(tmp_path):
    groups = {"c": {"needs": "b"}, "b": {"needs": "a"}, "a": {}}
    plan = grouped(tmp_path, groups)
    assert [run.kind for run in plan.runs] == [f"rates-{name}" for name in "aabbcc"]
    assert plan.runs[4].needs[0].needs == (plan.runs[0],)


@pytest.mark.parametrize(
    ("groups", "more", "expected"),
    [
        ({"a": {"needs": "b"}, "b": {"needs": "a"}}, {}, ["groups: a, b need one another"]),
        ({"a": {"needs": "a"}}, {}, ["groups.a.needs: got 'a'", "another group"]),
        ({"a": {"needs": "teach"}, "teacher": {}}, {}, ["got 'teach'", "did you mean 'teacher'?"]),
        ({"a": {"need": "b"}, "b": {}}, {}, ["groups.a: key: got 'need'", "did you mean 'needs'?"]),
        ({"a b": {}}, {}, ["groups: got {'a b': {}}", "letters"]),
        ([], {}, ["groups: got []"]),
        (None, {}, ["groups: got None"]),
        ({"a": {"points": None}}, {}, ["groups.a.points: got None"]),
        ({"a": {"shift": {"data.data_seed": float("nan")}}}, {}, ["groups.a.shift", "finite"]),
        ({"a": {"grid": {"data.k": [True]}, "shift": {"data.k": 1}}}, {}, ["groups.a.shift: got 'data.k'"]),
        ({"a": {"points": [{"model.bank": "{bank}"}]}}, {}, ["groups.a: got {bank} without needs"]),
        ({"a": {"shift": {"data.data_seed": "1"}}}, {}, ["groups.a.shift", "`key: number`"]),
        ({"a": {"shift": {"data.seed": 1}}}, {}, ["groups.a.shift: got 'data.seed'"]),
        ({"a": {}}, {"points": [{"model.width": 1}]}, ["points: got some beside groups"]),
        (
            {"a": {}, "b": {"needs": "a", "grid": {"model.lr": [1]}}, "c": {"needs": "b"}},
            {"grid": {}},
            [],
        ),
        (
            {"a": {"grid": {"model.lr": [1, 2]}}, "b": {"needs": "a"}},
            {},
            ["groups.b.needs: 2 runs of a fit data.data_seed=0", "with equal", "model.lr"],
        ),
        (
            {"a": {"grid": {"model.lr": [1, 2]}}, "b": {"needs": "a", "grid": {"model.lr": [3]}}},
            {},
            ["groups.b.needs: 0 runs of a fit"],
        ),
    ],
)
def test_what_is_wrong_with_groups_is_named(tmp_path, groups, more, expected):
    if not expected:
        assert len(grouped(tmp_path, groups, **more).runs) == 3
        return
    with pytest.raises(UsageError) as caught:
        grouped(tmp_path, groups, **more)
    for part in expected:
        assert part in str(caught.value)
