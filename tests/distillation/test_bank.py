"""The bank gives back what was put in, or says in one line why it will not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lit_curriculum.distillation import BankWriter, Checkpoint, CheckpointBank, bank
from lit_curriculum.errors import UsageError
from lit_curriculum.files import sha256_of
from lit_curriculum.models import MLP
from tests.distillation.banks import ARCHITECTURE, TASK, listed, network, same_weights, write_bank


def refusal(action) -> str:
    """Return the message with which an action is refused, checked to be one line."""
    with pytest.raises(UsageError) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message
    return message


def edit(folder: Path, **changes) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}))


# --- what goes in comes out ----------------------------------------------------------------------------


def test_round_trip_is_exact(tmp_path):
    write_bank(tmp_path)
    opened = CheckpointBank.open(tmp_path)
    assert opened.steps == [10, 20, 30]
    for entry in opened:
        assert same_weights(opened.load(entry), network(entry.step))


def test_extreme_and_special_floats_survive(tmp_path):
    state = network(0).state_dict()
    state["hidden.bias"] = torch.tensor([1e-45, -0.0, -1e-38, 3.4e38])
    BankWriter(tmp_path, ARCHITECTURE, TASK).add(1, 1, state)
    opened = CheckpointBank.open(tmp_path)
    loaded = opened.load(opened.final).state_dict()["hidden.bias"]
    assert torch.equal(loaded.view(torch.int32), state["hidden.bias"].view(torch.int32))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_checkpoint_with_a_weight_that_is_not_finite_is_refused(tmp_path, number):
    state = network(0).state_dict()
    state["output.weight"][1, 2] = number
    BankWriter(tmp_path, ARCHITECTURE, TASK).add(1234, 1, state)
    opened = CheckpointBank.open(tmp_path)
    for read in (opened.load, opened.weights):
        with pytest.raises(UsageError) as caught:
            read(opened.final)
        assert str(caught.value) == (
            f"teacher: {tmp_path / 'step_000000001234.safetensors'}, checkpoint 1,234, holds a weight "
            f"that is not finite, output.weight ({number}); "
            "allowed: checkpoints of a training that stayed finite"
        )


def test_manifest_says_what_each_checkpoint_is(tmp_path):
    write_bank(tmp_path, (10, 20)).add_metrics(10, {"val/accuracy": 0.75})
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    files = ["step_000000000010.safetensors", "step_000000000020.safetensors"]
    assert manifest == {
        "schema": 1,
        "model": ARCHITECTURE,
        "task": TASK,
        "config_hash": "c0ffee",
        "commit": "abc",
        "checkpoints": [
            {
                "step": 10,
                "samples": 20,
                "file": files[0],
                "sha256": sha256_of(tmp_path / files[0]),
                "metrics": {"val/accuracy": 0.75},
            },
            {
                "step": 20,
                "samples": 40,
                "file": files[1],
                "sha256": sha256_of(tmp_path / files[1]),
                "metrics": {},
            },
        ],
    }


def test_loaded_teacher_is_in_eval_mode_without_gradients(tmp_path):
    write_bank(tmp_path, (10,))
    opened = CheckpointBank.open(tmp_path)
    model = opened.load(opened.final)
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_later_training_does_not_change_a_harvested_checkpoint(tmp_path):
    model = network(1)
    writer = BankWriter(tmp_path, ARCHITECTURE, TASK)
    entry = writer.add(10, 10, model.state_dict())
    with torch.no_grad():
        model.hidden.weight.zero_()
    assert same_weights(CheckpointBank.open(tmp_path).load(entry), network(1))


def test_tensors_that_are_not_contiguous_are_written_as_they_look(tmp_path):
    state = network(1).state_dict()
    expected = state["hidden.weight"].clone()
    state["hidden.weight"] = state["hidden.weight"].T.contiguous().T
    assert not state["hidden.weight"].is_contiguous()
    entry = BankWriter(tmp_path, ARCHITECTURE, TASK).add(1, 1, state)
    assert torch.equal(load_file(tmp_path / entry.file)["hidden.weight"], expected)


def test_checkpoints_come_in_order_of_steps_however_they_are_listed(tmp_path):
    write_bank(tmp_path, (30, 10, 20))
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    edit(tmp_path, checkpoints=manifest["checkpoints"][::-1])
    opened = CheckpointBank.open(str(tmp_path))
    assert opened.steps == [10, 20, 30]
    assert opened.final.step == 30
    assert [entry.samples for entry in opened] == [20, 40, 60]


def test_opened_bank_knows_its_model_task_and_origin(tmp_path):
    write_bank(tmp_path)
    opened = CheckpointBank.open(tmp_path)
    assert (opened.model, opened.task) == (ARCHITECTURE, TASK)
    assert (opened.config_hash, opened.commit) == ("c0ffee", "abc")


def test_opening_and_verifying_write_nothing(tmp_path):
    write_bank(tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    opened = CheckpointBank.open(tmp_path)
    for entry in opened:
        opened.load(entry)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


# --- finding checkpoints -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "nearest"), [(-5, 10), (10, 10), (14, 10), (15, 10), (15.1, 20), (29, 30), (1000, 30)]
)
def test_nearest_checkpoint_and_the_earlier_of_two_equally_near(step, nearest):
    assert listed([10, 20, 30]).nearest(step).step == nearest


def test_exact_step_is_found():
    assert listed([10, 20, 30]).at(20).step == 20


def test_absent_step_is_refused_with_the_nearest():
    message = refusal(lambda: listed([10, 20, 30]).at(24))
    assert message == "checkpoint: got step 24; allowed: one of the 3 steps in bank/manifest.json, nearest 20"


# --- what is refused -----------------------------------------------------------------------------------


def test_folder_without_manifest_is_refused(tmp_path):
    message = refusal(lambda: CheckpointBank.open(tmp_path / "nowhere"))
    assert message == f"bank: got '{tmp_path}/nowhere'; allowed: a folder with a manifest.json"


def test_empty_bank_is_refused(tmp_path):
    write_bank(tmp_path)
    edit(tmp_path, checkpoints=[])
    message = refusal(lambda: CheckpointBank.open(tmp_path))
    assert message == f"bank: {tmp_path}/manifest.json lists no checkpoints; allowed: at least one"


def test_manifest_of_another_schema_is_refused(tmp_path):
    write_bank(tmp_path)
    edit(tmp_path, schema=2)
    message = refusal(lambda: CheckpointBank.open(tmp_path))
    assert message == f"bank: {tmp_path}/manifest.json has schema 2; allowed: 1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        '{"schema": 1}',
        '{"schema": 1, "model": {}, "task": {}, "checkpoints": [{"step": 1}]}',
        '{"schema": 1, "model": {}, "task": {}, "checkpoints": [{"stepp": 1}]}',
        '{"schema": 1, "model": {}, "task": {}, "checkpoints": 7}',
    ],
)
def test_a_file_that_is_no_manifest_is_refused(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    message = refusal(lambda: CheckpointBank.open(tmp_path))
    assert message.startswith(f"bank: {tmp_path}/manifest.json is not a bank manifest (")


def test_truncated_manifest_is_refused(tmp_path):
    write_bank(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(path.read_text()[:-20])
    assert "is not a bank manifest" in refusal(lambda: CheckpointBank.open(tmp_path))


def test_missing_teacher_is_named(tmp_path):
    write_bank(tmp_path)
    opened = CheckpointBank.open(tmp_path)
    path = tmp_path / opened.at(20).file
    path.unlink()
    message = refusal(lambda: opened.load(opened.at(20)))
    assert message == f"teacher: {path} is missing; allowed: every file that manifest.json lists"


@pytest.mark.parametrize("keep", [0, 1, 8, 100, -1])
def test_truncated_teacher_is_refused(tmp_path, keep):
    write_bank(tmp_path)
    opened = CheckpointBank.open(tmp_path)
    path = tmp_path / opened.at(20).file
    path.write_bytes(path.read_bytes()[:keep])
    message = refusal(lambda: opened.load(opened.at(20)))
    assert message == (
        f"teacher: {path} has sha256 {sha256_of(path)[:12]}; allowed: {opened.at(20).sha256[:12]} "
        "as in manifest.json (the file is truncated or altered)"
    )


@pytest.mark.parametrize("place", [0, 20, -1])
def test_one_altered_bit_is_refused(tmp_path, place):
    write_bank(tmp_path)
    opened = CheckpointBank.open(tmp_path)
    path = tmp_path / opened.at(20).file
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    assert "truncated or altered" in refusal(lambda: opened.load(opened.at(20)))
    assert same_weights(opened.load(opened.at(10)), network(10))


def test_weights_under_another_steps_name_are_refused(tmp_path):
    write_bank(tmp_path)
    opened = CheckpointBank.open(tmp_path)
    (tmp_path / opened.at(20).file).write_bytes((tmp_path / opened.at(30).file).read_bytes())
    assert "truncated or altered" in refusal(lambda: opened.load(opened.at(20)))


def test_a_teacher_of_another_width_is_refused(tmp_path):
    entry = BankWriter(tmp_path, ARCHITECTURE, TASK).add(1, 1, MLP(3, 5).state_dict())
    message = refusal(lambda: CheckpointBank.open(tmp_path).load(entry))
    assert message.startswith(
        f"teacher: {tmp_path / entry.file} does not hold a mlp with {{'d': 3, 'width': 4"
    )
    assert "size mismatch" in message


@pytest.mark.parametrize("change", ["missing", "added"])
def test_a_teacher_with_other_tensors_is_refused(tmp_path, change):
    state = network(1).state_dict()
    if change == "missing":
        del state["output.bias"]
    else:
        state["third.weight"] = torch.ones(2)
    entry = BankWriter(tmp_path, ARCHITECTURE, TASK).add(1, 1, state)
    assert "does not hold a mlp" in refusal(lambda: CheckpointBank.open(tmp_path).load(entry))


def test_a_file_that_is_no_safetensors_is_refused_though_its_hash_matches(tmp_path):
    write_bank(tmp_path, (10,))
    opened = CheckpointBank.open(tmp_path)
    path = tmp_path / opened.final.file
    path.write_bytes(b"not tensors at all")
    entry = Checkpoint(10, 20, path.name, sha256_of(path))
    assert "does not hold a mlp" in refusal(lambda: opened.load(entry))


def test_an_unknown_model_is_refused_by_name(tmp_path):
    write_bank(tmp_path)
    edit(tmp_path, model={"name": "mlpp", "init_args": {}})
    opened = CheckpointBank.open(tmp_path)
    message = refusal(lambda: opened.load(opened.final))
    assert message.startswith("model.name: got 'mlpp'; allowed: one of [")
    assert message.endswith("] (did you mean 'mlp'?)")


# --- writing -------------------------------------------------------------------------------------------


def test_killed_between_file_and_manifest_the_bank_still_opens(tmp_path, monkeypatch):
    writer = write_bank(tmp_path)

    def killed(path, value):
        raise KeyboardInterrupt

    monkeypatch.setattr(bank, "write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        writer.add(40, 80, network(40).state_dict())
    assert (tmp_path / "step_000000000040.safetensors").is_file()
    opened = CheckpointBank.open(tmp_path)
    assert opened.steps == [10, 20, 30]
    assert all(same_weights(opened.load(entry), network(entry.step)) for entry in opened)


def test_resumed_after_such_a_kill_the_bank_is_as_if_never_killed(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        writer = write_bank(tmp_path / "killed")
        patch.setattr(bank, "write_json", lambda path, value: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            writer.add(40, 80, network(99).state_dict())
    resumed = BankWriter(tmp_path / "killed", ARCHITECTURE, TASK, "c0ffee", "abc")
    resumed.continue_from(30)
    resumed.add(40, 80, network(40).state_dict())
    write_bank(tmp_path / "whole", (10, 20, 30, 40))
    contents = [
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("killed", "whole")
    ]
    assert contents[0] == contents[1]


def test_killed_while_the_weights_are_written_no_file_has_the_final_name(tmp_path, monkeypatch):
    writer = write_bank(tmp_path)

    def half(tensors, path):
        Path(path).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(bank, "save_file", half)
    with pytest.raises(KeyboardInterrupt):
        writer.add(40, 80, network(40).state_dict())
    assert not (tmp_path / "step_000000000040.safetensors").exists()
    assert CheckpointBank.open(tmp_path).steps == [10, 20, 30]


def test_a_failed_rename_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    writer = write_bank(tmp_path)
    old = (tmp_path / "step_000000000030.safetensors").read_bytes()

    def failing(self, target):
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(OSError, match="no space left"):
        writer.add(30, 60, network(77).state_dict())
    assert (tmp_path / "step_000000000030.safetensors").read_bytes() == old
    assert sorted(os.listdir(tmp_path)) == [
        "manifest.json",
        *(f"step_{step:012d}.safetensors" for step in (10, 20, 30)),
    ]


def test_resuming_keeps_the_entries_up_to_the_checkpoint_and_drops_later_ones(tmp_path):
    write_bank(tmp_path).add_metrics(10, {"val/accuracy": 0.5})
    writer = BankWriter(tmp_path, ARCHITECTURE, TASK)
    writer.continue_from(20)
    assert writer.steps == [10, 20]
    writer.add(25, 50, network(25).state_dict())
    opened = CheckpointBank.open(tmp_path)
    assert opened.steps == [10, 20, 25]
    assert opened.at(10).metrics == {"val/accuracy": 0.5}


def test_resuming_where_nothing_was_harvested_starts_an_empty_bank(tmp_path):
    writer = BankWriter(tmp_path, ARCHITECTURE, TASK)
    writer.continue_from(20)
    assert writer.steps == []


@pytest.mark.parametrize(
    ("key", "model", "task"),
    [
        ("model", {**ARCHITECTURE, "init_args": {"d": 3, "width": 5, "n_classes": 2}}, TASK),
        ("task", ARCHITECTURE, {**TASK, "support": [0, 2]}),
    ],
)
def test_resuming_into_the_bank_of_another_run_is_refused(tmp_path, key, model, task):
    write_bank(tmp_path)
    message = refusal(lambda: BankWriter(tmp_path, model, task).continue_from(20))
    assert message == f"bank: {tmp_path} holds another {key}; allowed: the run's own bank"


def test_writing_a_step_again_replaces_it(tmp_path):
    writer = write_bank(tmp_path)
    writer.add(20, 40, network(77).state_dict())
    opened = CheckpointBank.open(tmp_path)
    assert opened.steps == [10, 20, 30]
    assert same_weights(opened.load(opened.at(20)), network(77))


def test_metrics_of_a_step_add_up_and_other_steps_are_ignored(tmp_path):
    writer = write_bank(tmp_path)
    writer.add_metrics(20, {"val/accuracy": 0.5, "val/loss": 1.0})
    writer.add_metrics(20, {"val/accuracy": 0.75})
    writer.add_metrics(21, {"val/accuracy": 0.9})
    opened = CheckpointBank.open(tmp_path)
    assert opened.at(20).metrics == {"val/accuracy": 0.75, "val/loss": 1.0}
    assert opened.steps == [10, 20, 30]
    assert opened.at(30).metrics == {}
