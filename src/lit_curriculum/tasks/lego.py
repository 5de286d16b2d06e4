"""LEGO: chains of signed assignments in shuffled order (implicit, section 3.2; Zhang et al., 2023).

A chain starts with ``a=+1;`` or ``a=-1;`` and goes on with ``b=+a;`` or ``b=-a;``. The clauses of all chains
are shuffled into one string. The task is to predict the value, +1 or -1, of each variable.

With one chain the last value is also the parity of all minus signs: a model can count signs instead of
following the chain. With several chains it cannot. The public generator makes one chain; the string printed
in the paper holds two, of 8 and 4 variables, and calls the last of the shorter one "final".

Problem and order of clauses of sample i are f(seed, stream, i); which problems a stream may draw is
`partition`'s to say, and a problem's clauses are the same in any order.
"""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.files import hash_of_json
from lit_curriculum.tasks.counter import GENERATOR_VERSION, Stream, check_seed, philox, stream_word
from lit_curriculum.tasks.partition import MOST_ATTEMPTS, PARTITION_VERSION, mix, stream_of

LEGO_VERSION = 1

# Token ids: punctuation, signs and the constant first, then the names in alphabetical order.
SYMBOLS = ("=", ";", "+", "-", "1")
FIRST_NAME_ID = len(SYMBOLS)
_EQUALS, _END, _PLUS, _MINUS, _ONE = range(FIRST_NAME_ID)
_NO_SOURCE = -1


