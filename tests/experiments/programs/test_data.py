"""Batches of programs: the paper's variants, in both styles of reading."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.programs import ProgramsData
from lit_curriculum.tasks.programs import CLS_ID
from lit_curriculum.training.base_data import _TrainingSteps, weight_of_part

ARGUMENTS: dict[str, Any] = {"num_steps": 20, "n_statements": 4, "eval_every": 10, "batch_size": 16}


def steps(data: ProgramsData, batch: dict[str, Any]) -> list[list[tuple[int, int]]]:
    """Return, for each sample, the (step, label) that are read."""
    places = batch["inputs"]["targets"].tolist()
    found: list[list[tuple[int, int]]] = [[] for _ in batch["inputs"]["input_ids"]]
    for place, label in zip(places, batch["labels"].tolist(), strict=True):
        if data.readout == "cls":
            sample, step = divmod(place, data.n_positions)
        else:
            sample, token = divmod(place, 2 * data.n_positions)
            assert token % 2 == 1  # at the statement's digit
            step = token // 2
        found[sample].append((step, label))
    return found


def executed(ids: list[int]) -> list[int]:
    """Run token ids on a register modulo ten."""
    register, values = 0, []
    for operator, digit in zip(ids[::2], ids[1::2], strict=True):
        register = {
            10: digit,
            11: register + digit,
            12: register - digit,
            13: register * digit,
            14: register // digit if digit else 0,
        }[operator] % 10
        values.append(register)
    return values


@pytest.mark.parametrize("readout", ["token", "cls"])
@pytest.mark.parametrize(
    ("stream", "supervision"), [("train", "all"), ("val", "all"), ("val", "last"), ("test", "mixture")]
)
def test_all_values_are_read_in_multi_label_training_and_in_every_evaluation(
    readout: Any, stream: Any, supervision: Any
) -> None:
    data = ProgramsData(readout=readout, supervision=supervision, **ARGUMENTS)
    batch = data.draw(stream, 5, 40)
    for ids, of_sample in zip(batch["inputs"]["input_ids"].tolist(), steps(data, batch), strict=True):
        if readout == "cls":
            assert ids.pop(0) == CLS_ID
        assert CLS_ID not in ids
        assert of_sample == list(enumerate(executed(ids)))


@pytest.mark.parametrize("readout", ["token", "cls"])
def test_the_single_task_trains_on_the_last_value_alone(readout: Any) -> None:
    data = ProgramsData(readout=readout, supervision="last", **ARGUMENTS)
    complete = ProgramsData(readout=readout, supervision="all", **ARGUMENTS)
    last, everything = (d.draw("train", 0, 50) for d in (data, complete))
    assert torch.equal(last["inputs"]["input_ids"], everything["inputs"]["input_ids"])
    assert steps(data, last) == [of_sample[-1:] for of_sample in steps(complete, everything)]


def test_the_mixture_adds_each_earlier_value_with_its_probability() -> None:
    p, n = 1 / 20, 20_000
    data = ProgramsData(readout="cls", supervision="mixture", p_intermediate=p, **ARGUMENTS)
    complete = ProgramsData(readout="cls", supervision="all", **ARGUMENTS)
    mixed = steps(data, data.draw("train", 0, n))
    for of_sample, every in zip(mixed, steps(complete, complete.draw("train", 0, n)), strict=True):
        assert set(of_sample) <= set(every)
        assert of_sample[-1] == every[-1]
    counts = [sum(step in dict(of_sample) for of_sample in mixed) for step in range(4)]
    assert counts[3] == n
    spread = math.sqrt(p * (1 - p) / n)
    assert all(abs(count / n - p) < 5 * spread for count in counts[:3])
    both = sum({0, 1} <= dict(of_sample).keys() for of_sample in mixed)
    assert abs(both / n - p**2) < 5 * p / math.sqrt(n)  # independent of one another


def test_parts_of_a_batch_are_weighted_by_their_number_of_labels() -> None:
    data = ProgramsData(readout="cls", supervision="mixture", p_intermediate=0.3, **ARGUMENTS)
    whole, parts = _TrainingSteps(data, 0, 1, 1), [_TrainingSteps(data, rank, 2, 1) for rank in (0, 1)]
    pieces = [part[1] for part in parts]
    assert torch.equal(torch.cat([piece["labels"] for piece in pieces]), whole[1]["labels"])
    sizes = [len(piece["labels"]) for piece in pieces]
    assert sizes[0] != sizes[1]
    for piece, size in zip(pieces, sizes, strict=True):
        whole_size = torch.tensor(float(sum(sizes)), dtype=torch.float64)
        assert float(weight_of_part(piece, whole_size, 2)) == pytest.approx(2 * size / sum(sizes))


def test_the_published_task_is_the_default() -> None:
    data = ProgramsData(num_steps=20, eval_every=10)
    assert (data.n_positions, data.last, data.batch_size, data.p_intermediate) == (10, 9, 1024, 1 / 320)
    assert data.demands == {"vocab_size": 16, "max_length": 20}
    assert ProgramsData(num_steps=20, eval_every=10, readout="cls").demands["max_length"] == 21


@pytest.mark.parametrize("p", [-0.1, 1.5])
def test_a_wrong_probability_is_refused(p: float) -> None:
    with pytest.raises(UsageError) as caught:
        ProgramsData(p_intermediate=p, **ARGUMENTS)
    assert str(caught.value) == f"data.p_intermediate: got {p}; allowed: a probability from 0 to 1"
