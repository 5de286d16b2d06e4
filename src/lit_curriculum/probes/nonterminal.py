"""How well a model's embeddings tell the non-terminals above each token (progressive, Definition 4.3, D.3).

A probe with H heads predicts, at position i of a string of h tokens with embeddings e_k,

    G_i = sum_{r, k} w_{r, i -> k} f_r(e_k),    w_{r, i -> k} = softmax_k <P_{i, r}, P_{k, r}>

where k runs over the string's own tokens (never over padding), the f_r are linear and P is trained too; the
weights depend on positions alone. Each depth has its own linear functions, all share P. The target at depth
d (counted from the root) is the symbol whose span ends at i; positions that end no span of that depth do
not count.

The paper leaves the optimizer open, and P's start. Here: Adam with cosine decay, one pass over the training
strings, and P such that a token begins with about half of its attention on itself. The default rate is the
best of 3e-3, 1e-2 and 3e-2 in one run each (cfg3b from 13-15, an untrained and a trained 8-head BERT), by
the accuracy on the validation strings themselves; it was not tuned on whole strings.

Always probe an untrained model too. The probe learns much by itself where strings are short: in those runs
the untrained BERT reached 0.975, 0.978 and 0.999 at depths 0, 1 and 2, the trained one 1.000, 0.997 and
1.000. With fewer training strings the two lie further apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from lit_curriculum.errors import NotFinite, bad_value
from lit_curriculum.finite import first_broken
from lit_curriculum.probes.evaluating import MaskedModel, device_of, evaluating
from lit_curriculum.tasks.pcfg.grammar import Grammar
from lit_curriculum.tasks.pcfg.sampler import Sampler, Strings
from lit_curriculum.tasks.vocabulary import IGNORED_LABEL


@dataclass(frozen=True)
class ProbeSettings:
    """Size and training of a probe; the numbers of strings are the paper's, the heads its released code's.

    Attributes:
        heads: H.
        train_strings: strings trained on, each once: numbers 0 .. train_strings - 1 of the "probe" stream.
        val_strings: strings scored: the numbers after those.
        batch_size: strings a step.
        learning_rate: peak learning rate of Adam.
        seed: of the probe's own initial weights.

    Raises:
        UsageError: for a number below 1 or a rate that is not above 0.
    """

    heads: int = 16
    train_strings: int = 51_200
    val_strings: int = 1_024
    batch_size: int = 64
    learning_rate: float = 1e-2
    seed: int = 0

    def __post_init__(self) -> None:
        for key in ("heads", "train_strings", "val_strings", "batch_size"):
            if getattr(self, key) < 1:
                raise bad_value(key, getattr(self, key), "an integer of at least 1")
        if self.learning_rate <= 0:
            raise bad_value("learning_rate", self.learning_rate, "a number above 0")


@dataclass(frozen=True)
class NonterminalAccuracy:
    """A trained probe's score.

    Attributes:
        accuracy: depth (from the root) -> share of right boundaries whose symbol is predicted.
        boundaries: depth -> how many boundaries that is a share of.
        chance: depth -> share of the most frequent symbol, what a constant answer would get.
    """

    accuracy: dict[int, float]
    boundaries: dict[int, int]
    chance: dict[int, float]


class PositionAttentionProbe(nn.Module):
    """The functions f_r and the vectors P.

    Args:
        width: dimension D of an embedding.
        max_length: longest string.
        n_classes: classes C in all, of all depths together.
        heads: H.
    """

    def __init__(self, width: int, max_length: int, n_classes: int, heads: int) -> None:
        super().__init__()
        self.readout = nn.Linear(width, heads * n_classes)
        # <P_i, P_i> is then about log(max_length), so exp of it weighs as much as all other tokens together.
        scale = math.sqrt(math.log(max(max_length, 2)) / width)
        self.positions = nn.Parameter(scale * torch.randn(heads, max_length, width))

    def forward(self, embeddings: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Return G (n, L, C) of embeddings (n, L, D); ``valid`` (n, L) is False at padding.

        The weights before normalisation are the same for every string, so they are computed once, and a
        string's own normaliser is their sum over its tokens.
        """
        n, length, _ = embeddings.shape
        heads = self.positions.shape[0]
        mask = valid.to(embeddings.dtype)
        values = self.readout(embeddings).reshape(n, length, heads, -1) * mask[:, :, None, None]
        vectors = self.positions[:, :length]
        scores = vectors @ vectors.transpose(1, 2)
        weights = torch.exp(scores - scores.amax(dim=-1, keepdim=True).detach())
        # A normaliser can only vanish where every own token is e^-87 below a place beyond the string's end.
        normaliser = torch.einsum("hik,bk->bih", weights, mask).clamp(min=torch.finfo(mask.dtype).tiny)
        summed: torch.Tensor = torch.einsum("hik,bkhc->bihc", weights, values)
        return (summed / normaliser[..., None]).sum(dim=2)


def probed_depths(grammar: Grammar) -> list[int]:
    """Return the depths with something to tell apart: non-terminals, more than one of them."""
    return [d for d in range(grammar.depth) if len(grammar.symbols_at_depth[d]) > 1]


