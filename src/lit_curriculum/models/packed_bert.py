"""BERT on the tokens that count: no padding, and in the last layer only what is predicted.

A batch of strings is as wide as its longest, so a fifth of its places or more are padding, and of the last
layer only the predicted tokens are read, three of ten. Here the strings lie end to end, the attention stays
inside each (`ragged_attention`), and the last layer computes keys and values of all tokens but everything
else of the predicted ones alone. The answers are those of transformers' own forward pass up to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from lit_curriculum.models.attention_kernel import HEAD_SIZE
from lit_curriculum.models.gelu import gelu
from lit_curriculum.models.ragged_attention import HIDDEN, RaggedAttention, Strings

_Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Packing:
    """Which tokens of a batch (n, L) count, and where they lie end to end.

    Attributes:
        tokens: their places in the flattened batch, ascending, (N,).
        keys: where each string begins among them, and the end, (n + 1,).
        targets: the predicted ones' places among them, (M,).
        queries: where each string begins among the predicted ones, and the end, (n + 1,).
        hidden: which of them may not be attended to, bool (N,); None if all may.
    """

    tokens: _Places
    keys: _Places
    targets: _Places
    queries: _Places
    hidden: npt.NDArray[np.bool_] | None

    @classmethod
    def of(cls, visible: npt.NDArray[np.bool_], targets: _Places) -> Packing:
        """Return the packing of a batch.

        Args:
            visible: what may be attended to, (n, L).
            targets: what is predicted, ascending places in the flattened batch (M,).
        """
        count = visible.copy()
        count.reshape(-1)[targets] = True
        tokens = np.flatnonzero(count)
        edges = np.arange(len(visible) + 1) * visible.shape[1]
        keys, queries = np.searchsorted(tokens, edges), np.searchsorted(targets, edges)
        seen = visible.reshape(-1)[tokens]
        hidden = None if seen.all() else ~seen
        return cls(tokens, keys, np.searchsorted(tokens, targets), queries, hidden)

    def bias(self, dtype: Any) -> npt.NDArray[Any]:
        """Return what `RaggedAttention` adds to the scores of each token (N,); empty if that is nothing."""
        if self.hidden is None:
            return np.zeros(0, dtype)
        return np.where(self.hidden, HIDDEN, 0.0).astype(dtype)


def can_pack(model: Any, inputs: Mapping[str, torch.Tensor]) -> bool:
    """Tell whether `packed_logits` gives a model's answers: on the processor, in one precision, no dropout.

    Args:
        model: a `models.bert.BertMaskedLM`, or anything else, which cannot.
        inputs: see `models.predicting.Inputs`.
    """
    if not getattr(model, "packs", False) or model.init_args["head_size"] != HEAD_SIZE:
        return False
    ids, targets = inputs["input_ids"], inputs["targets"]
    weight = model.bert_for_masked_lm.bert.embeddings.word_embeddings.weight
    plain = ids.device.type == weight.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
    exact = weight.dtype in (torch.float32, torch.float64)
    drops = model.training and model.init_args["dropout"] > 0
    return plain and exact and not drops and len(targets) > 0 and bool((targets.diff() > 0).all())


def packed_logits(model: Any, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return logits (M, V) of the predicted tokens.

    A string of which no token may be attended to gives other answers than transformers, which leaves them
    undefined.

    Args:
        model: a `models.bert.BertMaskedLM` that `can_pack`.
        inputs: see `models.predicting.Inputs`.

    Raises:
        UsageError: if the strings are above the model's ``max_length``.
    """
    model.check_length(inputs["input_ids"])
    bert = model.bert_for_masked_lm.bert
    pack = Packing.of(inputs["attention_mask"].numpy().astype(np.bool_), inputs["targets"].numpy())
    hidden = _embedded(bert.embeddings, inputs["input_ids"], pack)
    bias = pack.bias(hidden.detach().numpy().dtype)
    *layers, last = bert.encoder.layer
    everything, predicted = (Strings.of(at, pack.keys, bias) for at in (pack.keys, pack.queries))
    for layer in layers:
        hidden = _layer(layer, hidden, hidden, everything)
    read = hidden.index_select(0, torch.from_numpy(pack.targets))
    return _head(model.bert_for_masked_lm, _layer(last, read, hidden, predicted))


def _embedded(embeddings: Any, ids: torch.Tensor, pack: Packing) -> torch.Tensor:
    """Return the tokens' embeddings (N, width)."""
    tokens = ids.flatten().index_select(0, torch.from_numpy(pack.tokens))
    places = torch.from_numpy(pack.tokens % ids.shape[1])
    # One segment, whose vector is every position's.
    positions = embeddings.position_embeddings.weight + embeddings.token_type_embeddings.weight[0]
    found: torch.Tensor = embeddings.LayerNorm(
        embeddings.word_embeddings(tokens) + functional.embedding(places, positions)
    )
    return found


def _layer(layer: Any, asking: torch.Tensor, hidden: torch.Tensor, strings: Strings) -> torch.Tensor:
    """Return a layer's output (M, width) for the tokens that ask (M, width) among all (N, width)."""
    own = layer.attention.self
    weight, bias = torch.cat((own.key.weight, own.value.weight)), torch.cat((own.key.bias, own.value.bias))
    pair = functional.linear(hidden, weight, bias)
    seen = RaggedAttention.apply(own.query(asking), pair, strings, own.num_attention_heads)  # type: ignore[no-untyped-call]
    attended = layer.attention.output(seen, asking)
    output: torch.Tensor = layer.output(gelu(layer.intermediate.dense(attended)), attended)
    return output


def _head(bert: Any, hidden: torch.Tensor) -> torch.Tensor:
    """Return logits (M, V) of embeddings (M, width)."""
    predictions = bert.cls.predictions
    transform = predictions.transform
    logits: torch.Tensor = predictions.decoder(transform.LayerNorm(gelu(transform.dense(hidden))))
    return logits
