"""BERT on text through the real command: runs, resumes nothing of a wrong corpus, teaches a student."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from lit_curriculum.distillation import CheckpointBank
from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.natural_language import TextBert, TextData
from lit_curriculum.experiments.pcfg_bert import PCFGData
from lit_curriculum.reading import read_table
from lit_curriculum.runs.identity import config_hash
from lit_curriculum.tasks.text.corpus import Corpus
from lit_curriculum.tasks.text.made_up import documents, made_up_store
from lit_curriculum.tasks.text.tokenising import Tokenising, tokenise
from lit_curriculum.tasks.vocabulary import IGNORED_LABEL
from lit_curriculum.training.base_data import _TrainingSteps
from tests.support import config, fit, in_child, without_times

RUN = [config("natural_language"), config("smoke/natural_language")]
SHORT: dict[str, Any] = {
    "num_steps": 6,
    "length": 32,
    "held_out_share": 0.05,
    "batch_size": 16,
    "eval_every": 6,
    "eval_samples": 32,
}
SMALL: dict[str, Any] = {"heads": 1, "layers": 1, "head_size": 8, "vocab_size": 64, "max_length": 32}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text") / "run"
    assert in_child(lambda: fit(folder, *RUN)) == 0
    return folder


def corpus(folder: Path, texts: list[str]) -> Path:
    """Tokenise texts and return the folder of tokens."""
    folder.mkdir()
    (folder / "text.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    tokenise(Tokenising(Corpus(str(folder / "text.jsonl")), folder / "tokens", vocab_size=200))
    return folder / "tokens"


def test_a_draw_is_full_and_says_what_is_predicted() -> None:
    data = TextData(**SHORT)
    batch = data.draw("train", 0, 200)
    inputs, labels = batch["inputs"], batch["labels"]
    assert inputs["input_ids"].shape == labels.shape == (200, 32)
    assert inputs["attention_mask"].all()
    assert torch.equal((labels != IGNORED_LABEL).flatten().nonzero()[:, 0], inputs["targets"])
    assert data.count_targets(batch) == len(inputs["targets"])
    again, other = TextData(**SHORT), TextData(**SHORT, data_seed=1)
    assert torch.equal(again.draw("train", 0, 200)["labels"], labels)
    assert not torch.equal(other.draw("train", 0, 200)["labels"], labels)


@pytest.mark.parametrize(("world", "accumulate"), [(2, 1), (4, 2)])
def test_the_slices_of_all_devices_are_the_global_batch(world: int, accumulate: int) -> None:
    data = TextData(**SHORT)
    whole = _TrainingSteps(data, 0, 1, 1)
    parts = [_TrainingSteps(data, rank, world, accumulate) for rank in range(world)]
    for step in range(6):
        pieces = [parts[r][step * accumulate + m] for m in range(accumulate) for r in range(world)]
        labels = torch.cat([piece["labels"] for piece in pieces])
        assert torch.equal(labels, whole[step]["labels"])
        joined = torch.cat([piece["inputs"]["input_ids"] for piece in pieces])
        assert torch.equal(joined, whole[step]["inputs"]["input_ids"])


def test_evaluation_is_the_mean_over_masked_tokens(run: Path) -> None:
    bank = CheckpointBank.open(run / "bank")
    model, batch = bank.load(bank.final), TextData(**SHORT).draw("val", 0, 32)
    with torch.no_grad():
        logits = model(batch["inputs"]["input_ids"], batch["inputs"]["attention_mask"])
    masked, row = batch["labels"] != IGNORED_LABEL, read_table(run / "metrics.csv")[-1]
    loss = functional.cross_entropy(logits[masked], batch["labels"][masked])
    assert float(row["val/loss"]) == pytest.approx(float(loss), abs=1e-5)
    right = (logits.argmax(-1) == batch["labels"])[masked].float().mean()
    assert float(row["val/accuracy"]) == pytest.approx(float(right), abs=1e-6)


def test_a_student_learns_the_most_probable_token_at_tau_1e_20(run: Path, tmp_path: Path) -> None:
    """At 1e-20 the teacher's distribution is its argmax: the same student as at temperature 0."""
    student = [*RUN, config("distill/text_student")]
    weights = []
    for tau in (1e-20, 0.0):
        settings = [
            f"--trainer.callbacks.init_args.bank={run / 'bank'}",
            f"--trainer.callbacks.init_args.tau={tau}",
            "--trainer.callbacks.init_args.label_cache=false",
        ]
        folder = tmp_path / str(tau)
        options = (*settings, "--model.heads=1", "--data.num_steps=40")
        assert in_child(lambda f=folder, o=options: fit(f, *student, options=o)) == 0
        checkpoint = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
        weights.append(checkpoint["state_dict"])
        swaps = read_table(folder / "swaps.csv")
        assert {row["sha256"] for row in swaps} <= {
            entry.sha256 for entry in CheckpointBank.open(run / "bank")
        }
    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor, rtol=0, atol=1e-6)


