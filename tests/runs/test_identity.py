"""Two runs are the same if and only if what changes results is."""

from __future__ import annotations

import copy
import json

import pytest

from lit_curriculum.runs import identity
from lit_curriculum.runs.identity import config_hash, results_settings

DATA = "lit_curriculum.experiments.sparse_parity.SparseParityData"
MODEL = "lit_curriculum.experiments.sparse_parity.SparseParityMLP"
SWAP = "lit_curriculum.callbacks.SwapTeacher"
HARVEST = "lit_curriculum.callbacks.HarvestCheckpoints"
RESUME = "lit_curriculum.callbacks.ExactResume"


def config(**changes):
    """Return a resolved configuration; ``a__b=value`` changes key a.b."""
    result = {
        "seed_everything": 0,
        "model": {"class_path": MODEL, "init_args": {"d": 10, "width": 20, "lr": 0.1}},
        "data": {"class_path": DATA, "init_args": {"d": 10, "k": 3, "num_steps": 100, "num_workers": 0}},
        "trainer": {
            "precision": "32-true",
            "accelerator": "auto",
            "devices": 1,
            "logger": True,
            "callbacks": [{"class_path": HARVEST, "init_args": {"every_n_steps": 10}}],
        },
        "run_dir": "runs/a",
        "ckpt_path": None,
    }
    for key, value in changes.items():
        *path, last = key.split("__")
        place = result
        for name in path:
            place = place[name]
        place[last] = value
    return result


@pytest.mark.parametrize(
    "change",
    [
        {"seed_everything": 1},
        {"model__init_args__width": 21},
        {"model__init_args__lr": 0.2},
        {"data__init_args__num_steps": 101},
        {"trainer__precision": "64-true"},
        {"trainer__callbacks": []},
        {"trainer__callbacks": [{"class_path": HARVEST, "init_args": {"every_n_steps": 11}}]},
        {"model__class_path": MODEL + "2"},
    ],
)
def test_a_setting_that_changes_results_changes_the_hash(change):
    assert config_hash(config(**change)) != config_hash(config())


@pytest.mark.parametrize(
    "change",
    [
        {"run_dir": "elsewhere"},
        {"ckpt_path": "last"},
        {"trainer__accelerator": "cpu"},
        {"trainer__devices": 8},
        {"trainer__logger": False},
        {"trainer__enable_progress_bar": False},
        {"trainer__strategy": "ddp"},
        {"data__init_args__num_workers": 4},
        {
            "trainer__callbacks": [
                {"class_path": HARVEST, "init_args": {"every_n_steps": 10}},
                {"class_path": RESUME, "init_args": {"every_n_steps": 7}},
            ]
        },
    ],
)
def test_where_and_how_a_run_is_executed_does_not_change_the_hash(change):
    assert config_hash(config(**change)) == config_hash(config())


def test_a_neutral_name_counts_where_it_means_something_else():
    # trainer.devices is neutral, an argument of the same name elsewhere is not.
    assert config_hash(config(model__init_args__devices=2)) != config_hash(config())


def test_order_of_keys_does_not_matter():
    reordered = dict(reversed(config().items()))
    assert config_hash(reordered) == config_hash(config())


def test_order_of_callbacks_matters():
    first = {"class_path": HARVEST, "init_args": {}}
    second = {"class_path": SWAP, "init_args": {}}
    hashes = [config_hash(config(trainer__callbacks=pair)) for pair in ([first, second], [second, first])]
    assert hashes[0] != hashes[1]


def test_the_configuration_itself_is_left_alone():
    given = config()
    before = copy.deepcopy(given)
    config_hash(given)
    assert given == before


def test_versions_of_the_components_used_are_part_of_it():
    settings = results_settings(config())
    assert settings["versions"] == {name: identity.RESULTS_VERSION[name] for name in (DATA, MODEL, HARVEST)}


def test_a_raised_version_retires_the_runs_that_used_the_component(monkeypatch):
    before = config_hash(config())
    monkeypatch.setitem(identity.RESULTS_VERSION, SWAP, 99)
    assert config_hash(config()) == before
    monkeypatch.setitem(identity.RESULTS_VERSION, MODEL, 99)
    assert config_hash(config()) != before


def test_components_nested_in_others_are_found():
    swap = {"class_path": SWAP, "init_args": {"strategy": {"class_path": "x.OneShot"}}}
    assert SWAP in results_settings(config(trainer__callbacks=[{"inner": [swap]}]))["versions"]


def with_bank(folder):
    return config(trainer__callbacks=[{"class_path": SWAP, "init_args": {"bank": str(folder), "tau": 0.1}}])


def with_live_teacher(**teacher):
    model = {"class_path": MODEL, "init_args": {"d": 10, "width": 99, **teacher}}
    bank = {"class_path": "lit_curriculum.callbacks.LiveTeacher", "init_args": {"model": model}}
    return config(trainer__callbacks=[{"class_path": SWAP, "init_args": {"bank": bank, "tau": 0.1}}])


def test_a_teacher_that_is_described_counts_by_its_description():
    assert config_hash(with_live_teacher()) == config_hash(with_live_teacher())
    assert config_hash(with_live_teacher()) != config_hash(with_live_teacher(width=100))
    assert "lit_curriculum.callbacks.LiveTeacher" in results_settings(with_live_teacher())["versions"]


def write_manifest(folder, **content):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(content))


def test_a_moved_bank_is_the_same_teacher(tmp_path):
    write_manifest(tmp_path / "a", config_hash="teacher-1", checkpoints=[1])
    write_manifest(tmp_path / "b", config_hash="teacher-1", checkpoints=[1])
    assert config_hash(with_bank(tmp_path / "a")) == config_hash(with_bank(tmp_path / "b"))


def test_a_bank_of_another_run_is_another_teacher(tmp_path):
    write_manifest(tmp_path / "a", config_hash="teacher-1")
    write_manifest(tmp_path / "b", config_hash="teacher-2")
    assert config_hash(with_bank(tmp_path / "a")) != config_hash(with_bank(tmp_path / "b"))


def test_a_bank_without_a_recorded_hash_counts_by_its_manifest(tmp_path):
    write_manifest(tmp_path / "a", checkpoints=[1])
    write_manifest(tmp_path / "b", checkpoints=[1])
    write_manifest(tmp_path / "c", checkpoints=[2])
    hashes = [config_hash(with_bank(tmp_path / name)) for name in "abc"]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_broken_manifest_still_gives_an_identity(tmp_path):
    for name, text in (("a", "{"), ("b", "["), ("c", "[]")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(text)
    assert len({config_hash(with_bank(tmp_path / name)) for name in "abc"}) == 3


def test_a_missing_bank_counts_by_its_path(tmp_path):
    assert config_hash(with_bank(tmp_path / "a")) != config_hash(with_bank(tmp_path / "b"))


def test_where_a_run_begins_counts_by_what_the_checkpoint_holds(tmp_path):
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
    hashes = [config_hash(config(ckpt_path=str(tmp_path / name))) for name in "abc"]
    assert hashes[0] == hashes[1] != hashes[2]
    assert config_hash(config()) not in hashes
    assert results_settings(config(ckpt_path="gone.ckpt"))["began_from"] == "gone.ckpt"
