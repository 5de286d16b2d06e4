"""How much a next-token prediction depends on the tokens just before it (progressive, eqs. 11, 12).

A model has read the start token and x_1 .. x_q and predicts x_{q+1}; the n-gram context of that token is
x_{q-n+2} .. x_q, n - 1 tokens.

    M_close  = TV(p(x_1 .. x_q), p(the context alone))
    M_robust = TV(p(x_1 .. x_q), p(everything but the context, and x_q))

The prediction is read at x_q, which therefore stays visible ("skip n-gram"). Hidden tokens are hidden from
attention, by which the others' positions do not shift. The start token is no token of x: it is hidden with
what lies before a context, and stays with it otherwise. TV is half the L1 distance.

Tokens that nobody attends to are left out and the others keep their position ids, which is the same function
for a model that mixes positions by attention alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from lit_curriculum.errors import bad_value
from lit_curriculum.probes.evaluating import MaskedModel, device_of, evaluating
from lit_curriculum.probes.ngram import DEFAULT_NS, NgramDistances, total_variation


def skip_ngram_distances(
    model: MaskedModel,
    input_ids: torch.Tensor,
    positions: torch.Tensor,
    ns: Sequence[int] = DEFAULT_NS,
    rows_per_batch: int = 256,
) -> NgramDistances:
    """Measure M_robust and M_close of a model, in eval mode and without gradients.

    Args:
        model: a causal language model with learned or given position ids.
        input_ids: the start token and the string's tokens (n, L), padded on the right.
        positions: q, the place of the last token that is read (n, P), at least 1.
        ns: context sizes, at least 2.
        rows_per_batch: inputs in one forward pass; has no influence on the result.

    Raises:
        UsageError: for a position before the first token, or a context without any.
    """
    if bool((positions < 1).any() | (positions >= input_ids.shape[1]).any()):
        raise bad_value("positions", "one outside its string", "1 <= position < length")
    if min(ns) < 2:
        raise bad_value("n", min(ns), "an integer of at least 2")
    device = device_of(model)
    n, per_string = positions.shape
    string = torch.arange(n).repeat_interleave(per_string)
    at = positions.reshape(-1).cpu()
    robust, close = torch.empty(len(ns), len(at)), torch.empty(len(ns), len(at))
    with evaluating(model):
        # Positions of like places share a batch, so that little of it is padding.
        for rows in torch.split(torch.argsort(at, stable=True), rows_per_batch):
            if len(rows) == 0:
                break
            ids, last = input_ids[string[rows]].to(device), at[rows].to(device)
            full = _predicted(model, ids, last, _all_until(ids, last))
            places, until = _all_until(ids, last), last[:, None]
            for k, size in enumerate(ns):
                context = (places > until - size + 1) & (places <= until)
                rest = (places <= until - size + 1) | (places == until)
                for target, visible in ((robust, rest), (close, context)):
                    hidden_from = _predicted(model, ids, last, _kept(places, visible))
                    target[k, rows] = total_variation(full, hidden_from)
    shape = (len(ns), n, per_string)
    return NgramDistances(tuple(ns), positions.cpu(), robust.reshape(shape), close.reshape(shape))


def _all_until(ids: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
    """Return places 0 .. max(last) for every row (R, K)."""
    return torch.arange(int(last.max()) + 1, device=ids.device).expand(len(ids), -1)


def _kept(places: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
    """Return the visible places of each row, in order; behind them, as padding, its last one again."""
    order = torch.argsort(~visible, dim=1, stable=True)
    counts = visible.sum(1, keepdim=True)
    kept = torch.arange(int(counts.max()), device=places.device).clamp(max=places.shape[1] - 1)
    index = torch.minimum(kept.expand(len(places), -1), counts - 1)
    return places.gather(1, order.gather(1, index))


def _predicted(
    model: MaskedModel, ids: torch.Tensor, last: torch.Tensor, places: torch.Tensor
) -> torch.Tensor:
    """Return p (R, V) after the token at ``last``, which is the last of ``places`` that is not beyond it.

    What lies behind it in a row is padding, which a causal model does not see from there.
    """
    hidden = model.hidden_states(ids.gather(1, places), None, places)
    where = (places == last[:, None]).int().argmax(1)
    logits = model.head(hidden[torch.arange(len(ids), device=ids.device), where])
    return torch.softmax(logits.to(torch.promote_types(logits.dtype, torch.float32)), dim=-1)
