"""Propositions C.1 and C.3 of `progressive`: right on every string, as wide and as large as they say."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from lit_curriculum.distillation import BankWriter, CheckpointBank
from lit_curriculum.distillation.teacher import Teacher
from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.sparse_parity_gpt2 import SparseParityTokens
from lit_curriculum.models import describe
from lit_curriculum.theory import attention_parity as built
from lit_curriculum.theory.interpolation import largest_entry, largest_row_sum

KINDS = {
    "c1": built.proposition_c1,
    "c3": built.proposition_c3,
    "c3 as Lemma C.4": lambda d, support: built.proposition_c3(d, support, lean=False),
}


def every_string(d: int) -> torch.Tensor:
    return torch.tensor(list(itertools.product((0, 1), repeat=d)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("d", [1, 4, 7])
def test_every_string_and_every_support_is_answered_right(kind, d):
    strings = every_string(d)
    for k in range(1, d + 1):
        for support in itertools.combinations(range(d), k):
            outputs = KINDS[kind](d, support).model()(strings)
            odd = strings[:, list(support)].sum(1) % 2
            expected = torch.stack([1 - 2 * odd, 2 * odd - 1], dim=1).float()
            torch.testing.assert_close(outputs, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("k", range(1, 9))
def test_widths_and_norms_are_within_the_propositions(k):
    support = range(k)
    selecting, reading = built.proposition_c1(20, support), built.proposition_c3(20, support)
    assert selecting.description["init_args"]["hidden"] == [4 * (k + 1)]
    assert len(selecting.layers) == 2
    for norm in (largest_entry, largest_row_sum):
        assert norm(selecting.layers) <= 4 * k * (k + 1)
        assert norm(reading.layers) <= 2 ** (k + 2)
    assert reading.description["init_args"]["hidden"] == [2 * k, 2**k]
    assert len(reading.layers) == 3


@pytest.mark.parametrize("k", range(1, 9))
def test_lemma_c4s_first_layer_is_wider_than_proposition_c3_says_for_small_k(k):
    """Errata: 8k is above 2^k for k <= 5."""
    widths = built.proposition_c3(9, range(k), lean=False).description["init_args"]["hidden"]
    assert widths == [8 * k, 2**k]
    assert (max(widths) > 2**k) == (k <= 5)


@pytest.mark.parametrize("support", [(1, 2, 5), (0, 7)])
def test_attention_is_what_the_propositions_say(support):
    d, strings = 8, every_string(8)
    c = 3.5
    score = np.array([math.exp(c) if i in support else 1.0 for i in range(d)])
    selected = built.proposition_c1(d, support, c).model().attention(strings)
    np.testing.assert_allclose(selected.detach(), np.tile(score / score.sum(), (2**d, 1)), atol=1e-6)
    uniform = built.proposition_c3(d, support).model().attention(strings)
    np.testing.assert_allclose(uniform.detach(), np.full((2**d, d), 1 / d), atol=1e-7)


def test_from_the_stated_sharpness_on_c1_is_right_and_far_below_it_is_not():
    d, support, strings = 9, (0, 3, 4), every_string(9)
    least = built.sharpness(d, 3)
    off = (d - 3) / (3 * math.exp(least) + d - 3)
    assert off == pytest.approx(1 / 12)
    odd = strings[:, list(support)].sum(1) % 2

    def wrong(c: float) -> int:
        return int((built.proposition_c1(d, support, c).model()(strings).argmax(1) != odd).sum())

    assert wrong(least + 1e-3) == 0
    assert wrong(least - 3) > 100
    assert built.sharpness(3, 3) == 0


def test_c1s_printed_example_selects_the_last_position_as_well():
    """Errata: p_d = e_3 makes position d a key of the support, whether or not it is one."""
    strings = every_string(8)
    for support, right in (((0, 7), True), ((0, 1), False)):
        made = built.proposition_c1(8, support)
        positions = made.weights["positions"].copy()
        positions[-1] = [0, 0, 1, 0]
        key = made.weights["key.weight"]
        c = made.weights["query.weight"].max()
        printed = {
            "positions": positions,
            "query.weight": math.sqrt(c) * key,
            "key.weight": math.sqrt(c) * key,
        }
        model = replace(made, weights={**made.weights, **printed}).model()
        odd = strings[:, list(support)].sum(1) % 2
        assert bool((model(strings).argmax(1) == odd).all()) == right


def test_uniform_attention_over_added_embeddings_cannot_tell_where_a_one_is():
    """Errata: with C.1's embeddings v_token + p_position no MLP makes Proposition C.3 true."""
    made = built.proposition_c1(6, (0, 1), c=0.0)
    rng = np.random.default_rng(0)
    anything = {
        name: rng.normal(size=made.weights[name].shape) for name in ("tokens", "positions", "value.weight")
    }
    model = replace(made, weights={**made.weights, **anything}).model()
    one_in_support, one_outside = torch.tensor([[1, 0, 0, 0, 0, 0]]), torch.tensor([[0, 0, 0, 0, 1, 0]])
    torch.testing.assert_close(model.attended(one_in_support), model.attended(one_outside))


@pytest.mark.parametrize("kind", ["c1", "c3"])
def test_a_construction_is_an_ordinary_checkpoint_that_teaches(kind, tmp_path):
    """Harvested into a bank, opened, and asked as a teacher, it gives the labels of the experiment's data."""
    data = SparseParityTokens(d=20, k=3, num_steps=1, eval_every=1, support_seed=4)
    model = KINDS[kind](20, data.task.support).model()
    BankWriter(tmp_path, describe(model), data.describe_task()).add(1, 1, model.state_dict())
    bank = CheckpointBank.open(tmp_path)
    teacher = Teacher(bank.load(bank.final), tau=1e-4)
    batch = data.draw("train", 0, 500)
    targets = teacher.targets(batch["inputs"], 2)
    torch.testing.assert_close(targets, torch.nn.functional.one_hot(batch["labels"], 2).float())


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (
            lambda: built.proposition_c1(4, []),
            "support: got []; allowed: at least one position, distinct, from 0 to 3",
        ),
        (
            lambda: built.proposition_c1(4, [1, 1]),
            "support: got [1, 1]; allowed: at least one position, distinct, from 0 to 3",
        ),
        (
            lambda: built.proposition_c3(4, [4]),
            "support: got [4]; allowed: at least one position, distinct, from 0 to 3",
        ),
        (lambda: built.proposition_c3(20, range(13)), "support: got '13 positions'; allowed: at most 12"),
    ],
)
def test_wrong_arguments_are_named_in_one_line(action, message):
    with pytest.raises(UsageError) as caught:
        action()
    assert str(caught.value) == message
