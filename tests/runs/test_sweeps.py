"""Sweeps: the product of their axes, the runs of the figures, and what is no sweep."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import yaml

from lit_curriculum.errors import UsageError
from lit_curriculum.papers.subtask import published
from lit_curriculum.papers.subtask.parity import SETTINGS, WITH
from lit_curriculum.runs.configs import config_folder
from lit_curriculum.runs.sweeps import load_sweep

GOOD: dict[str, Any] = {
    "kind": "try",
    "configs": ["bit_subset_parity", "smoke/bit_subset_parity"],
    "axes": [
        [{"data.d": 8, "model.max_length": 10}, {"data.d": 4, "model.max_length": 4}],
        [{"model.lr": 1e-3}, {"model.lr": 1e-5}, {"model.lr": 0.0}],
    ],
}


def written(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "s.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def test_every_entry_of_an_axis_meets_every_entry_of_the_others(tmp_path: Path) -> None:
    sweep = load_sweep(written(tmp_path, GOOD))
    assert [tuple(point.values()) for point in sweep.points] == [
        (8, 10, 1e-3),
        (8, 10, 1e-5),
        (8, 10, 0.0),
        (4, 4, 1e-3),
        (4, 4, 1e-5),
        (4, 4, 0.0),
    ]
    run = sweep.run(1)
    assert run.settings == {
        "data": {"init_args": {"d": 8}},
        "model": {"init_args": {"max_length": 10, "lr": 1e-5}},
    }
    assert (run.kind, run.configs) == ("try", tuple(GOOD["configs"]))


def test_a_run_has_its_folder_from_its_settings_and_not_from_its_place(tmp_path: Path) -> None:
    turned = {**GOOD, "axes": [list(reversed(axis)) for axis in GOOD["axes"]]}
    ours, theirs = (load_sweep(written(tmp_path, content)) for content in (GOOD, turned))
    folders = [sweep.words(i, tmp_path)[-1] for sweep in (ours, theirs) for i in range(6)]
    assert len(set(folders[:6])) == 6
    assert folders[:6] == folders[:5:-1]


def test_the_words_are_read_back_as_the_settings(tmp_path: Path) -> None:
    values = {"data.a": [1, "val"], "data.b": None, "model.c": True, "model.d": 1e-6, "model.e": "x: y"}
    sweep = load_sweep(written(tmp_path, {**GOOD, "axes": [[values]]}))
    words = sweep.words(0, tmp_path)
    assert words[0] == "fit"
    found = {}
    for word in words:
        if word.startswith(("--data.", "--model.")):
            name, _, text = word[2:].partition("=")
            found[name] = yaml.safe_load(text)
    assert found == values


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("axes: [", "sweep: got "),
        ("- 1", "a mapping with the keys kind, configs, axes"),
        (
            {**GOOD, "axis": []},
            "s.yaml: key: got 'axis'; allowed: kind, configs, axes (did you mean 'axes'?)",
        ),
        ({"kind": "a", "configs": ["circuits"]}, "s.yaml: axes: missing; allowed: kind, configs, axes"),
        ({**GOOD, "configs": "circuits"}, "s.yaml: configs: got 'circuits'; allowed: a list of names"),
        ({**GOOD, "configs": ["circus"]}, "config: got 'circus'; allowed: "),
        ({**GOOD, "axes": []}, "s.yaml: axes: got []; allowed: a list of lists of settings"),
        ({**GOOD, "axes": [[]]}, "s.yaml: axis 1: got []; allowed: a list of mappings"),
        ({**GOOD, "axes": [{"data.d": 1}]}, "s.yaml: axis 1: got {'data.d': 1}; allowed: a list of mappings"),
        (
            {**GOOD, "axes": [[{"lr": 1}]]},
            "s.yaml: axis 1: setting: got 'lr'; allowed: model.NAME or data.NAME",
        ),
        ({**GOOD, "axes": [[{"trainer.devices": 1}]]}, "setting: got 'trainer.devices'; allowed: model.NAME"),
        (
            {**GOOD, "axes": [[{"data.d": 1}], [{"data.d": 2}]]},
            "s.yaml: axis 2: data.d is set on axis 1 already; allowed: one axis",
        ),
        (
            {**GOOD, "axes": [[{"data.d": 1}, {"data.d": 2, "model.lr": 1.0}]]},
            "s.yaml: axis 1: entry 2 differs from the first in model.lr; allowed: the same settings",
        ),
    ],
)
def test_what_is_no_sweep_is_one_line_that_names_the_key(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_sweep(written(tmp_path, content))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_and_a_run_that_is_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none"):
        load_sweep(tmp_path / "none.yaml")
    sweep = load_sweep(written(tmp_path, GOOD))
    for index in (-1, 6):
        with pytest.raises(UsageError) as caught:
            sweep.words(index, tmp_path)
        assert str(caught.value) == f"--run: got {index}; allowed: 0 to 5"


# --- the shipped sweep ----------------------------------------------------------------------------------

TABLE_1 = load_sweep(config_folder() / "sweeps" / "subtask_table1.yaml")


def test_table_1_is_complete_with_the_grid_of_table_2() -> None:
    """From the paper's tables alone: every entry with every rate, decay and seed."""
    wanted = itertools.product(published.ACCURACY, (1e-6, 1e-5, 1e-4), (0, 1e-6, 1e-4, 1e-2), (27, 67, 93))
    found = [
        (
            (WITH if point["data.subtask_labels"] else "without", point["data.d"]),
            point["model.lr"],
            point["model.weight_decay"],
            point["data.data_seed"],
        )
        for point in TABLE_1.points
    ]
    assert len(found) == len(set(found)) == 504
    assert set(found) == set(wanted)
    assert all(point["data.data_seed"] == point["model.model_seed"] for point in TABLE_1.points)


def test_table_1_is_what_the_target_would_train(tmp_path: Path) -> None:
    """The same folders: after the sweep the target finds its reported runs finished."""
    setting = SETTINGS["paper"]
    grid = itertools.product(setting.cells, setting.rates, setting.decays, setting.seeds)
    wanted = {setting.run(*point).folder(tmp_path) for point in grid}
    assert {TABLE_1.run(i).folder(tmp_path) for i in range(len(TABLE_1.points))} == wanted
