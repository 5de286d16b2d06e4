"""Time of a student's step on a teacher's cached k likeliest classes against a step on labels.

    python benchmarks/top_k.py --json

A step is a head's forward and backward with its loss; M rows of width H, V classes.

    top_k / labels     `top_k_divergence` of cached answers, against torch's cross-entropy
    chunked / labels   the same loss from hidden states by chunks of rows, without whole logits
    reading / labels   reading a batch of answers from the cache (a file has 64); part of the two above

Contestants take turns, and the median of the rounds' ratios counts, so that it holds on a busy machine.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any

import torch
from common import described, show
from torch.nn.functional import cross_entropy

from lit_curriculum.distillation import LabelCache
from lit_curriculum.distillation.chunked import Head
from lit_curriculum.distillation.label_files import CHUNK, TopKLabels
from lit_curriculum.distillation.top_k import TopK, chunked_top_k, top_k_answers, top_k_divergence


def seconds(loss_of: Callable[[], torch.Tensor], parameters: list[torch.Tensor], device: str) -> float:
    """Return how long a forward and backward takes, the device's queue emptied at both ends."""
    for parameter in parameters:
        parameter.grad = None
    if device == "cuda":
        torch.cuda.synchronize()
    began = time.perf_counter()
    loss_of().backward()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def reading(answers: TopK, k: int) -> float:
    """Return the seconds that reading a batch's answers from the cache takes, a file's share included."""
    with TemporaryDirectory() as folder:
        shelves = [LabelCache(folder).shelf_for(TopKLabels(k), "t" * 64, {}) for _ in range(2)]
        for index in range(CHUNK):
            shelves[0].put(index, answers)
        shelves[0].flush()
        began = time.perf_counter()
        for index in range(CHUNK):
            assert shelves[1].get(index) is not None
        return (time.perf_counter() - began) / CHUNK


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Return the report."""
    torch.manual_seed(0)
    made = {"device": given.device}
    hidden = torch.randn(given.rows, given.width, requires_grad=True, **made)
    head = torch.nn.Linear(given.width, given.classes, **made)
    labels = torch.randint(given.classes, (given.rows,), **made)
    answers = top_k_answers(3 * torch.randn(given.rows, given.classes, **made), given.tau, given.k)
    contestants: dict[str, Callable[[], torch.Tensor]] = {
        "labels": lambda: cross_entropy(head(hidden), labels),
        "top_k": lambda: top_k_divergence(answers, head(hidden)).mean(),
        "chunked": lambda: chunked_top_k(answers, Head(hidden, head.weight, head.bias)),
    }
    parameters = [hidden, *head.parameters()]
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(given.rounds + 1):
        for name, loss_of in contestants.items():
            took = seconds(loss_of, parameters, given.device)
            if turn:  # the first warms up
                times[name].append(took)
    read = statistics.median(reading(answers, given.k) for _ in range(5))
    report: dict[str, Any] = {
        **{name: getattr(given, name) for name in ("rows", "width", "classes", "k", "tau", "device")},
        "machine": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "labels_ms": round(1e3 * statistics.median(times["labels"]), 1),
    }
    for name in ("top_k", "chunked"):
        ratios = [(a + read) / b for a, b in zip(times[name], times["labels"], strict=True)]
        report[f"{name} / labels"] = round(statistics.median(ratios), 2)
    report["reading / labels"] = round(read / statistics.median(times["labels"]), 4)
    return report


def main() -> None:
    """Measure and print a table or JSON."""
    parser = described(__doc__)
    for name, default in (("rows", 512), ("width", 128), ("classes", 30_522), ("k", 64), ("rounds", 15)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--tau", type=float, default=1.0)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    given = parser.parse_args()
    report = measure(given)
    show(report, given.json)


if __name__ == "__main__":
    main()
