"""A run folder is new, to be resumed, finished, or refused; nothing is half overwritten."""

from __future__ import annotations

import json
import os

import pytest
import yaml

from lit_curriculum.errors import RunFailed, UsageError
from lit_curriculum.files import sha256_of, write_json
from lit_curriculum.runs.folder import RunFolder, default_run_dir
from lit_curriculum.sealed import write_sealed
from lit_curriculum.tables import RunTables
from tests.support import config

CONFIG = {
    "model": {"init_args": {"width": 10}},
    "data": {"init_args": {"num_steps": 5}},
    "trainer": {"devices": 1},
    "run_dir": "x",
}


def begun(path, config=CONFIG) -> RunFolder:
    folder = RunFolder(path)
    folder.begin(yaml.safe_dump(config), {"finished": False})
    return folder


def with_checkpoint(folder: RunFolder) -> RunFolder:
    folder.checkpoint.parent.mkdir()
    folder.checkpoint.write_bytes(b"state")
    return folder


def finish(folder: RunFolder, **facts) -> None:
    folder.finish(RunTables(folder.path), **facts)


def refusal(folder: RunFolder, config=CONFIG) -> str:
    with pytest.raises(UsageError) as caught:
        folder.state(config)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("run_dir: ")
    return message


@pytest.mark.parametrize("exists", [False, True])
def test_an_absent_or_empty_folder_is_new_and_stays_untouched(tmp_path, exists):
    path = tmp_path / "a" / "run"
    if exists:
        path.mkdir(parents=True)
    assert RunFolder(path).state(CONFIG) == "new"
    assert path.exists() == exists
    assert not exists or list(path.iterdir()) == []


def test_a_run_without_a_checkpoint_starts_again(tmp_path):
    assert begun(tmp_path / "run").state(CONFIG) == "new"


def test_a_run_with_a_checkpoint_is_resumed(tmp_path):
    assert with_checkpoint(begun(tmp_path / "run")).state(CONFIG) == "resume"


def test_a_finished_run_is_recognised(tmp_path):
    folder = with_checkpoint(begun(tmp_path / "run"))
    finish(folder, wall_seconds=1.5)
    assert folder.state(CONFIG) == "finished"


def test_a_finished_run_needs_no_checkpoint(tmp_path):
    folder = begun(tmp_path / "run")
    finish(folder)
    assert folder.state(CONFIG) == "finished"


def test_a_run_killed_between_its_two_first_files_starts_again(tmp_path):
    folder = begun(tmp_path / "run")
    (folder.path / "provenance.json").unlink()
    assert folder.state(CONFIG) == "new"


def test_a_change_that_is_neutral_does_not_prevent_resuming(tmp_path):
    folder = with_checkpoint(begun(tmp_path / "run"))
    assert folder.state({**CONFIG, "run_dir": "y", "trainer": {"devices": 2}, "verbose": True}) == "resume"


def test_the_folder_of_another_configuration_is_refused_with_the_first_difference(tmp_path):
    folder = with_checkpoint(begun(tmp_path / "run"))
    other = {**CONFIG, "model": {"init_args": {"width": 11}}}
    assert refusal(folder, other) == (
        f"run_dir: '{folder.path}' holds a run with model.init_args.width = 10, not 11; "
        "allowed: the same configuration, or another folder (--run_dir)"
    )


def test_the_folder_of_another_finished_run_is_refused(tmp_path):
    folder = begun(tmp_path / "run")
    finish(folder)
    assert "data.init_args.num_steps = 5, not 6" in refusal(
        folder, {**CONFIG, "data": {"init_args": {"num_steps": 6}}}
    )


