"""A run killed at any instant and started again ends as if nothing had happened."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest
import torch

from lit_curriculum.distillation import CheckpointBank
from tests.faults.kinds import (
    KINDS,
    MINIBATCH,
    assert_all_readable,
    assert_same_run,
    resume_until_done,
)
from tests.support import config, fit, in_child, killed_at_write, unfinish, without_times


@pytest.mark.parametrize("kind", KINDS)
def test_killed_inside_a_write_and_resumed_is_bit_identical(
    kind: str, overlays: dict[str, list[str]], uninterrupted: dict[str, Path], tmp_path: Path
) -> None:
    # Two deaths in one run: the second at a moment that the first resume has already passed.
    for death, nth in enumerate(random.Random(kind).sample(range(8, 60), 2)):
        action = killed_at_write(lambda: fit(tmp_path / "run", *overlays[kind]), nth)
        assert in_child(action) == -signal.SIGKILL, f"death {death} at write {nth} did not happen"
        assert_all_readable(tmp_path)
    resume_until_done(tmp_path / "run", overlays[kind])
    assert_same_run(uninterrupted[kind], tmp_path / "run")


def test_killed_after_the_last_checkpoint_only_needs_its_last_line(
    overlays: dict[str, list[str]], uninterrupted: dict[str, Path], tmp_path: Path
) -> None:
    configs = overlays["minibatch"]
    assert in_child(lambda: fit(tmp_path / "run", *configs)) == 0
    unfinish(tmp_path / "run")
    resume_until_done(tmp_path / "run", configs)
    assert_same_run(uninterrupted["minibatch"], tmp_path / "run")


def test_a_finished_run_can_be_made_longer(
    overlays: dict[str, list[str]], uninterrupted: dict[str, Path], tmp_path: Path
) -> None:
    """Half of a run, continued from its last checkpoint, is the whole run."""
    half = ("--data.num_steps=100", "--data.eval_every=50")
    assert in_child(lambda: fit(tmp_path / "half", *overlays["minibatch"], options=half)) == 0
    onwards = ("--ckpt_path", str(tmp_path / "half" / "checkpoints" / "last.ckpt"))
    assert in_child(lambda: fit(tmp_path / "rest", *overlays["minibatch"], options=onwards)) == 0
    ours, theirs = (
        torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
        for folder in (uninterrupted["minibatch"], tmp_path / "rest")
    )
    for name, tensor in ours["state_dict"].items():
        assert torch.equal(tensor, theirs["state_dict"][name]), name
    whole = without_times(uninterrupted["minibatch"] / "metrics.csv")
    assert without_times(tmp_path / "rest" / "metrics.csv") == [r for r in whole if int(r["step"]) > 100]


def test_a_finished_run_with_a_schedule_learns_on_when_it_is_made_longer(tmp_path: Path) -> None:
    """Its cosine ends at the new length, not at the old one, after which the rate would be 0."""
    configs = [config("pcfg_bert"), config("smoke/pcfg_bert")]
    half = ("--data.num_steps=20", "--trainer.callbacks=[]")
    assert in_child(lambda: fit(tmp_path / "half", *configs, options=half)) == 0
    last = tmp_path / "half" / "checkpoints" / "last.ckpt"
    onwards = ("--ckpt_path", str(last), "--trainer.callbacks.every_n_steps=5")
    assert in_child(lambda: fit(tmp_path / "rest", *configs, options=onwards)) == 0
    bank = CheckpointBank.open(tmp_path / "rest" / "bank")
    assert bank.steps == [25, 30, 35, 40]
    name = "bert_for_masked_lm.bert.embeddings.word_embeddings.weight"
    before = torch.load(last, weights_only=True)["state_dict"][f"model.{name}"]
    moved = []
    for entry in bank:
        now = bank.weights(entry)[name]
        moved.append(float((now - before).abs().max()))
        before = now
    assert min(moved[:3]) > 1e-4
    assert moved == sorted(moved, reverse=True)  # the cosine falls


def test_what_the_user_writes_wins_over_a_checkpoint(tmp_path: Path) -> None:
    """Hyper-parameters that somebody stored in a checkpoint change neither model nor data."""
    half = ("--data.num_steps=100", "--data.eval_every=50")
    assert in_child(lambda: fit(tmp_path / "half", *MINIBATCH, options=half)) == 0
    checkpoint = tmp_path / "half" / "checkpoints" / "last.ckpt"
    state = torch.load(checkpoint, weights_only=True)
    state["hyper_parameters"] = {"width": 7, "optimizer": {"class_path": "torch.optim.Adam"}}
    torch.save(state, tmp_path / "other.ckpt")
    for name, path in (("plain", checkpoint), ("loaded", tmp_path / "other.ckpt")):
        options = ("--ckpt_path", str(path))
        assert in_child(lambda n=name, o=options: fit(tmp_path / n, *MINIBATCH, options=o)) == 0
    assert_same_run(tmp_path / "plain", tmp_path / "loaded")
    assert "width: 50" in (tmp_path / "loaded" / "config.yaml").read_text()
