"""LEGO batches: what is supervised, where it is read, finite sets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.lego import LegoData
from lit_curriculum.training.base_data import _TrainingSteps, weight_of_part

ARGUMENTS: dict[str, Any] = {"num_steps": 20, "n_names": 9, "eval_every": 10, "eval_samples": 64}


def read(data: LegoData, batch: dict[str, Any]) -> list[list[tuple[str, int]]]:
    """Return, for each sample, the clauses that are read as written and their labels."""
    ids = batch["inputs"]["input_ids"]
    found: list[list[tuple[str, int]]] = [[] for _ in ids]
    for place, label in zip(batch["inputs"]["targets"].tolist(), batch["labels"].tolist(), strict=True):
        sample, token = divmod(place, data.task.length)
        clause = ids[sample, token : token + data.task.clause_length].numpy()
        found[sample].append((data.task.text(clause), label))
    return found


def values(text: str) -> dict[str, int]:
    """Solve ``b=-a;a=+1;`` by repeated passes over the clauses."""
    known = {"1": 1}
    clauses = text.rstrip(";").split(";")
    while len(known) <= len(clauses):
        for clause in clauses:
            name, expression = clause.split("=")
            if expression[1] in known:
                known[name] = known[expression[1]] * (1 if expression[0] == "+" else -1)
    return known


@pytest.mark.parametrize("stream", ["train", "val"])
@pytest.mark.parametrize("chains", [[5], [3, 2]])
def test_multi_label_reads_every_variable_at_its_own_clause(stream: Any, chains: list[int]) -> None:
    data = LegoData(chain_lengths=chains, supervision="multi", batch_size=8, **ARGUMENTS)
    batch = data.draw(stream, 4, 30)
    for ids, clauses in zip(batch["inputs"]["input_ids"], read(data, batch), strict=True):
        text = data.task.text(ids.numpy())
        assert sorted(clause for clause, _ in clauses) == sorted(f"{c};" for c in text.rstrip(";").split(";"))
        assert all(2 * label - 1 == values(text)[clause[0]] for clause, label in clauses)


def test_single_label_reads_the_last_variable_of_the_first_chain_in_training_alone() -> None:
    multi, single = (
        LegoData(chain_lengths=[4, 3], supervision=kind, batch_size=8, **ARGUMENTS)
        for kind in ("multi", "single")
    )
    everything, last = multi.draw("train", 0, 40), single.draw("train", 0, 40)
    assert torch.equal(everything["inputs"]["input_ids"], last["inputs"]["input_ids"])
    assert [clauses[3:4] for clauses in read(multi, everything)] == read(single, last)
    assert (single.count_targets(last), multi.count_targets(everything)) == (40, 280)
    held_out = single.draw("test", 0, 5)
    assert torch.equal(held_out["labels"], multi.draw("test", 0, 5)["labels"])
    assert len(held_out["labels"]) == 5 * single.n_positions


def test_a_finite_set_is_visited_whole_and_in_a_new_order_each_epoch() -> None:
    fresh = LegoData(batch_size=8, chain_lengths=[4], **ARGUMENTS)
    finite = LegoData(batch_size=8, chain_lengths=[4], train_samples=20, **ARGUMENTS)
    whole = [row.tolist() for row in fresh.draw("train", 0, 20)["inputs"]["input_ids"]]
    epochs = [
        [row.tolist() for row in finite.draw("train", start, 20)["inputs"]["input_ids"]] for start in (0, 20)
    ]
    assert sorted(epochs[0]) == sorted(epochs[1]) == sorted(whole)
    assert epochs[0] != epochs[1]
    # Held-out strings are no part of the set.
    assert torch.equal(
        finite.draw("val", 0, 9)["inputs"]["input_ids"], fresh.draw("val", 0, 9)["inputs"]["input_ids"]
    )


@given(world=st.sampled_from([1, 2, 4]), accumulate=st.sampled_from([1, 2]))
def test_the_slices_of_all_devices_are_the_global_batch(world: int, accumulate: int) -> None:
    data = LegoData(batch_size=16, chain_lengths=[3], train_samples=24, **ARGUMENTS)
    whole = _TrainingSteps(data, 0, 1, 1)
    parts = [_TrainingSteps(data, rank, world, accumulate) for rank in range(world)]
    for step in range(3):
        pieces = [parts[r][step * accumulate + m] for m in range(accumulate) for r in range(world)]
        ids = torch.cat([piece["inputs"]["input_ids"] for piece in pieces])
        assert torch.equal(ids, whole[step]["inputs"]["input_ids"])
        assert torch.equal(torch.cat([p["labels"] for p in pieces]), whole[step]["labels"])
        if len(pieces) > 1:
            total = torch.tensor(float(sum(int(piece["targets"]) for piece in pieces)), dtype=torch.float64)
            assert {float(weight_of_part(piece, total, len(pieces))) for piece in pieces} == {1.0}


def test_the_published_task_is_the_default() -> None:
    data = LegoData(num_steps=20, eval_every=10)
    assert (data.n_positions, data.last, data.batch_size) == (12, 11, 1024)
    assert data.demands == {"vocab_size": 31, "max_length": 60}
    assert data.describe_task()["chain_lengths"] == [12]
    np.testing.assert_array_equal(data.draw("val", 0, 2)["inputs"]["attention_mask"].shape, (2, 60))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train_samples": 0}, "data.train_samples: got 0; allowed: an integer of at least 1, or null"),
        ({"chain_lengths": [10]}, "n_names: got 9; allowed: from the 10 variables of a string to 26"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        LegoData(**{**ARGUMENTS, "chain_lengths": [3], **arguments})
    assert str(caught.value) == message
