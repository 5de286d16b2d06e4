"""How much a masked prediction depends on its nearest neighbours (progressive, section 4.1.1, eqs. 5 and 6).

For a string x of h tokens and a position i, both counted from 0 (Definition 4.2),

    n-gram(i) = {j : max(i - ceil((n-1)/2), 0) <= j <= min(i + floor((n-1)/2), h - 1)}
    M_robust  = TV(p_i(x without {i}), p_i(x without n-gram(i)))
    M_close   = TV(p_i(x without {i}), p_i(only n-gram(i) minus {i} visible))

where p_i is the model's distribution at position i and TV is half the L1 distance. "Without" a token means
that [mask] stands in its place; "not visible" means hidden from attention. Position i itself stays, as
[mask], in all three inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lit_curriculum.errors import bad_value
from lit_curriculum.probes.evaluating import MaskedModel, device_of, evaluating
from lit_curriculum.tasks.pcfg.sampler import Sampler
from lit_curriculum.tasks.positions import draw_positions
from lit_curriculum.tasks.vocabulary import SpecialTokens

DEFAULT_NS = (3, 5, 7, 9)


@dataclass(frozen=True)
class NgramDistances:
    """Both measures at every chosen position.

    Attributes:
        ns: window sizes, K of them.
        positions: the positions measured, int64 (n, P).
        robust: M_robust, (K, n, P), from 0 to 1.
        close: M_close, (K, n, P), from 0 to 1.
    """

    ns: tuple[int, ...]
    positions: torch.Tensor
    robust: torch.Tensor
    close: torch.Tensor

    def median_robust(self) -> dict[int, float]:
        """Return for each n the median of M_robust over strings and positions."""
        return {n: float(np.median(values.numpy())) for n, values in zip(self.ns, self.robust, strict=True)}

    def median_close(self) -> dict[int, float]:
        """Return for each n the median of M_close over strings and positions."""
        return {n: float(np.median(values.numpy())) for n, values in zip(self.ns, self.close, strict=True)}


def window(position: torch.Tensor, n: int, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the first and the last position of n-gram(i), both inside the string (Definition 4.2).

    Args:
        position: i, any shape.
        n: window size, at least 1; an even one reaches one further to the left.
        lengths: the string's length h, of the same shape.

    Raises:
        UsageError: for n below 1.
    """
    if n < 1:
        raise bad_value("n", n, "an integer of at least 1")
    first = (position - n // 2).clamp(min=0)
    last = torch.minimum(position + (n - 1) // 2, lengths - 1)
    return first, last


def draw_inputs(
    sampler: Sampler, seed: int, strings: int, per_string: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return strings of the "probe" stream and positions in them, as `ngram_distances` takes them.

    Returns:
        Tokens int64 (n, L), lengths int64 (n,), positions int64 (n, per_string).
    """
    drawn = sampler.sample(seed, "probe", 0, strings)
    lengths = torch.from_numpy(drawn.lengths)
    return torch.from_numpy(drawn.tokens.astype(np.int64)), lengths, draw_positions(lengths, per_string, seed)


def ngram_distances(
    model: MaskedModel,
    tokens: torch.Tensor,
    lengths: torch.Tensor,
    positions: torch.Tensor,
    ns: Sequence[int] = DEFAULT_NS,
    rows_per_batch: int = 256,
    special: SpecialTokens = SpecialTokens(),  # noqa: B008 - frozen
) -> NgramDistances:
    """Measure M_robust and M_close of a model, in eval mode and without gradients.

    Computed in the model's own precision (the softmax in float32 at least). In float32 rounding moves a
    value by about 1e-7, and by up to 2e-6 where weights are very large (standard deviation 0.5); pass
    ``model.double()`` where that matters.

    M_close costs next to nothing: tokens that nobody attends to are left out and the others keep their
    position ids, which is the same function for a model that mixes positions by attention alone.

    Args:
        model: a masked language model with learned or given position ids.
        tokens: unmasked token ids (n, L), padded on the right.
        lengths: tokens of each string (n,), special ones included.
        positions: positions to measure (n, P), each inside its string and none of a special token.
        ns: window sizes.
        rows_per_batch: inputs in one forward pass; has no influence on the result.
        special: ids of [mask] and padding, and what stands around every string. That is in no window: it
            stays for M_robust, and is not visible for M_close.

    Raises:
        UsageError: for a position outside its string, or a window size below 1.
    """
    ends = lengths[:, None] - special.after
    if bool((positions < special.before).any() | (positions >= ends).any()):
        raise bad_value("positions", "one outside its string", "0 <= position < length")
    device = device_of(model)
    n, per_string = positions.shape
    string = torch.arange(n).repeat_interleave(per_string)
    at = positions.reshape(-1).cpu()
    robust, close = torch.empty(len(ns), len(at)), torch.empty(len(ns), len(at))
    with evaluating(model):
        # Strings of like length share a batch, so that little of it is padding.
        order = torch.argsort(lengths.cpu()[string], stable=True)
        for rows in torch.split(order, rows_per_batch):
            if len(rows) == 0:
                break
            chosen = lengths.cpu()[string[rows]]
            ids = tokens[string[rows].to(tokens.device), : int(chosen.max())].to(device, torch.int64)
            batch = _Rows(model, ids, chosen.to(device), at[rows].to(device), special)
            full = batch.without(1)
            for k, size in enumerate(ns):
                robust[k, rows] = total_variation(full, batch.without(size))
                close[k, rows] = total_variation(full, batch.only(size))
    shape = (len(ns), n, per_string)
    return NgramDistances(tuple(ns), positions.cpu(), robust.reshape(shape), close.reshape(shape))


@dataclass(frozen=True)
class _Rows:
    """Inputs of one forward pass: ids (R, L), lengths (R,), and the position of each to predict (R,)."""

    model: MaskedModel
    ids: torch.Tensor
    lengths: torch.Tensor
    at: torch.Tensor
    special: SpecialTokens

    def _window(self, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        first, last = window(self.at, n, self.lengths - self.special.after)
        return first.clamp(min=self.special.before), last

    def without(self, n: int) -> torch.Tensor:
        """Return p_i (R, V) where [mask] stands for all of n-gram(i); n = 1 is {i} alone."""
        first, last = self._window(n)
        place = torch.arange(self.ids.shape[1], device=self.ids.device)
        inside = (place >= first[:, None]) & (place <= last[:, None])
        ids = self.ids.masked_fill(inside, self.special.mask_id)
        return self._predict(ids, place < self.lengths[:, None], self.at)

    def only(self, n: int) -> torch.Tensor:
        """Return p_i (R, V) where n-gram(i) alone is visible, i as [mask]."""
        first, last = self._window(n)
        if not getattr(self.model, "takes_places", True):
            place = torch.arange(self.ids.shape[1], device=self.ids.device)
            ids = self.ids.masked_fill(place == self.at[:, None], self.special.mask_id)
            return self._predict(ids, (place >= first[:, None]) & (place <= last[:, None]), self.at)
        place = first[:, None] + torch.arange(min(n, self.ids.shape[1]), device=self.ids.device)
        visible = place <= last[:, None]
        # Places past the window are never attended to; they only have to be legal indices.
        place = place.clamp(max=self.ids.shape[1] - 1)
        ids = self.ids.gather(1, place).masked_fill(~visible, self.special.pad_id)
        ids = ids.masked_fill(place == self.at[:, None], self.special.mask_id)
        return self._predict(ids, visible, self.at - first, place)

    def _predict(
        self, ids: torch.Tensor, visible: torch.Tensor, at: torch.Tensor, places: torch.Tensor | None = None
    ) -> torch.Tensor:
        hidden = self.model.hidden_states(ids, visible, places)
        logits = self.model.head(hidden[torch.arange(len(at), device=at.device), at])
        return torch.softmax(logits.to(torch.promote_types(logits.dtype, torch.float32)), dim=-1)


def total_variation(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """Return half of the sum of |p - q| over the last dimension, float32 on the processor."""
    return (p - q).abs().sum(dim=-1).div(2).cpu().to(torch.float32)
