"""GPT-2 on boundary tokens: a float64 loop, the probe's table, students of every l, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from lit_curriculum.distillation import CheckpointBank
from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.pcfg_bert import PCFGData
from lit_curriculum.experiments.pcfg_gpt2 import PCFGGPT, PCFGBoundaryData
from lit_curriculum.reading import read_table
from tests.support import config, fit, in_child

RUN = [config("pcfg_gpt2"), config("smoke/pcfg_gpt2")]
HEIGHTS = "an integer from 1 to 4, the grammar's depth and one"
TINY: dict[str, Any] = {"layers": 1, "heads": 2, "head_size": 4, "max_length": 27}


def data(**given: Any) -> PCFGBoundaryData:
    arguments = {
        "num_steps": 20,
        "roots": [13, 14, 15],
        "batch_size": 8,
        "eval_every": 10,
        "eval_samples": 32,
    }
    return PCFGBoundaryData(**{**arguments, **given})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pcfg_gpt2") / "run"
    assert in_child(lambda: fit(folder, *RUN)) == 0
    return folder


def test_training_equals_a_plain_loop_in_float64(run: Path) -> None:
    bank = CheckpointBank.open(run / "bank")
    model = PCFGGPT(**TINY, model_seed=0).model.double()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, betas=(0.9, 0.95))
    given, losses = data(), []
    for step in range(20):
        batch = given.task.batch(0, "train", 8 * step, 8)
        logits = model(torch.from_numpy(batch.input_ids))
        labels = torch.from_numpy(batch.labels)
        total = torch.zeros((), dtype=torch.float64)
        asked = [
            (row, place) for row in range(8) for place in range(labels.shape[1]) if labels[row, place] >= 0
        ]
        for row, place in asked:
            total = total - torch.log_softmax(logits[row, place], -1)[labels[row, place]]
        rising = round(0.06 * 20)
        share = (
            (step + 1) / rising
            if step < rising
            else 0.5 * (1 + math.cos(math.pi * (step - rising) / (20 - rising)))
        )
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 * share
        optimizer.zero_grad()
        (total / len(asked)).backward()
        optimizer.step()
        losses.append(float(total) / len(asked))
    trained = bank.load(bank.at(20)).state_dict()
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(trained[name].double(), tensor.detach(), rtol=0, atol=2e-4)


def test_padding_and_what_follows_change_no_prediction(run: Path) -> None:
    bank = CheckpointBank.open(run / "bank")
    model = bank.load(bank.final)
    batch = data().draw("val", 0, 8)["inputs"]["input_ids"]
    whole = model(batch)
    for row in range(8):
        length = int((batch[row] != 0).sum())
        torch.testing.assert_close(model(batch[row : row + 1, :length])[0], whole[row, :length])


def test_the_probes_table_is_whole(run: Path) -> None:
    rows = read_table(run / "ngrams.csv")
    assert [(int(r["step"]), int(r["n"])) for r in rows] == [(10, 3), (10, 5), (20, 3), (20, 5)]
    assert all(0 <= float(r[name]) <= 1 for r in rows for name in ("robust", "close"))
    noted = CheckpointBank.open(run / "bank").at(20).metrics
    assert noted["ngrams/close_5"] == pytest.approx(float(rows[-1]["close"]))


@pytest.mark.parametrize("height", [1, 2, 4])
def test_every_set_of_tokens_trains_and_distils(tmp_path: Path, height: int) -> None:
    teacher = tmp_path / "teacher"
    assert in_child(lambda: fit(teacher, *RUN, options=(f"--data.height={height}",))) == 0
    overlay = tmp_path / "student.yaml"
    overlay.write_text(
        "model: {init_args: {heads: 1}}\n"
        f"data: {{init_args: {{height: {height}}}}}\n"
        f"trainer: {{callbacks: [{{class_path: SwapTeacher, init_args: {{bank: {teacher / 'bank'}, strategy:"
        " {class_path: Kappa, init_args: {kappa: 0.5}}}}]}\n"
    )
    assert in_child(lambda: fit(tmp_path / "student", *RUN, str(overlay))) == 0
    assert list((teacher / "labels").glob("*/*.labels"))
    assert len(read_table(tmp_path / "student" / "swaps.csv")) == 4


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (
            lambda: data(height=5),
            "data.height: got 5; allowed: an integer from 1 to 4, the grammar's depth and one",
        ),
        (
            lambda: data(height=0),
            "data.height: got 0; allowed: an integer from 1 to 4, the grammar's depth and one",
        ),
        (lambda: PCFGGPT(heads=0), "model.heads: got 0; allowed: an integer of at least 1"),
        (
            lambda: PCFGGPT(**{**TINY, "max_length": 26}).check_data(data()),
            "model.max_length: got 26; allowed: at least the 27 tokens of the grammar's longest string",
        ),
        (
            lambda: PCFGGPT(**TINY, vocab_size=6).check_data(data()),
            "model.vocab_size: got 6; allowed: the grammar's 5 token ids",
        ),
        (
            lambda: PCFGGPT(**TINY).check_data(PCFGData(20, roots=[13], eval_every=10)),
            "data: got 'PCFGData'; allowed: PCFGBoundaryData with PCFGGPT",
        ),
    ],
)
def test_wrong_arguments_are_refused(action: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        action()
    assert str(caught.value) == message


def test_the_probe_needs_boundary_tokens(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bert = [config("pcfg_bert"), config("smoke/pcfg_bert")]
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(
        "trainer: {callbacks: [{class_path: LogSkipNgrams, init_args: {every_n_steps: 10}}]}\n"
    )
    assert fit(tmp_path / "run", *bert, str(overlay)) == 2
    assert (
        "LogSkipNgrams: the data have no boundary tokens; allowed: PCFGBoundaryData"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("ngrams", "message"),
    [
        ("[3, 3]", "LogSkipNgrams.ngrams: got [3, 3]; allowed: distinct integers of at least 2"),
        ("[3, 500]", "LogSkipNgrams.ngrams: got [3, 500]; allowed: at most the 27 tokens of the grammar's"),
    ],
)
def test_contexts_that_mean_nothing_are_refused(
    ngrams: str, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(
        "trainer: {callbacks: [{class_path: LogSkipNgrams, init_args: {every_n_steps: 10, "
        f"ngrams: {ngrams}}}}}]}}\n"
    )
    assert fit(tmp_path / "run", *RUN, str(overlay)) == 2
    assert message in capsys.readouterr().err
