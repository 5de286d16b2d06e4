"""M_robust of the best possible predictor: what a model would show that has learned the grammar."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from lit_curriculum.probes.ngram import DEFAULT_NS, window
from lit_curriculum.tasks.pcfg import Grammar
from lit_curriculum.tasks.pcfg.posterior import token_posterior
from lit_curriculum.tasks.vocabulary import FIRST_TERMINAL_ID


def optimal_robust(
    grammar: Grammar,
    tokens: torch.Tensor,
    lengths: torch.Tensor,
    positions: torch.Tensor,
    ns: Sequence[int] = DEFAULT_NS,
) -> torch.Tensor:
    """Return M_robust (progressive, eq. 5) of the exact posterior.

    Args:
        grammar: where the strings come from.
        tokens: unmasked token ids (n, L), padded on the right.
        lengths: tokens of each string (n,).
        positions: positions to measure (n, P), each inside its string.
        ns: window sizes, K of them.

    Returns:
        (K, n, P) in float64, from 0 to 1.
    """
    n, per_string = positions.shape
    result = torch.empty(len(ns), n, per_string, dtype=torch.float64)
    terminals = len(grammar.terminals)
    for row in range(n):
        length = int(lengths[row])
        shown = np.eye(terminals, dtype=bool)[tokens[row, :length].numpy() - FIRST_TERMINAL_ID]
        for column in range(per_string):
            at = int(positions[row, column])
            hidden = np.repeat(shown[None], len(ns) + 1, axis=0)
            for k, size in enumerate(ns):
                first, last = window(torch.tensor(at), size, torch.tensor(length))
                hidden[k, int(first) : int(last) + 1] = True
            p = token_posterior(grammar, hidden, at)
            result[:, row, column] = torch.from_numpy(np.abs(p[:-1] - p[-1]).sum(axis=1) / 2)
    return result
