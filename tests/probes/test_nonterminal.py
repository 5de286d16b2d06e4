from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lit_curriculum.errors import NotFinite, UsageError
from lit_curriculum.models import BertMaskedLM, build
from lit_curriculum.probes.nonterminal import (
    PositionAttentionProbe,
    ProbeSettings,
    boundary_targets,
    nonterminal_accuracy,
    probed_depths,
)
from lit_curriculum.tasks.pcfg import Sampler, load_grammar, parse_grammar
from lit_curriculum.tasks.vocabulary import IGNORED_LABEL

GRAMMAR = load_grammar("cfg3b", root=(13, 14, 15))


class Oracle(nn.Module):
    """Embeddings that hold each token and its two left neighbours as one-hot codes."""

    def hidden_states(
        self, input_ids: torch.Tensor, attention_mask: Any = None, position_ids: Any = None
    ) -> Any:
        codes = nn.functional.one_hot(input_ids, 5).float()
        left = nn.functional.pad(codes, (0, 0, 1, 0))[:, :-1]
        further = nn.functional.pad(codes, (0, 0, 2, 0))[:, :-2]
        return torch.cat([codes, left, further], dim=-1)


class Blind(nn.Module):
    """Embeddings that hold nothing."""

    def hidden_states(
        self, input_ids: torch.Tensor, attention_mask: Any = None, position_ids: Any = None
    ) -> Any:
        return torch.zeros(*input_ids.shape, 4)


def test_probe_equals_its_definition_written_as_loops():
    torch.manual_seed(0)
    heads, classes, width, lengths = 3, 4, 5, [6, 4, 1]
    probe = PositionAttentionProbe(width, 8, classes, heads).double()
    embeddings = torch.randn(3, 6, width, dtype=torch.float64)
    valid = torch.arange(6) < torch.tensor(lengths)[:, None]
    result = probe(embeddings, valid)
    f = [probe.readout.weight[r * classes : (r + 1) * classes] for r in range(heads)]
    c = [probe.readout.bias[r * classes : (r + 1) * classes] for r in range(heads)]
    for b, h in enumerate(lengths):
        for i in range(h):
            expected = torch.zeros(classes, dtype=torch.float64)
            for r in range(heads):
                P = probe.positions[r]
                w = torch.softmax(torch.stack([P[i] @ P[k] for k in range(h)]), dim=0)
                expected += sum(w[k] * (f[r] @ embeddings[b, k] + c[r]) for k in range(h))
            torch.testing.assert_close(result[b, i], expected)


def test_padding_never_counts():
    torch.manual_seed(0)
    probe = PositionAttentionProbe(4, 9, 2, 2)
    embeddings, valid = torch.randn(1, 9, 4), torch.arange(9)[None] < 5
    alone = probe(embeddings[:, :5], valid[:, :5])
    noisy = probe(embeddings.masked_fill(~valid[..., None], 1e3), valid)
    torch.testing.assert_close(noisy[:, :5], alone)


def test_targets_are_the_symbols_at_right_boundaries():
    strings = Sampler(GRAMMAR).sample(0, "probe", 0, 20, ancestry=True)
    assert strings.ancestry is not None
    targets = boundary_targets(GRAMMAR, strings)
    assert list(targets) == [0, 1, 2]
    for depth, target in targets.items():
        for row in range(20):
            for i in range(strings.tokens.shape[1]):
                is_end = i < strings.lengths[row] and strings.ancestry.end[row, depth, i] == i + 1
                symbol = int(strings.ancestry.symbol[row, depth, i])
                expected = GRAMMAR.symbols_at_depth[depth].index(symbol) if is_end else IGNORED_LABEL
                assert target[row, i] == expected


def test_depths_with_one_symbol_are_left_out():
    assert probed_depths(load_grammar("cfg3b")) == [1, 2, 3, 4, 5]
    chain = parse_grammar(
        {"name": "x", "root": 3, "terminals": [1], "rules": {"3": [[2]], "2": [[1], [1, 1]]}}
    )
    assert probed_depths(chain) == []


def test_a_probe_reads_what_is_there_and_not_more():
    small = ProbeSettings(heads=2, train_strings=1500, val_strings=200, batch_size=50, learning_rate=0.03)
    seeing = nonterminal_accuracy(Oracle(), GRAMMAR, 0, small)  # type: ignore[arg-type]
    blind = nonterminal_accuracy(Blind(), GRAMMAR, 0, small)  # type: ignore[arg-type]
    strings = Sampler(GRAMMAR).sample(0, "probe", 1500, 200, ancestry=True)
    assert strings.ancestry is not None
    for depth in (0, 1, 2):
        assert seeing.boundaries[depth] == strings.ancestry.right_boundary[:, depth].sum()
        assert seeing.chance[depth] == blind.chance[depth] < 0.45
    # The lowest symbol can be told from three tokens; without any, only what positions and lengths tell.
    assert seeing.accuracy[2] > 0.95
    assert seeing.accuracy[2] > blind.accuracy[2] + 0.3


def test_the_result_is_seeded_and_the_model_is_left_as_it_was():
    arguments = {"vocab_size": 5, "max_length": 27, "layers": 1, "heads": 2, "dropout": 0.3}
    model = build({"name": "bert_masked_lm", "init_args": arguments}, seed=0)
    assert isinstance(model, BertMaskedLM)
    before = {name: t.clone() for name, t in model.state_dict().items()}
    state = torch.random.get_rng_state()
    few = ProbeSettings(heads=2, train_strings=64, val_strings=32, batch_size=32)
    first, second = (nonterminal_accuracy(model.train(), GRAMMAR, 0, few) for _ in range(2))
    assert first == second
    assert torch.equal(state, torch.random.get_rng_state())
    assert model.training
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_validation_strings_do_not_depend_on_the_batch_size():
    sizes = [ProbeSettings(2, 30, 20, batch) for batch in (7, 30)]
    counts = [nonterminal_accuracy(Blind(), GRAMMAR, 0, s).boundaries for s in sizes]  # type: ignore[arg-type]
    assert counts[0] == counts[1]


def test_ancestry_is_needed():
    with pytest.raises(UsageError, match=r"^ancestry: got None"):
        boundary_targets(GRAMMAR, Sampler(GRAMMAR).sample(0, "probe", 0, 1))


@pytest.mark.parametrize(
    ("changes", "key"),
    [({"heads": 0}, "heads"), ({"val_strings": 0}, "val_strings"), ({"learning_rate": 0.0}, "learning_rate")],
)
def test_wrong_settings(changes: dict[str, Any], key: str):
    with pytest.raises(UsageError, match=f"^{key}: got"):
        ProbeSettings(**changes)


def test_default_settings_are_the_papers():
    settings = ProbeSettings()
    assert (settings.heads, settings.train_strings, settings.val_strings) == (16, 51_200, 1_024)
    assert np.isfinite(settings.learning_rate)


@pytest.mark.parametrize("rate", [1e30, 1e20])
def test_a_probe_whose_own_training_diverges_is_no_measurement(rate: float):
    settings = ProbeSettings(heads=2, train_strings=128, val_strings=8, batch_size=16, learning_rate=rate)
    with pytest.raises(NotFinite) as caught:
        nonterminal_accuracy(Oracle(), GRAMMAR, 0, settings)
    message = str(caught.value)
    assert message.startswith("the probe's ")
    assert f"a learning_rate of the probe that is too large ({rate:g})" in message