def boundary_targets(grammar: Grammar, strings: Strings) -> dict[int, torch.Tensor]:
    """Return for each probed depth the class at every right boundary, int64 (n, L).

    A class is the symbol's place in ``grammar.symbols_at_depth[depth]``; where no span of that depth ends,
    and at padding, there is `IGNORED_LABEL`.

    Raises:
        UsageError: if the strings were drawn without ancestry.
    """
    if strings.ancestry is None:
        raise bad_value("ancestry", None, "strings drawn with ancestry=True")
    targets = {}
    for depth in probed_depths(grammar):
        symbol = torch.from_numpy(strings.ancestry.symbol[:, depth].copy()).long()
        boundary = torch.from_numpy(strings.ancestry.right_boundary[:, depth].copy())
        known = torch.tensor(grammar.symbols_at_depth[depth])
        targets[depth] = torch.searchsorted(known, symbol).masked_fill(~boundary, IGNORED_LABEL)
    return targets


def nonterminal_accuracy(
    model: MaskedModel, grammar: Grammar, data_seed: int, settings: ProbeSettings | None = None
) -> NonterminalAccuracy:
    """Train a probe on a model's frozen embeddings of unmasked strings, and score it on others.

    Args:
        model: its last-layer embeddings are probed, in eval mode.
        grammar: where strings and trees come from.
        data_seed: of the "probe" stream's strings.
        settings: default the paper's.

    Raises:
        NotFinite: if the probe's own training diverges, or the model's embeddings are not finite.
    """
    settings = settings or ProbeSettings()
    device = device_of(model)
    depths = probed_depths(grammar)
    sizes = [len(grammar.symbols_at_depth[d]) for d in depths]
    source = _Embedded(model, grammar, data_seed, settings.batch_size, device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        width = source.width()
        probe = PositionAttentionProbe(width, grammar.max_length, sum(sizes), settings.heads).to(device)
    steps = -(-settings.train_strings // settings.batch_size)
    optimizer = torch.optim.Adam(probe.parameters(), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for embeddings, valid, targets in source.batches(0, settings.train_strings):
        logits = probe(embeddings, valid).split(sizes, dim=-1)
        losses = [
            functional.cross_entropy(
                logits[k].flatten(0, 1), targets[d].flatten(), ignore_index=IGNORED_LABEL
            )
            for k, d in enumerate(depths)
        ]
        optimizer.zero_grad()
        torch.stack(losses).mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    broken = first_broken(probe.named_parameters())
    if broken is not None:
        rate = settings.learning_rate
        raise NotFinite(
            f"the probe's {broken} is not finite; the likely cause is a learning_rate of the probe "
            f"that is too large ({rate:g}), or a model whose embeddings are not finite"
        )
    return _score(probe, sizes, depths, source.batches(settings.train_strings, settings.val_strings))


_Batch = tuple[torch.Tensor, torch.Tensor, dict[int, torch.Tensor]]


@dataclass(frozen=True)
class _Embedded:
    """Strings of the "probe" stream with a model's embeddings, computed as they are asked for."""

    model: MaskedModel
    grammar: Grammar
    seed: int
    batch_size: int
    device: torch.device

    def width(self) -> int:
        """Return the dimension of an embedding."""
        with evaluating(self.model):
            one = torch.full((1, 1), 1, device=self.device)
            return int(self.model.hidden_states(one).shape[-1])

    def batches(self, start: int, count: int) -> Iterator[_Batch]:
        """Yield embeddings (n, L, D), valid (n, L) and `boundary_targets` of ``count`` strings."""
        sampler = Sampler(self.grammar)
        for first in range(start, start + count, self.batch_size):
            size = min(self.batch_size, start + count - first)
            strings = sampler.sample(self.seed, "probe", first, size, ancestry=True)
            tokens = torch.from_numpy(strings.tokens.astype("int64")).to(self.device)
            lengths = torch.from_numpy(strings.lengths).to(self.device)
            valid = torch.arange(tokens.shape[1], device=self.device) < lengths[:, None]
            with evaluating(self.model):
                embeddings = self.model.hidden_states(tokens, valid).float()
            targets = boundary_targets(self.grammar, strings)
            yield embeddings, valid, {depth: t.to(self.device) for depth, t in targets.items()}


def _score(
    probe: PositionAttentionProbe, sizes: list[int], depths: list[int], batches: Iterator[_Batch]
) -> NonterminalAccuracy:
    right = dict.fromkeys(depths, 0)
    seen = {d: torch.zeros(size, dtype=torch.int64) for d, size in zip(depths, sizes, strict=True)}
    for embeddings, valid, targets in batches:
        with evaluating(probe):
            logits = probe(embeddings, valid).split(sizes, dim=-1)
        for k, d in enumerate(depths):
            counted = targets[d] != IGNORED_LABEL
            right[d] += int((logits[k].argmax(dim=-1) == targets[d])[counted].sum())
            seen[d] += torch.bincount(targets[d][counted].cpu(), minlength=sizes[k])
    boundaries = {d: int(counts.sum()) for d, counts in seen.items()}
    return NonterminalAccuracy(
        {d: right[d] / boundaries[d] for d in depths},
        boundaries,
        {d: int(counts.max()) / boundaries[d] for d, counts in seen.items()},
    )
