"""A batch of masked strings is a function of its step, however it is divided."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.pcfg_bert import PCFGBert, PCFGData
from lit_curriculum.experiments.sparse_parity import SparseParityData
from lit_curriculum.tasks.counter import Stream
from lit_curriculum.tasks.vocabulary import IGNORED_LABEL, MASK_ID, PAD_ID
from lit_curriculum.training.base_data import Batch, _TrainingSteps, weight_of_part

SHORT = {"roots": [13, 14, 15], "num_steps": 6, "batch_size": 16, "eval_every": 6}


def rows(batch: Batch) -> list[tuple[list[int], ...]]:
    """Return the strings of a batch without padding."""
    ids, visible, labels = batch["inputs"]["input_ids"], batch["inputs"]["attention_mask"], batch["labels"]
    lengths = (ids != PAD_ID).sum(-1).tolist()
    return [
        (ids[i, :n].tolist(), visible[i, :n].tolist(), labels[i, :n].tolist()) for i, n in enumerate(lengths)
    ]


def test_a_batch_is_trimmed_and_says_what_is_predicted() -> None:
    data = PCFGData(**SHORT)
    batch = data.draw("train", 0, 512)
    inputs, labels = batch["inputs"], batch["labels"]
    assert inputs["input_ids"].shape == labels.shape == inputs["attention_mask"].shape
    assert (inputs["input_ids"] != PAD_ID).sum(-1).max() == labels.shape[1]
    assert torch.equal((labels != IGNORED_LABEL).flatten().nonzero()[:, 0], inputs["targets"])
    assert data.count_targets(batch) == len(inputs["targets"])
    tokens = int((inputs["input_ids"] != PAD_ID).sum())
    assert len(inputs["targets"]) / tokens == pytest.approx(0.3, abs=0.02)
    shown = inputs["input_ids"].flatten()[inputs["targets"]]
    assert float((shown == MASK_ID).float().mean()) == pytest.approx(0.8, abs=0.03)
    assert not inputs["attention_mask"][inputs["input_ids"] == PAD_ID].any()


def test_streams_and_seeds_differ_and_a_draw_repeats() -> None:
    first, second = PCFGData(**SHORT), PCFGData(**SHORT, data_seed=1)
    assert rows(first.draw("train", 32, 16)) == rows(PCFGData(**SHORT).draw("train", 32, 16))
    assert rows(first.draw("train", 32, 16)) != rows(second.draw("train", 32, 16))
    assert rows(first.draw("train", 32, 16)) != rows(first.draw("val", 32, 16))


@pytest.mark.parametrize(("world", "accumulate"), [(2, 1), (1, 2), (4, 2)])
def test_the_slices_of_all_devices_are_the_global_batch(world: int, accumulate: int) -> None:
    data = PCFGData(**SHORT)
    whole = _TrainingSteps(data, 0, 1, 1)
    parts = [_TrainingSteps(data, rank, world, accumulate) for rank in range(world)]
    for step in range(6):
        pieces = [parts[r][step * accumulate + m] for m in range(accumulate) for r in range(world)]
        assert [row for piece in pieces for row in rows(piece)] == rows(whole[step])
        assert {int(piece["first_step"]) for piece in pieces} == {step}
        # The mean over parts of (mean loss x weight) is the mean over all targets.
        counts = np.array([data.count_targets(piece) for piece in pieces])
        assert [int(piece["targets"]) for piece in pieces] == list(counts)
        total = torch.tensor(float(counts.sum()), dtype=torch.float64)
        weights = np.array([float(weight_of_part(piece, total, len(pieces))) for piece in pieces])
        of_device = {rank: int(pieces[rank]["targets_of_step"]) for rank in range(world)}
        assert of_device == {rank: sum(counts[rank::world]) for rank in range(world)}
        np.testing.assert_allclose(weights / len(pieces), counts / counts.sum(), rtol=1e-6)
    assert "targets" not in whole[0]


def test_samples_with_one_target_each_weigh_the_same() -> None:
    data = SparseParityData(d=9, k=2, num_steps=6, batch_size=16, eval_every=6)
    assert "targets" not in _TrainingSteps(data, 1, 4, 2)[3]


def test_a_device_draws_its_own_share_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    data = PCFGData(**SHORT)
    drawn: list[tuple[int, int]] = []
    draw = data.draw

    def noted(stream: Stream, start: int, count: int) -> Batch:
        drawn.append((start, count))
        return draw(stream, start, count)

    monkeypatch.setattr(data, "draw", noted)
    steps = _TrainingSteps(data, 1, 2, 2)
    for index in range(4):
        steps[index]
    size = data.batch_size // 4
    assert drawn == [(start * size, size) for start in (1, 3, 5, 7)]


def test_the_recorded_padding_share_is_that_of_the_batch() -> None:
    data = PCFGData(**SHORT)
    ids = data.draw("train", 3 * 16, 16)["inputs"]["input_ids"]
    share = float((ids == PAD_ID).float().mean())
    assert data.training_facts(3) == {"train/padding_share": pytest.approx(share)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"grammar": "cfg3c"}, "grammar: got 'cfg3c'; allowed: .*did you mean 'cfg3"),
        ({"roots": [99]}, "data.roots: got .*99"),
        ({"mask_rate": 0.0}, "data.mask_rate: got 0.0; allowed: above 0, at most 1"),
        ({"mask_share": 0.95}, "random_share: got 0.1"),
        ({"batch_size": 0}, "data.batch_size: got 0"),
    ],
)
def test_wrong_data_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        PCFGData(**{**SHORT, **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vocab_size": 6, "max_length": 27}, r"model.vocab_size: got 6; allowed: the grammar's 5 token ids"),
        ({"max_length": 20}, r"model.max_length: got 20; allowed: at least the 27 tokens"),
    ],
)
def test_a_model_that_does_not_fit_the_data_is_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        PCFGBert(heads=1, layers=1, **arguments).check_data(PCFGData(**SHORT))
    with pytest.raises(UsageError, match="got SparseParityData; allowed: PCFGData"):
        PCFGBert(heads=1, layers=1, max_length=27).check_data(
            SparseParityData(d=9, k=2, num_steps=6, eval_every=6)
        )


@pytest.mark.parametrize(
    ("rate", "samples", "stream"), [(1e-4, 1, "val"), (1e-9, 64, "val"), (2e-4, 5, "test")]
)
def test_held_out_strings_of_which_nothing_is_asked_are_refused(
    rate: float, samples: int, stream: str
) -> None:
    data = PCFGData(**SHORT, mask_rate=rate, eval_samples=samples, eval_streams=[stream])
    assert data.count_targets(data.draw(stream, 0, samples)) == 0
    with pytest.raises(UsageError) as caught:
        PCFGBert(max_length=27).check_data(data)
    assert str(caught.value) == (
        f"data.mask_rate: got {rate}; allowed: a rate at which some token of the eval_samples = "
        f"{samples} strings of {stream} is predicted"
    )


def test_a_single_predicted_token_far_on_is_enough() -> None:
    rare = PCFGData(**SHORT, mask_rate=2e-4, eval_samples=3000)
    first = int(np.flatnonzero((rare.draw("val", 0, 3000)["labels"] != IGNORED_LABEL).any(-1).numpy())[0])
    assert first > 16
    PCFGBert(max_length=27).check_data(rare)
