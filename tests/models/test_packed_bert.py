"""Predictions without padding, against transformers' own forward pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.pcfg_bert import PCFGBert, PCFGData
from lit_curriculum.models import BertMaskedLM, target_logits
from lit_curriculum.models.packed_bert import Packing, can_pack

ROOTS = [13, 14, 15]


def bert(dtype: torch.dtype = torch.float64, **changes: Any) -> BertMaskedLM:
    torch.manual_seed(0)
    arguments = {"vocab_size": 5, "max_length": 27, "layers": 2, "heads": 2, "initializer_range": 0.3}
    return BertMaskedLM(**{**arguments, **changes}).to(dtype)


def drawn(**changes: Any) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    data = PCFGData(num_steps=1, eval_every=1, roots=ROOTS, batch_size=6, **changes)
    batch = data.draw("train", 0, 6)
    return batch["inputs"], batch["labels"].flatten()[batch["inputs"]["targets"]]


def loss_and_gradients(model: BertMaskedLM, packs: bool, **changes: Any) -> list[torch.Tensor]:
    model.packs = packs
    inputs, labels = drawn(**changes)
    loss = functional.cross_entropy(target_logits(model, inputs), labels)
    return [loss, *torch.autograd.grad(loss, list(model.parameters()))]


@pytest.mark.parametrize(("dtype", "within"), [(torch.float64, 1e-11), (torch.float32, 1e-5)])
@pytest.mark.parametrize("hide", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_loss_and_gradients_are_transformers(dtype: torch.dtype, within: float, hide: bool, layers: int):
    model = bert(dtype, layers=layers)
    changes = {"hide_unmasked_targets": hide, "mask_rate": 0.5}
    padded, packed = (loss_and_gradients(model, packs, **changes) for packs in (False, True))
    assert not torch.equal(packed[1], padded[1])  # they did go two ways
    for expected, found in zip(padded, packed, strict=True):
        torch.testing.assert_close(found, expected, rtol=within, atol=within)


def test_a_run_descends_as_without_packing():
    def losses(packs: bool) -> list[float]:
        model = bert(initializer_range=0.1)
        model.packs = packs
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        data, found = PCFGData(num_steps=20, eval_every=1, roots=ROOTS, batch_size=4), []
        for step in range(20):
            batch = data.draw("train", 4 * step, 4)
            inputs, labels = batch["inputs"], batch["labels"].flatten()
            loss = functional.cross_entropy(target_logits(model, inputs), labels[inputs["targets"]])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found.append(float(loss.detach()))
        return found

    assert losses(True) == pytest.approx(losses(False), abs=1e-6)


def test_what_counts_is_visible_or_predicted():
    visible = np.array([[1, 1, 1, 0], [1, 0, 0, 0]], dtype=bool)
    pack = Packing.of(visible, np.array([1, 5]))
    assert pack.tokens.tolist() == [0, 1, 2, 4, 5]
    assert pack.keys.tolist() == [0, 3, 5]
    assert (pack.targets.tolist(), pack.queries.tolist()) == ([1, 4], [0, 1, 2])
    assert pack.hidden is not None
    assert pack.hidden.tolist() == [False, False, False, False, True]
    assert Packing.of(visible, np.array([1])).hidden is None


def test_what_cannot_be_packed_is_not():
    inputs, _ = drawn()
    model = bert(torch.float32)
    assert can_pack(model, inputs)
    assert can_pack(bert(torch.float32, dropout=0.1).eval(), inputs)
    assert not can_pack(bert(torch.float32, dropout=0.1).train(), inputs)
    assert not can_pack(bert(torch.float32, head_size=4), inputs)
    assert not can_pack(bert(torch.bfloat16), inputs)
    assert not can_pack(model, {**inputs, "targets": inputs["targets"].flip(0)})
    assert not can_pack(model, {**inputs, "targets": inputs["targets"][:0]})
    with torch.autocast("cpu", torch.bfloat16):
        assert not can_pack(model, inputs)


def test_strings_beyond_the_positions_are_refused():
    inputs, _ = drawn()
    with pytest.raises(UsageError, match="max_length"):
        target_logits(bert(max_length=5), inputs)


def test_a_module_packs_its_student_and_compiled_ones_do_not():
    inputs, _ = drawn()
    module = PCFGBert(heads=1, layers=1, max_length=27)
    padded = module.model.head(module.model.hidden_states(inputs["input_ids"], inputs["attention_mask"]))
    expected = padded.flatten(0, 1)[inputs["targets"]]
    torch.testing.assert_close(module(inputs), expected, rtol=1e-5, atol=1e-6)