def test_a_folder_with_something_else_is_refused_and_kept(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    assert refusal(RunFolder(tmp_path)) == (
        f"run_dir: got '{tmp_path}', which is not empty and holds no run; "
        "allowed: a new or empty folder, or one to resume"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("below", ["", "deep/er"])
def test_a_file_in_the_way_is_refused(tmp_path, below):
    (tmp_path / "file").write_text("x")
    path = tmp_path / "file" / below
    message = refusal(RunFolder(path))
    assert message == f"run_dir: got '{path}', but {tmp_path}/file is a file; allowed: a folder"


def test_a_folder_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    message = refusal(RunFolder(tmp_path / "new" / "run"))
    assert message == (
        f"run_dir: got '{tmp_path}/new/run'; allowed: a folder that can be written (not {tmp_path})"
    )
    assert list(tmp_path.iterdir()) == []


# --- what is recorded ----------------------------------------------------------------------------------


def test_begin_writes_the_configuration_and_the_provenance(tmp_path):
    folder = begun(tmp_path / "run")
    assert yaml.safe_load((folder.path / "config.yaml").read_text()) == CONFIG
    assert folder.provenance() == {
        "schema": 2,
        "finished": False,
        "resumed": 0,
        "run_id": folder.run_id,
        "config_sha256": [sha256_of(folder.path / "config.yaml")],
    }


def test_every_new_beginning_is_counted(tmp_path):
    for _ in range(3):
        folder = begun(tmp_path / "run")
    assert folder.provenance()["resumed"] == 2


def test_finishing_adds_what_is_known_only_then(tmp_path):
    folder = begun(tmp_path / "run")
    finish(folder, wall_seconds=2.0, samples_per_second=10)
    assert folder.provenance() == {
        "schema": 2,
        "finished": True,
        "tables": {},
        "manifests": {},
        "config_sha256": [sha256_of(folder.path / "config.yaml")],
        "resumed": 0,
        "run_id": folder.run_id,
        "wall_seconds": 2.0,
        "samples_per_second": 10,
    }


def test_provenance_of_a_folder_without_a_run_is_empty(tmp_path):
    assert RunFolder(tmp_path).provenance() == {}


def test_a_kill_while_finishing_leaves_the_run_to_be_resumed(tmp_path, monkeypatch):
    folder = with_checkpoint(begun(tmp_path / "run"))
    monkeypatch.setattr("pathlib.Path.replace", lambda self, target: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        finish(folder)
    monkeypatch.undo()
    assert json.loads((folder.path / "provenance.json").read_text())["finished"] is False
    assert folder.state(CONFIG) == "resume"


def test_a_run_is_finished_by_its_record_and_not_by_its_files(tmp_path):
    folder = with_checkpoint(begun(tmp_path / "run"))
    write_json(folder.path / "bank" / "manifest.json", {})
    (folder.path / "metrics.csv").write_text("step\n5\n")
    assert folder.state(CONFIG) == "resume"


# --- damage --------------------------------------------------------------------------------------------


def test_the_trace_of_a_start_that_was_killed_is_no_run(tmp_path):
    for name in (".lease", ".lease.0a.tmp", ".config.yaml.x1.tmp"):
        (tmp_path / name).write_text("{")
    assert RunFolder(tmp_path).state(CONFIG) == "new"


@pytest.mark.parametrize(
    ("old", "new"),
    [('"finished": true', '"finished": false'), ('"digest"', '"dihest"'), ('"schema": 2', '"schema": 1')],
)
def test_an_altered_provenance_is_refused(tmp_path, old, new):
    folder = begun(tmp_path / "run")
    finish(folder)
    path = folder.path / "provenance.json"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert "provenance.json is altered" in refusal(folder)


@pytest.mark.parametrize("name", ["provenance.json", "config.yaml"])
@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"3", b"a: 1\na: 2"])
def test_a_damaged_record_is_one_line(tmp_path, name, content):
    folder = begun(tmp_path / "run")
    (folder.path / name).write_bytes(content)
    assert name in refusal(folder)


def test_provenance_of_version_0_1_is_read(tmp_path):
    folder = begun(tmp_path / "run")
    (folder.path / "provenance.json").write_text('{"schema": 1, "finished": true}')
    assert folder.state(CONFIG) == "finished"
    assert not folder.sealed


def test_a_table_of_a_finished_run_is_as_it_was(tmp_path):
    folder = begun(tmp_path / "run")
    tables = RunTables(folder.path)
    tables.open("metrics.csv").append([{"step": 1, "val/accuracy": 0.5}])
    folder.finish(tables)
    assert folder.verified("metrics.csv") == folder.path / "metrics.csv"
    for damage in (b"step,val/accuracy\n1,0.9\n", b"step,val/accuracy\n1,0.5\n2,0.9\n", b"step"):
        (folder.path / "metrics.csv").write_bytes(damage)
        with pytest.raises(UsageError, match=r"metrics\.csv"):
            folder.verified("metrics.csv")


@pytest.mark.parametrize("name", ["config.yaml", "provenance.json", "metrics.csv"])
def test_a_run_whose_files_were_removed_is_not_finished(tmp_path, name):
    folder = begun(tmp_path / "run")
    tables = RunTables(folder.path)
    tables.open("metrics.csv").append([{"step": 1}])
    (folder.path / name).unlink()
    with pytest.raises(RunFailed, match=name):
        folder.finish(tables)


@pytest.mark.parametrize("how", ["gone", "altered"])
def test_the_banks_of_a_finished_run_are_as_they_were(tmp_path, how):
    folder = begun(tmp_path)
    (tmp_path / "bank").mkdir()
    manifest = tmp_path / "bank" / "manifest.json"
    manifest.write_text("{}")
    finish(folder, manifests=["bank/manifest.json"])
    (tmp_path / "checkpoints").mkdir()
    write_sealed(folder.checkpoint, lambda stream: stream.write(b"weights"))
    folder.verify_finished()
    manifest.unlink() if how == "gone" else manifest.write_text("[]")
    with pytest.raises(UsageError, match=r"bank/manifest\.json is (missing|altered)"):
        folder.verify_finished()


def test_a_failure_is_noted_until_the_run_is_begun_again(tmp_path):
    folder = begun(tmp_path / "run")
    folder.fail("the loss was not finite")
    assert folder.provenance()["failed"] == "the loss was not finite"
    assert "failed" not in begun(tmp_path / "run").provenance()


@pytest.mark.parametrize(
    ("configs", "expected"),
    [
        (["pcfg_bert"], "pcfg_bert"),
        (["pcfg_bert", "paper/pcfg_bert"], "pcfg_bert+paper"),
        (["pcfg_bert", "smoke/pcfg_bert"], "pcfg_bert+smoke"),
        (["pcfg_bert", "smoke/pcfg_bert", "distill/pcfg_student"], "pcfg_bert+smoke+pcfg_student"),
        (["lego", "smoke/pcfg_bert"], "lego+pcfg_bert+smoke"),
        ([], "run"),
    ],
)
def test_the_default_folder_is_named_by_scale(configs, expected):
    assert str(default_run_dir([config(name) for name in configs])) == f"runs/{expected}"
