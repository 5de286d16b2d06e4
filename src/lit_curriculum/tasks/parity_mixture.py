"""Mixtures of a Sum and a Parity task over one hidden subset (implicit, sections 2.1 and 3.1).

x is uniform on {-1, +1}^n. With probability p a sample asks for the sum of the k in-support bits, otherwise
for their parity, the product. The two tasks share the support, which the learner does not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from lit_curriculum.errors import bad_value
from lit_curriculum.files import hash_of_json
from lit_curriculum.tasks.counter import GENERATOR_VERSION, Stream, check_seed, random_words
from lit_curriculum.tasks.sparse_parity import SparseParity

Bits = npt.NDArray[np.float32]
SumOf = Literal["support", "others"]


@dataclass(frozen=True)
class ParityMixture:
    """The task and the samples of every stream.

    Attributes:
        n: bits.
        support: sorted, 0-based coordinates that are summed or multiplied; k of them.
        p: probability of a Sum sample.
        sum_support: coordinates that are summed; as a control those that Parity does not read.
    """

    n: int
    support: tuple[int, ...]
    p: float
    sum_support: tuple[int, ...]

    @property
    def k(self) -> int:
        """Size of the support."""
        return len(self.support)

    @classmethod
    def create(
        cls,
        n: int,
        p: float,
        k: int | None = None,
        support: Sequence[int] | None = None,
        support_seed: int | None = None,
        sum_of: SumOf = "support",
    ) -> ParityMixture:
        """Check the arguments and build the task.

        Args:
            n: bits, at least 2.
            p: probability of a Sum sample, from 0 (Parity alone) to 1 (Sum alone).
            k: size of the support; the paper's n / 2 unless given.
            support: k distinct coordinates; default the first k.
            support_seed: draw the support from this seed instead; excludes ``support``.
            sum_of: ``support``, as the paper; or ``others``, a control: the first k bits outside of it.

        Raises:
            UsageError: naming the argument that is wrong.
        """
        if n < 2:
            raise bad_value("n", n, "an integer of at least 2")
        if not 0 <= p <= 1:
            raise bad_value("p", p, "a probability from 0 to 1")
        k = n // 2 if k is None else k
        if not 1 <= k < n:
            raise bad_value("k", k, f"1 <= k < n, here n = {n}")
        if sum_of not in get_args(SumOf):
            raise bad_value("sum_of", sum_of, ", ".join(get_args(SumOf)))
        if sum_of == "others" and 2 * k > n:
            raise bad_value("k", k, f"at most n / 2 with sum_of: others, here n = {n}")
        found = SparseParity.create(n, k, support, support_seed).support
        others = tuple(bit for bit in range(n) if bit not in found)[:k]
        return cls(n, found, p, found if sum_of == "support" else others)

    def sample(self, seed: int, stream: Stream, start: int, count: int) -> tuple[Bits, npt.NDArray[np.bool_]]:
        """Return samples ``start .. start + count - 1``: x (count, n), and which ask for the sum.

        The points are those of `SparseParity` with the same seed: the task is drawn apart from them, so
        mixtures that differ in p see the same points.
        """
        check_seed("seed", seed)
        words = random_words(seed, stream, start, count, -(-self.n // 32))
        bits = (words[:, :, None] >> np.arange(32, dtype=np.uint32) & 1).reshape(count, -1)[:, : self.n]
        choice = random_words(seed, stream, start, count, 1, "choice")[:, 0]
        return 2 * bits.astype(np.float32) - 1, choice < round(self.p * 2**32)

    def sums(self, x: Bits) -> Bits:
        """Return the sum of the bits that are summed (count,), from -k to k; section 3.1 divides it by n."""
        total: Bits = x[:, list(self.sum_support)].sum(axis=1)
        return total

    def parities(self, x: Bits) -> Bits:
        """Return the product of the in-support bits (count,), -1 or +1."""
        product: Bits = x[:, list(self.support)].prod(axis=1)
        return product

    def tokens(self, x: Bits, is_sum: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Return the sequences of section 3.1, (count, 2n) over {0, 1}: token 1 is +1, token 0 is -1.

        The first n tokens are one-hot, at the first place for Sum and at the second for Parity; then x.
        """
        tokens = np.zeros((len(x), 2 * self.n), dtype=np.int64)
        tokens[np.arange(len(x)), np.where(is_sum, 0, 1)] = 1
        tokens[:, self.n :] = x > 0
        return tokens

    def describe(self) -> dict[str, Any]:
        """Return what identifies the task, for manifests and hashes."""
        described = {
            "task": "parity_mixture",
            "n": self.n,
            "support": list(self.support),
            "p": self.p,
            "generator_version": GENERATOR_VERSION,
        }
        if self.sum_support != self.support:
            described["sum_support"] = list(self.sum_support)
        return described

    def fingerprint(self) -> str:
        """Return the SHA-256 of `describe`."""
        return hash_of_json(self.describe())
