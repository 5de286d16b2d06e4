"""What a string's visible tokens say about a hidden one: the exact distribution, by the inside algorithm.

Masked prediction on a grammar's strings has a best answer, which a dynamic program over spans finds
(progressive, appendix D.1): with A_s[i, j] the probability that symbol s derives the tokens i .. j - 1, where
a hidden token counts as any terminal,

    A_s = mean over the rules s -> a b .. of A_a A_b ..        (matrix products of (L + 1, L + 1))

and the probability of all that is visible is the mean of A_root[0, L] over the roots.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lit_curriculum.tasks.pcfg.grammar import Grammar


def visible_probability(grammar: Grammar, allowed: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return the probability of strings of a given length and tokens from given sets.

    Args:
        grammar: where the strings come from.
        allowed: (n, L, K), for each place and terminal in the order of ``grammar.terminals`` whether it may
            stand there; one True for a visible token, all for a hidden one.

    Returns:
        Probability that a string has length L and an allowed token at each place, (n,).
    """
    n, length, _ = allowed.shape
    spans: dict[int, npt.NDArray[np.float64]] = {}
    places = np.arange(length)
    for k, terminal in enumerate(grammar.terminals):
        spans[terminal] = np.zeros((n, length + 1, length + 1))
        spans[terminal][:, places, places + 1] = allowed[:, :, k]
    for symbol in sorted(grammar.rules, key=grammar.heights.__getitem__):
        rights = grammar.rules[symbol]
        total = np.zeros((n, length + 1, length + 1))
        for right in rights:
            product = spans[right[0]]
            for part in right[1:]:
                product = product @ spans[part]
            total += product
        spans[symbol] = total / len(rights)
    probability: npt.NDArray[np.float64] = sum(
        (spans[root][:, 0, length] for root in grammar.roots), np.zeros(n)
    ) / len(grammar.roots)
    return probability


def token_posterior(
    grammar: Grammar, allowed: npt.NDArray[np.bool_], position: int
) -> npt.NDArray[np.float64]:
    """Return the distribution of the token at a place, given the sets of all other places.

    Args:
        grammar: where the strings come from.
        allowed: (n, L, K) as in `visible_probability`; what it says of ``position`` is ignored.
        position: the place, 0 .. L - 1.

    Returns:
        (n, K), over terminals in the order of ``grammar.terminals``.

    Raises:
        ValueError: if the other places hold what no string of the grammar has.
    """
    n, _, K = allowed.shape
    tried = np.repeat(allowed[:, None], K, axis=1)
    tried[:, :, position] = np.eye(K, dtype=bool)
    joint = visible_probability(grammar, tried.reshape(n * K, *allowed.shape[1:])).reshape(n, K)
    total = joint.sum(axis=1, keepdims=True)
    if not (total > 0).all():
        raise ValueError(f"no string of {grammar.name} has the visible tokens")
    posterior: npt.NDArray[np.float64] = joint / total
    return posterior