@dataclass(frozen=True)
class LegoStrings:
    """Strings and their answers; V variables in chain order: the first chain's from its root on, the next's.

    Attributes:
        tokens: token ids, int64 (n, L).
        targets: place in the string of each variable's own clause, its first token, int64 (n, V).
        labels: 1 where the variable's value is +1, else 0, int64 (n, V).
    """

    tokens: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Lego:
    """The task and the samples of every stream.

    Attributes:
        chain_lengths: variables of each chain.
        n_names: single letters to choose names from, the first so many of the alphabet.
        punctuation: write ``=`` and ``;``: five tokens a clause instead of three.
    """

    chain_lengths: tuple[int, ...]
    n_names: int
    punctuation: bool

    n_classes = 2

    @classmethod
    def create(
        cls, chain_lengths: Sequence[int] = (12,), n_names: int = 26, punctuation: bool = True
    ) -> Lego:
        """Check the arguments and build the task.

        Raises:
            UsageError: naming the argument that is wrong.
        """
        if not chain_lengths or min(chain_lengths) < 1:
            raise bad_value("chain_lengths", list(chain_lengths), "one or more integers of at least 1")
        n_variables = sum(chain_lengths)
        if not n_variables <= n_names <= len(string.ascii_lowercase):
            raise bad_value("n_names", n_names, f"from the {n_variables} variables of a string to 26")
        return cls(tuple(chain_lengths), n_names, punctuation)

    @property
    def n_variables(self) -> int:
        """Variables of a string, V."""
        return sum(self.chain_lengths)

    @property
    def last(self) -> int:
        """The variable that single-label training predicts: the last of the first chain."""
        return self.chain_lengths[0] - 1

    @property
    def counting_accuracy(self) -> float:
        """Highest accuracy on `last` for whoever knows its own sign, but looks up no name.

        What is left are the values of the roots and the number of minus signs in the other clauses, of which
        the ones that count cannot be told apart. With one chain all of them count, and this is 1.
        """
        others, own = self.n_variables - len(self.chain_lengths) - 1, self.chain_lengths[0] - 2
        if own < 0:
            return 1.0
        # The roots and the number of minus signs are independent, and so their expected signs multiply.
        return 0.5 + _bias_of_a_root(len(self.chain_lengths)) * _bias_of_a_product(own, others) / 2

    @property
    def length(self) -> int:
        """Tokens of a string, L."""
        return self.n_variables * self.clause_length

    @property
    def clause_length(self) -> int:
        """Tokens of a clause."""
        return 5 if self.punctuation else 3

    @property
    def vocabulary_size(self) -> int:
        """Token ids in use."""
        return FIRST_NAME_ID + self.n_names

    def sample(self, seed: int, stream: Stream, index: npt.NDArray[np.integer[Any]]) -> LegoStrings:
        """Return the samples of the given numbers, shape (n,), in their order.

        Raises:
            UsageError: for a seed out of range, or where so few problems are possible that the stream is
                empty.
        """
        check_seed("seed", seed)
        shape = (len(index), self.n_variables)
        names, minus, places = (np.empty(shape, dtype=np.int64) for _ in range(3))
        complete = _draw(
            np.uint64(seed),
            np.uint64(stream_word(stream)),
            np.asarray(index, dtype=np.uint64),
            self._sources(),
            self.n_names,
            names,
            minus,
            places,
        )
        if not complete:
            raise UsageError(
                f"n_names: got {self.n_names} with chain_lengths {list(self.chain_lengths)}; allowed: sizes "
                f"with more problems, here the {stream} stream has none"
            )
        return LegoStrings(
            self._tokens(names, minus, places), places * self.clause_length, self._labels(minus)
        )

    def text(self, tokens: npt.NDArray[np.int64]) -> str:
        """Return one string (L,) as it is written, e.g. ``b=-a;a=+1;``."""
        letters = (*SYMBOLS, *string.ascii_lowercase)
        return "".join(letters[token] for token in tokens)

    def describe(self) -> dict[str, Any]:
        """Return what identifies the task, for manifests and hashes."""
        return {
            "task": "lego",
            "chain_lengths": list(self.chain_lengths),
            "n_names": self.n_names,
            "punctuation": self.punctuation,
            "generator_version": GENERATOR_VERSION,
            "partition_version": PARTITION_VERSION,
            "lego_version": LEGO_VERSION,
        }

    def fingerprint(self) -> str:
        """Return the SHA-256 of `describe`."""
        return hash_of_json(self.describe())

    def _sources(self) -> npt.NDArray[np.int64]:
        """Return for each variable the one it is assigned from; -1 for a root, which is assigned 1."""
        sources = np.arange(-1, self.n_variables - 1)
        sources[np.cumsum((0, *self.chain_lengths[:-1]))] = _NO_SOURCE
        return sources

    def _labels(self, minus: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        chains = np.split(minus, np.cumsum(self.chain_lengths)[:-1], axis=1)
        return 1 - np.concatenate([np.cumsum(chain, axis=1) % 2 for chain in chains], axis=1)

    def _tokens(
        self,
        names: npt.NDArray[np.int64],
        minus: npt.NDArray[np.int64],
        places: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.int64]:
        sources = self._sources()
        left = FIRST_NAME_ID + names
        right = np.where(sources == _NO_SOURCE, _ONE, left[:, sources])
        sign = np.where(minus == 1, _MINUS, _PLUS)
        equals, end = np.full_like(left, _EQUALS), np.full_like(left, _END)
        parts = (left, equals, sign, right, end) if self.punctuation else (left, sign, right)
        clauses = np.empty((*names.shape, self.clause_length), dtype=np.int64)
        np.put_along_axis(clauses, places[:, :, None], np.stack(parts, axis=-1), axis=1)
        return clauses.reshape(len(names), -1)


def _bias_of_a_root(n: int) -> float:
    """Return E|E[a root | the number of roots that are +1]|, of n fair ones."""
    return sum(math.comb(n, plus) * abs(2 * plus - n) for plus in range(n + 1)) / (n * math.pow(2, n))


def _bias_of_a_product(k: int, n: int) -> float:
    """Return E|E[product of k signs out of n | the number of minus signs among the n]|, of fair signs."""
    # Number of ways, even less odd, for k given signs to hold i of the m minus signs.
    excess = [
        sum((1 - i % 2 * 2) * math.comb(k, i) * math.comb(n - k, m - i) for i in range(m + 1))
        for m in range(n + 1)
    ]
    return sum(map(abs, excess)) / math.pow(2, n)


@njit(cache=True, nogil=True)
def _draw(
    seed: Any, word_3: Any, index: Any, sources: Any, n_names: Any, names: Any, minus: Any, places: Any
) -> Any:  # pragma: no cover - compiled
    """Fill names, signs and clause places (n, V); False if a sample found no problem of its stream.

    An attempt takes V words for the names (a partial Fisher-Yates shuffle), V - 1 for the order of clauses
    and one for the signs. A word u becomes an integer below m as u * m >> 32, off
    uniform by less than m / 2^32.
    """
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    n_variables = names.shape[1]
    n_blocks = (2 * n_variables + 3) // 4
    u = np.empty(4 * n_blocks, dtype=np.uint64)
    pool = np.empty(n_names, dtype=np.int64)
    own = word_3 & np.uint64(0xFF)
    for row in range(len(index)):
        found = False
        for attempt in range(MOST_ATTEMPTS):
            for block in range(n_blocks):
                u[4 * block], u[4 * block + 1], u[4 * block + 2], u[4 * block + 3] = philox(
                    index[row] & low,
                    index[row] >> half,
                    np.uint64(attempt * n_blocks + block),
                    word_3,
                    seed & low,
                    seed >> half,
                )
            for i in range(n_names):
                pool[i] = i
            for v in range(n_variables):
                other = v + np.int64((u[v] * np.uint64(n_names - v)) >> half)
                pool[v], pool[other] = pool[other], pool[v]
                names[row, v] = pool[v]
                minus[row, v] = np.int64((u[n_variables] >> np.uint64(v)) & np.uint64(1))
            digest = np.uint64(0)
            for v in range(n_variables):
                source = np.int64(0) if sources[v] < 0 else names[row, sources[v]] + 1
                # A sum does not depend on the order of clauses, and so not on that of chains.
                digest += mix(np.uint64((names[row, v] * 32 + source) * 2 + minus[row, v] + 1))
            if stream_of(digest) == own:
                found = True
                break
        if not found:
            return False
        for v in range(n_variables):
            places[row, v] = v
        for v in range(n_variables - 1):
            drawn = (u[n_variables + 1 + v] * np.uint64(n_variables - v)) >> half
            other = v + np.int64(drawn)
            places[row, v], places[row, other] = places[row, other], places[row, v]
    return True
