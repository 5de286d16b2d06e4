"""A teacher's whole softmax in few bytes: what batch-1 students learn from, bit for bit.

At a low temperature nearly every answer has one class whose probability float32 rounds to 1 and others that
it rounds to 0. So a file keeps which probabilities are not 0, a bit each and compressed (one bit an answer of
two classes), and the numbers themselves only where an answer has several. At tau = 1 these are all.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lit_curriculum.distillation.label_files import blocks_of
from lit_curriculum.errors import bad_value
from lit_curriculum.finite import all_finite
from lit_curriculum.simd import VECTOR_BYTES

# Blocks of samples, samples, classes, bytes a number, bytes of the compressed bits, numbers.
_HEADER = struct.Struct("<6q")
_BITS = {4: np.int32, 8: np.int64}

ANSWERS_VERSION = 2
"""Of the code that computes logits, where it is this suite's own (`online_sgd.wide_answers`)."""

SPAN = 2**16
"""Samples of a file: a run that is killed computes so many answers again."""


@dataclass(frozen=True)
class ExactAnswers:
    """The answers to a block of consecutive samples.

    Attributes:
        probabilities: (n, C), float32 or float64, each as the softmax gave it.
        near_ties: how many were too close for a small tau to be argmax.
    """

    probabilities: torch.Tensor
    near_ties: int = 0

    @property
    def finite(self) -> bool:
        """Whether the logits were."""
        return all_finite([self.probabilities])

    def __len__(self) -> int:
        return len(self.probabilities)


class ExactLabels:
    """Whole softmaxes at any temperature, by the number of a block's first sample (`label_files.Codec`)."""

    span = SPAN

    @property
    def kind(self) -> Mapping[str, Any]:
        """See `Codec.kind`."""
        return {"labels": {"kind": "exact"}}

    def pack(self, known: Mapping[int, ExactAnswers]) -> bytes:
        """See `Codec.pack`.

        Raises:
            UsageError: for an answer of one class whose probability is not 1, as no softmax gives it.
        """
        indices = sorted(known)
        parts = [known[index] for index in indices]
        p = torch.cat([part.probabilities.cpu() for part in parts]).numpy()
        support = p.view(_BITS[p.itemsize]) != 0  # looked at as bits: a processor may take the tiniest for 0
        several = support.sum(1) != 1
        alone = p[~several].sum(1)
        if (alone != 1).any():
            raise bad_value("probability of an answer's only class", float(alone[alone != 1][0]), "1")
        bits = _compressed(np.packbits(support).tobytes())
        numbers = p[several][support[several]]
        per_part = [indices, [len(part) for part in parts], [part.near_ties for part in parts]]
        header = _HEADER.pack(len(parts), *p.shape, p.itemsize, len(bits), len(numbers))
        return header + np.array(per_part, dtype="<i8").tobytes() + bits + _little(numbers).tobytes()

    def unpack(self, body: bytes) -> dict[int, ExactAnswers] | None:
        """See `Codec.unpack`."""
        if len(body) < _HEADER.size:
            return None
        n_parts, rows, columns, width, n_bits, n_numbers = _HEADER.unpack_from(body)
        if width not in _BITS or columns < 1 or rows < 0:
            return None
        kinds, counts = ("<i8", "u1", f"<f{width}"), (3 * n_parts, n_bits, n_numbers)
        blocks = blocks_of(body, kinds, counts, _HEADER.size)
        support = None if blocks is None else _support(blocks[1].tobytes(), rows, columns)
        if blocks is None or support is None:
            return None
        indices, sizes, ties = blocks[0].reshape(3, -1).tolist()
        several = support & (support.sum(1) != 1)[:, None]
        if min(sizes, default=0) < 0 or sum(sizes) != rows or several.sum() != n_numbers:
            return None
        p = support.astype(blocks[2].dtype.newbyteorder("="))
        p[several] = blocks[2]
        parts = torch.split(torch.from_numpy(p), sizes)
        return {i: ExactAnswers(part, n) for i, part, n in zip(indices, parts, ties, strict=True)}


EXACT_LABELS = ExactLabels()


def arithmetic(device: torch.device) -> list[Any]:
    """Return what a softmax's last bits may depend on besides its inputs: processor, threads, whose code."""
    if device.type != "cpu":
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
        return [torch.__version__, name]
    capability = torch.backends.cpu.get_cpu_capability()
    return [torch.__version__, capability, torch.get_num_threads(), ANSWERS_VERSION, VECTOR_BYTES]


def _compressed(bits: bytes) -> bytes:
    # Which class answers is random: no longer pattern comes again but runs of one byte, where all are soft.
    packer = zlib.compressobj(strategy=zlib.Z_RLE)
    return packer.compress(bits) + packer.flush()


def _support(compressed: bytes, rows: int, columns: int) -> npt.NDArray[np.bool_] | None:
    """Return which probabilities (rows, columns) are not 0, or None if the bytes do not say so."""
    wanted = (rows * columns + 7) // 8
    opened = zlib.decompressobj()
    try:
        bits = opened.decompress(compressed, min(wanted, 2**62) + 1)
    except zlib.error:
        return None
    if len(bits) != wanted or not opened.eof or opened.unused_data:
        return None
    return np.unpackbits(np.frombuffer(bits, np.uint8), count=rows * columns).reshape(rows, -1).astype(bool)


def _little(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return numbers.astype(numbers.dtype.newbyteorder("<"))
