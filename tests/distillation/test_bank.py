"""The bank gives back what was put in, or says in one line why it will not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lit_curriculum.distillation import BankWriter, Checkpoint, CheckpointBank, bank_writer
from lit_curriculum.errors import NotFinite, UsageError
from lit_curriculum.files import hash_of_json, sha256_of
from lit_curriculum.models import MLP, build
from tests.distillation.banks import ARCHITECTURE, TASK, listed, network, same_weights, write_bank


def refusal(action) -> str:
    """Return the message with which an action is refused, checked to be one line."""
    with pytest.raises(UsageError) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message
    return message


def edit(folder: Path, **changes) -> None:
    """Change a manifest, its digest left out as in those that were written before there were digests."""
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["digest"]
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
    digest = manifest.pop("digest")
    assert digest == hash_of_json(manifest)
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
    made = "which a run with HarvestCheckpoints makes (lit fit --config ...)"
    allowed = f"allowed: a folder with a manifest.json, {made}"
    assert message == f"bank: got '{tmp_path}/nowhere', where there is no folder; {allowed}"
    message = refusal(lambda: CheckpointBank.open(tmp_path))
    assert message == f"bank: got '{tmp_path}'; allowed: a folder with a manifest.json"


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
        '{"schema": 1, "model": {}, "task": {}, "checkpoints": 7}',
        "[" * 10_000,
        "\0",
    ],
)
def test_a_file_that_is_no_manifest_is_refused_by_readers_and_writers(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    for action in (
        lambda: CheckpointBank.open(tmp_path),
        lambda: BankWriter(tmp_path, ARCHITECTURE, TASK).continue_from(20),
    ):
        assert refusal(action).startswith(f"bank: {tmp_path}/manifest.json")


def test_truncated_manifest_is_refused(tmp_path):
    write_bank(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(path.read_text()[:-20])
    assert "manifest.json cannot be read (Unterminated" in refusal(lambda: CheckpointBank.open(tmp_path))


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
    assert "does not hold a mlpp" in message
    assert "model.name: got 'mlpp'; allowed: one of [" in message
    assert message.endswith("] (did you mean 'mlp'?)")


@pytest.mark.parametrize(
    ("sizes", "reason"),
    [
        ({"width": 10**12}, "model.init_args.width: got 1000000000000; allowed: at most 1024"),
        ({"width": 10**400}, "model.init_args.width: got 1000"),
        ({"width": 1000, "d": 1000}, "a model of at most 1024 weights"),
        ({"width": "wide"}, "does not hold a mlp"),
        ({"width": None}, "does not hold a mlp"),
        ({"width": -4}, "does not hold a mlp"),
        ({"depth": 3}, "does not hold a mlp"),
    ],
)
def test_a_description_of_a_model_that_the_file_cannot_hold_is_refused_before_it_is_built(
    tmp_path, monkeypatch, sizes, reason
):
    write_bank(tmp_path, (10,))
    edit(tmp_path, model={"name": "mlp", "init_args": {**ARCHITECTURE["init_args"], **sizes}})
    opened = CheckpointBank.open(tmp_path)
    assert reason in refusal(lambda: opened.load(opened.final))


def test_loading_leaves_the_generator_of_random_numbers_as_building_does(tmp_path):
    """What looks at sizes draws nothing: a student's dropout goes on as it always did."""
    write_bank(tmp_path, (10,))
    opened = CheckpointBank.open(tmp_path)
    states = []
    for action in (lambda: build(ARCHITECTURE), lambda: opened.load(opened.final)):
        torch.manual_seed(3)
        action()
        states.append(torch.get_rng_state())
    assert torch.equal(*states)


def test_a_link_that_leads_out_of_the_bank_is_refused(tmp_path):
    write_bank(tmp_path / "bank", (10, 20))
    name = "step_000000000010.safetensors"
    (tmp_path / "bank" / name).rename(tmp_path / name)
    (tmp_path / "bank" / name).symlink_to(tmp_path / name)
    message = refusal(lambda: CheckpointBank.open(tmp_path / "bank"))
    expected = f"bank: file: got '{tmp_path}/bank/{name}'; allowed: no link that leads outside of "
    assert message == f"{expected}{tmp_path}/bank"
    (tmp_path / "link").symlink_to(tmp_path / "bank")
    (tmp_path / "bank" / name).unlink()
    (tmp_path / name).rename(tmp_path / "bank" / "real")
    (tmp_path / "bank" / name).symlink_to("real")
    opened = CheckpointBank.open(tmp_path / "link")  # links inside, and one to the whole bank, are fine
    assert same_weights(opened.load(opened.at(10)), network(10))


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop"])
def test_a_teacher_that_is_no_plain_file_is_refused_at_once(tmp_path, kind):
    write_bank(tmp_path, (10,))
    opened = CheckpointBank.open(tmp_path)
    path = tmp_path / opened.final.file
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(path)
    message = refusal(lambda: opened.load(opened.final))
    assert message == f"teacher: {path} is no plain file; allowed: the one that was harvested"


# --- the manifest's digest ------------------------------------------------------------------------------


