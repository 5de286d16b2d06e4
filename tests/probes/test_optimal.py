"""M_robust of the best predictor, against equation 5 worked out on the posterior one place at a time."""

from __future__ import annotations

import numpy as np
import torch

from lit_curriculum.probes.ngram import draw_inputs
from lit_curriculum.probes.optimal import optimal_robust
from lit_curriculum.tasks.pcfg import Sampler, load_grammar
from lit_curriculum.tasks.pcfg.posterior import token_posterior

GRAMMAR = load_grammar("cfg3b", root=(10, 11, 12))


def test_it_is_equation_5_of_the_posterior() -> None:
    tokens, lengths, positions = draw_inputs(Sampler(GRAMMAR), 3, 6, 2)
    found = optimal_robust(GRAMMAR, tokens, lengths, positions, (1, 2, 3))
    assert found.shape == (3, 6, 2)
    for row, column in np.ndindex(6, 2):
        h, i = int(lengths[row]), int(positions[row, column])
        x = [int(token) - 2 for token in tokens[row, :h]]
        for k, n in enumerate((1, 2, 3)):
            ngram = {j for j in range(h) if i - -(-(n - 1) // 2) <= j <= i + (n - 1) // 2}
            full = np.array([[[k == t or j == i for k in range(3)] for j, t in enumerate(x)]])
            less = np.array([[[k == t or j in ngram for k in range(3)] for j, t in enumerate(x)]])
            p, q = token_posterior(GRAMMAR, full, i), token_posterior(GRAMMAR, less, i)
            assert abs(float(found[k, row, column]) - np.abs(p - q).sum() / 2) < 1e-12
    assert torch.equal(found[0], torch.zeros(6, 2, dtype=torch.float64))
    assert found[2].max() > 0.1
