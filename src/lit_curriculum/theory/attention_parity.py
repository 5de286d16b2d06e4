"""Two transformers that compute a sparse parity, built by hand: Propositions C.1 and C.3 of `progressive`.

Both are `models.PlainTransformer`, the paper's block without residual connection and layer norm. Their inputs
are the tokens of `SparseParityTokens` (1 stands for -1); their two outputs are +1 for the class of the string
and -1 for the other.

Proposition C.1 selects the support by attention: the last position's attention is proportional to
exp(c 1[i in S]), so it sees the share of ones in the support, from which a 2-layer MLP of width 4(k + 1)
reads the parity. Proposition C.3 looks at all positions equally, and a 3-layer MLP reads the support.

Three things do not hold as printed (`docs/errata.md`). C.1's example gives the last position the embedding of
the support and so selects it even where it is none of the support. C.3 cannot be built on C.1's embeddings
v_token + p_position: a mean of those over all positions tells how many ones there are and not where. Every
position needs a table of its own. And Lemma C.4's first layer is 8k wide, which for k <= 5 is above the
stated 2^k; bits need only 2k.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lit_curriculum.errors import bad_value
from lit_curriculum.theory.interpolation import Array, Layer, bits_network, lemma_c2, lemma_c4


@dataclass(frozen=True)
class Construction:
    """A model as the registry describes it, and its weights.

    Attributes:
        description: what `models.build` takes.
        weights: its state_dict, as arrays.
        layers: the MLP's layers.
    """

    description: dict[str, Any]
    weights: dict[str, Array]
    layers: list[Layer]

    def model(self) -> Any:
        """Return the model with these weights in float32, as a checkpoint would load it."""
        import torch

        from lit_curriculum.models import build, load_saved_state

        model = build(self.description, seed=0)
        load_saved_state(model, {name: torch.tensor(w).float() for name, w in self.weights.items()})
        return model.eval()


def sharpness(d: int, k: int) -> float:
    """Return a c from which on C.1 is exact: e^c = (d - k)(4k - 1) / k, for d = k 0.

    Attention off the support then is 1 / (4k) in sum, which moves the mean of ones by no more than that: a
    quarter of the distance of two of its k + 1 values, Lemma C.2's tolerance.
    """
    return math.log((d - k) * (4 * k - 1) / k) if d > k else 0.0


def proposition_c1(d: int, support: Sequence[int], c: float | None = None) -> Construction:
    """Return the transformer of Proposition C.1.

    Args:
        d: bits.
        support: 0-based positions of the k bits whose parity is the label.
        c: how sharp the attention is; default 2 above `sharpness`, which leaves room for rounding.

    Raises:
        UsageError: for a support that is no set of positions.
    """
    chosen, k = _checked(d, support), len(support)
    sharp = sharpness(d, k) + 2 if c is None else c
    shares, values = np.arange(k + 1) / k, _values(np.arange(k + 1))
    in_support = np.isin(np.arange(d), chosen)[:, None]
    # e_1 and e_2 tell the token, e_3 and e_4 whether the position is of the support.
    weights: dict[str, Array] = {
        "tokens": np.array([[0.0, 1, 0, 0], [1, 0, 0, 0]]),
        "positions": np.where(in_support, [[0.0, 0, 1, 0]], [[0.0, 0, 0, 1]]),
        "query.weight": sharp * np.array([[0.0, 0, 1, 1]]),
        "key.weight": np.array([[0.0, 0, 1, 0]]),
        "value.weight": np.array([[1.0, 0, 0, 0]]),
    }
    return _construction(d, weights, lemma_c2(shares, values), by_position=False)


def proposition_c3(d: int, support: Sequence[int], lean: bool = True) -> Construction:
    """Return the transformer of Proposition C.3.

    Args:
        d: bits.
        support: 0-based positions of the k bits whose parity is the label.
        lean: 2k units in the first layer of the MLP; False for the 8k of Lemma C.4.

    Raises:
        UsageError: for a support that is no set of positions, or more than 12 of them (2^k units).
    """
    chosen = _checked(d, support)
    if len(chosen) > 12:
        raise bad_value("support", f"{len(chosen)} positions", "at most 12")
    points = np.array(list(itertools.product((0.0, 1.0), repeat=len(chosen))))
    first, *others = (bits_network if lean else lemma_c4)(points, _values(points.sum(1)))
    among_all = np.zeros((len(first[0]), d))
    among_all[:, chosen] = first[0]
    weights: dict[str, Array] = {
        # Token 1 at position i is e_i, token 0 is nothing.
        "tokens": np.stack([np.zeros((d, d)), np.eye(d)], axis=1),
        "positions": np.zeros((d, d)),
        "query.weight": np.zeros((1, d)),
        "key.weight": np.zeros((1, d)),
        # Times d, so that the mean over all positions is the string itself and Delta is 1.
        "value.weight": d * np.eye(d),
    }
    return _construction(d, weights, [(among_all, first[1]), *others], by_position=True)


def _construction(d: int, weights: dict[str, Array], layers: list[Layer], by_position: bool) -> Construction:
    for i, (weight, bias) in enumerate(layers):
        # Every second module of the MLP is a ReLU.
        weights |= {f"mlp.{2 * i}.weight": weight, f"mlp.{2 * i}.bias": bias}
    arguments = {
        "vocab_size": 2,
        "max_length": d,
        "width": weights["positions"].shape[1],
        "head_size": len(weights["key.weight"]),
        "value_size": len(weights["value.weight"]),
        "hidden": [len(bias) for _, bias in layers[:-1]],
        "n_outputs": 2,
        "by_position": by_position,
    }
    return Construction({"name": "plain_transformer", "init_args": arguments}, weights, layers)


def _values(ones: npt.NDArray[Any]) -> Array:
    """Return the two outputs (n, 2) for numbers of ones in the support (n,): even is class 0."""
    sign = 1.0 - 2.0 * (ones % 2)
    return np.stack([sign, -sign], axis=1)


def _checked(d: int, support: Sequence[int]) -> list[int]:
    chosen = sorted(support)
    if not chosen or len(set(chosen)) != len(chosen) or chosen[0] < 0 or chosen[-1] >= d:
        raise bad_value("support", list(support), f"at least one position, distinct, from 0 to {d - 1}")
    return chosen