def test_any_other_character_of_a_manifest_is_noticed(tmp_path):
    write_bank(tmp_path, (10, 20)).add_metrics(10, {"val/accuracy": 0.75})
    path = tmp_path / "manifest.json"
    text = path.read_text()
    value = json.loads(text)
    for place in range(len(text)):
        changed = text[:place] + ("7" if text[place] != "7" else "8") + text[place + 1 :]
        path.write_text(changed)
        message = refusal(lambda: CheckpointBank.open(tmp_path))
        assert str(path) in message, (place, message)
    path.write_text(json.dumps(value))
    assert CheckpointBank.open(tmp_path).steps == [10, 20]


def test_a_damaged_manifest_names_the_way_out_and_is_not_continued(tmp_path):
    write_bank(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(path.read_text().replace('"c0ffee"', '"c0ffef"'))
    for action in (
        lambda: CheckpointBank.open(tmp_path),
        lambda: BankWriter(tmp_path, ARCHITECTURE, TASK).continue_from(20),
    ):
        message = refusal(action)
        assert message.startswith(f"bank: {path} is damaged: its content has digest ")
        assert "copy it again, or harvest anew" in message


def test_a_manifest_without_a_digest_is_read(tmp_path):
    write_bank(tmp_path)
    edit(tmp_path)
    assert CheckpointBank.open(tmp_path).steps == [10, 20, 30]
    writer = BankWriter(tmp_path, ARCHITECTURE, TASK, "c0ffee", "abc")
    writer.continue_from(20)
    writer.add(40, 80, network(40).state_dict())
    assert "digest" in json.loads((tmp_path / "manifest.json").read_text())


# --- equal weights --------------------------------------------------------------------------------------


def test_weights_that_did_not_change_are_declared_by_the_writer(tmp_path):
    writer = write_bank(tmp_path, (10, 20))
    for step, model in ((30, 20), (40, 20), (50, 10)):
        writer.add(step, 2 * step, network(model).state_dict())
    opened = CheckpointBank.open(tmp_path)
    assert [entry.same_as for entry in opened] == [None, None, 20, 20, 10]
    listed = json.loads((tmp_path / "manifest.json").read_text())["checkpoints"]
    assert ["same_as" in entry for entry in listed] == [False, False, True, True, True]
    resumed = BankWriter(tmp_path, ARCHITECTURE, TASK, "c0ffee", "abc")
    resumed.continue_from(40)
    resumed.add(50, 100, network(10).state_dict())
    assert CheckpointBank.open(tmp_path).checkpoints == opened.checkpoints


def test_what_is_declared_follows_a_step_that_is_written_again(tmp_path):
    writer = write_bank(tmp_path, (10, 20))
    writer.add(30, 60, network(20).state_dict())
    writer.add(20, 40, network(77).state_dict())
    assert [entry.same_as for entry in CheckpointBank.open(tmp_path)] == [None, None, None]


def test_equal_weights_that_are_not_declared_are_refused(tmp_path):
    """Files that a copy put under the wrong steps, their hashes taken afterwards."""
    write_bank(tmp_path)
    entries = json.loads((tmp_path / "manifest.json").read_text())["checkpoints"]
    (tmp_path / entries[2]["file"]).write_bytes((tmp_path / entries[0]["file"]).read_bytes())
    entries[2]["sha256"] = entries[0]["sha256"]
    edit(tmp_path, checkpoints=entries)
    message = refusal(lambda: CheckpointBank.open(tmp_path))
    assert message == (
        f"bank: {tmp_path}/manifest.json: steps 10 and 30 have the same weights (sha256 "
        f"{entries[0]['sha256'][:12]}) and do not say so; allowed: a file of its own for each step, or "
        "same_as: 10 where the weights did not change (lit migrate declares them in a bank of version 0.1)"
    )
    entries[2]["same_as"] = 10
    declared = {"schema": 1, "model": ARCHITECTURE, "task": TASK, "checkpoints": entries}
    (tmp_path / "manifest.json").write_text(json.dumps(declared))
    assert CheckpointBank.open(tmp_path).at(30).same_as == 10


def test_a_metric_that_is_not_finite_stops_the_writer(tmp_path):
    writer = write_bank(tmp_path, (10,))
    before = (tmp_path / "manifest.json").read_bytes()
    with pytest.raises(NotFinite, match="step 10: val/loss is nan"):
        writer.add_metrics(10, {"val/loss": float("nan")})
    assert (tmp_path / "manifest.json").read_bytes() == before


# --- writing -------------------------------------------------------------------------------------------


def test_killed_between_file_and_manifest_the_bank_still_opens(tmp_path, monkeypatch):
    writer = write_bank(tmp_path)

    def killed(path, value):
        raise KeyboardInterrupt

    monkeypatch.setattr(bank_writer, "write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        writer.add(40, 80, network(40).state_dict())
    assert (tmp_path / "step_000000000040.safetensors").is_file()
    opened = CheckpointBank.open(tmp_path)
    assert opened.steps == [10, 20, 30]
    assert all(same_weights(opened.load(entry), network(entry.step)) for entry in opened)


def test_resumed_after_such_a_kill_the_bank_is_as_if_never_killed(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        writer = write_bank(tmp_path / "killed")
        patch.setattr(bank_writer, "write_json", lambda path, value: (_ for _ in ()).throw(KeyboardInterrupt))
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

    monkeypatch.setattr(bank_writer, "save_file", half)
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
