"""Synthetic programs: one register, digits, arithmetic modulo ten (implicit, section 3.3).

The first statement assigns a digit; each later one is ``+=``, ``-=``, ``*=`` or ``//=`` with a digit, each
operator and each digit equally likely, never ``//= 0``. After every statement the register is taken modulo
ten, as Python does it. To be told is its value after the last statement, or after each.

A statement is two tokens. The 16 token ids are ten digits, five operators and [CLS].

Program i of a stream is f(seed, stream, i); no two streams share a program (`partition`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.files import hash_of_json
from lit_curriculum.tasks.counter import GENERATOR_VERSION, Stream, check_seed, philox, stream_word
from lit_curriculum.tasks.partition import MOST_ATTEMPTS, PARTITION_VERSION, mix, stream_of

PROGRAMS_VERSION = 1

OPERATORS = ("=", "+=", "-=", "*=", "//=")
FIRST_OPERATOR_ID = 10
CLS_ID = FIRST_OPERATOR_ID + len(OPERATORS)
VOCABULARY_SIZE = CLS_ID + 1


@dataclass(frozen=True)
class Programs:
    """The task and the samples of every stream.

    Attributes:
        n_statements: statements of a program, the first assignment included; the paper's 10.
    """

    n_statements: int

    n_classes = 10

    @classmethod
    def create(cls, n_statements: int = 10) -> Programs:
        """Check the argument and build the task.

        Raises:
            UsageError: for a number of statements below 2 or above 64.
        """
        if not 2 <= n_statements <= 64:
            raise bad_value("n_statements", n_statements, "an integer from 2 to 64")
        return cls(n_statements)

    def sample(
        self, seed: int, stream: Stream, start: int, count: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return samples ``start .. start + count - 1``.

        Returns:
            Token ids (count, 2 * n_statements), operator and digit in turn, and the register's value after
            each statement (count, n_statements), both int64.

        Raises:
            UsageError: for a seed out of range.
        """
        check_seed("seed", seed)
        tokens = np.empty((count, 2 * self.n_statements), dtype=np.int64)
        values = np.empty((count, self.n_statements), dtype=np.int64)
        if not _draw(np.uint64(seed), np.uint64(stream_word(stream)), np.uint64(start), tokens, values):
            raise UsageError(
                f"n_statements: got {self.n_statements}; allowed: more, the {stream} stream has no program"
            )
        return tokens, values

    def text(self, tokens: npt.NDArray[np.int64]) -> str:
        """Return one program (2 * n_statements,) as Python, e.g. ``x = 7; x -= 1``."""
        pairs = tokens.reshape(-1, 2)
        return "; ".join(f"x {OPERATORS[op - FIRST_OPERATOR_ID]} {digit}" for op, digit in pairs)

    def describe(self) -> dict[str, Any]:
        """Return what identifies the task, for manifests and hashes."""
        return {
            "task": "programs",
            "n_statements": self.n_statements,
            "generator_version": GENERATOR_VERSION,
            "partition_version": PARTITION_VERSION,
            "programs_version": PROGRAMS_VERSION,
        }

    def fingerprint(self) -> str:
        """Return the SHA-256 of `describe`."""
        return hash_of_json(self.describe())


@njit(cache=True, nogil=True)
def _draw(seed: Any, word_3: Any, start: Any, tokens: Any, values: Any) -> Any:  # pragma: no cover - compiled
    """Fill tokens (n, 2s) and values (n, s); False if a sample found no program of its stream.

    Statement t takes word t of its attempt: u * 40 >> 32 is four operators times ten digits. For ``//=``
    what is left over, which does not depend on the first, chooses among nine digits.
    """
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    n_statements = values.shape[1]
    n_blocks = (n_statements + 3) // 4
    u = np.empty(4 * n_blocks, dtype=np.uint64)
    own = word_3 & np.uint64(0xFF)
    for row in range(len(tokens)):
        index = start + np.uint64(row)
        found = False
        for attempt in range(MOST_ATTEMPTS):
            for block in range(n_blocks):
                u[4 * block], u[4 * block + 1], u[4 * block + 2], u[4 * block + 3] = philox(
                    index & low,
                    index >> half,
                    np.uint64(attempt * n_blocks + block),
                    word_3,
                    seed & low,
                    seed >> half,
                )
            digest = np.uint64(0)
            for t in range(n_statements):
                drawn = np.int64((u[t] * np.uint64(10 if t == 0 else 40)) >> half)
                operator, digit = drawn // 10, drawn % 10
                if t > 0:
                    operator += 1
                    if operator == 4:
                        digit = 1 + np.int64((((u[t] * np.uint64(40)) & low) * np.uint64(9)) >> half)
                tokens[row, 2 * t], tokens[row, 2 * t + 1] = 10 + operator, digit
                digest = mix(digest + np.uint64(operator * 10 + digit + 1))
            if stream_of(digest) == own:
                found = True
                break
        if not found:
            return False
        value = np.int64(0)
        for t in range(n_statements):
            value = _executed(value, tokens[row, 2 * t] - 10, tokens[row, 2 * t + 1])
            values[row, t] = value
    return True


@njit(cache=True, inline="always")
def _executed(value: Any, operator: Any, digit: Any) -> Any:  # pragma: no cover - compiled
    """Return the register, 0 to 9, after one statement."""
    if operator == 0:
        return digit
    if operator == 1:
        return (value + digit) % 10
    if operator == 2:
        return (value + 10 - digit) % 10
    if operator == 3:
        return value * digit % 10
    return value // digit