def test_two_processes_train_the_same_model(run: Path, tmp_path: Path) -> None:
    two = ("--trainer.devices=2", "--trainer.strategy=ddp_fork", "--trainer.accelerator=cpu")
    assert in_child(lambda: fit(tmp_path / "two", *RUN, options=two)) == 0
    for ours, theirs in zip(
        without_times(run / "metrics.csv"), without_times(tmp_path / "two" / "metrics.csv"), strict=True
    ):
        for name, value in ours.items():
            assert float(theirs[name]) == pytest.approx(float(value), abs=1e-4)


def test_tokens_of_a_folder_are_trained_on_and_known_by_their_content(tmp_path: Path) -> None:
    tokens = corpus(tmp_path / "one", list(documents()))
    data = TextData(**SHORT, tokens=str(tokens))
    size = data.task.store.vocabulary.size
    options = (f"--data.tokens={tokens}", f"--model.vocab_size={size}", "--data.num_steps=10")
    assert in_child(lambda: fit(tmp_path / "run", *RUN, options=options)) == 0
    task = json.loads((tmp_path / "run" / "bank" / "manifest.json").read_text())["task"]
    assert task == data.describe_task()
    assert (task["tokenizer"], task["vocab_size"]) == (data.task.store.vocabulary.sha256, size)
    assert (task["mask_id"], task["pad_id"], task["length"]) == (1, 0, 32)
    # The same text elsewhere is the same run, another text is not.
    same, other = (
        corpus(tmp_path / "two", list(documents())),
        corpus(tmp_path / "three", list(documents())[1:]),
    )
    hashes = [config_hash({"data": {"init_args": {"tokens": str(path)}}}) for path in (tokens, same, other)]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tokens": "nowhere"}, r"data.tokens: got 'nowhere'; allowed: a folder that lit tokenize wrote"),
        ({"length": 0}, r"data.length: got 0; allowed: an integer of at least 1"),
        ({"length": 10_000}, r"data.length: got 10000"),
        ({"held_out_share": 0.0}, r"data.held_out_share: got 0.0"),
        ({"mask_rate": 0.0}, r"data.mask_rate: got 0.0; allowed: above 0, at most 1"),
        ({"eval_samples": 10_000}, r"data.eval_samples: got 10000; allowed: at most \d+, the windows of val"),
        ({"mask_share": 0.95}, r"random_share: got 0.1"),
    ],
)
def test_wrong_data_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TextData(**{**SHORT, **arguments})


def test_a_model_that_does_not_fit_the_data_is_refused() -> None:
    data = TextData(**SHORT)
    assert data.task.store is made_up_store()
    with pytest.raises(UsageError, match=r"model.vocab_size: got 65; allowed: the tokenizer's 64 token ids"):
        TextBert(**{**SMALL, "vocab_size": 65}).check_data(data)
    with pytest.raises(UsageError, match=r"model.max_length: got 31; allowed: at least data.length = 32"):
        TextBert(**{**SMALL, "max_length": 31}).check_data(data)
    with pytest.raises(UsageError, match=r"data: got 'PCFGData'; allowed: TextData with TextBert"):
        TextBert(**SMALL).check_data(PCFGData(num_steps=6, eval_every=6))
    with pytest.raises(UsageError, match=r"data.mask_rate: got 1e-09; allowed: a rate at which"):
        TextBert(**SMALL).check_data(TextData(**SHORT, mask_rate=1e-9))
