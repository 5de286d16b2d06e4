"""Time and memory of a divergence by chunks of rows against whole logits, forward and backward.

    python benchmarks/chunked_kl.py --json
    python benchmarks/chunked_kl.py --rows 2000 --classes 8192

KL(teacher || student) from hidden states and heads; the teacher's width is 1.5 times the student's.

    chunked / direct       seconds, contestants taking turns in their own processes, the median of the rounds'
                           ratios, so that it holds on a busy machine
    memory                 the most resident memory that a process gains, in units of one tensor of logits
    difference             of the two losses, absolute

Without ``--most-gb`` free for it, the direct way (some seven tensors of logits) is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from common import described, show

from lit_curriculum.distillation.chunked import Head, chunked_kl
from lit_curriculum.distillation.targets import kl_to_student, teacher_probabilities

WAYS = ("direct", "chunked")
DIRECT_TENSORS = 7
"""Most tensors of logits that the direct way holds at a time, and one to spare."""


def direct_kl(student: Head, teacher: Head) -> torch.Tensor:
    """Return what `chunked_kl` does, from whole logits."""
    with torch.no_grad():
        targets = teacher_probabilities(teacher.hidden @ teacher.weight.T + teacher.bias, 1.0)
    return kl_to_student(targets, torch.addmm(student.bias, student.hidden, student.weight.T)).mean()


def made(rows: int, width: int, classes: int) -> Head:
    """Return a head of random numbers that wants gradients."""
    hidden, weight, bias = (torch.randn(shape) for shape in ((rows, width), (classes, width), (classes,)))
    return Head(*(part.requires_grad_() for part in (hidden, weight * width**-0.5, bias)))


def memory(name: str) -> int:
    """Return this process's resident bytes: VmRSS now, VmHWM at most since it began."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))


def measure(way: str, rows: int, classes: int, width: int) -> dict[str, float]:
    """Return the loss, seconds and gained bytes of one forward and backward in this process."""
    loss_of = direct_kl if way == "direct" else chunked_kl
    torch.manual_seed(0)
    loss_of(made(64, 8, 64), made(64, 8, 64)).backward()  # what is loaded or allocated once
    student, teacher = made(rows, width, classes), made(rows, width * 3 // 2, classes)
    before = memory("VmRSS")
    began = time.perf_counter()
    loss = loss_of(student, teacher)
    loss.backward()
    seconds = time.perf_counter() - began
    return {"loss": float(loss), "seconds": seconds, "bytes": memory("VmHWM") - before}


def in_a_process(way: str, given: argparse.Namespace) -> dict[str, float]:
    """Return `measure` of a fresh process: the most that a process held never falls again."""
    options = [f"--{name}={getattr(given, name)}" for name in ("rows", "classes", "width")]
    command = [sys.executable, __file__, *options, f"--one={way}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def compare(given: argparse.Namespace) -> dict[str, Any]:
    """Return the report of both ways, or of the chunked one where memory is short."""
    logits = 4 * given.rows * given.classes
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    fits = DIRECT_TENSORS * logits < min(free, given.most_gb * 1e9)
    ways = WAYS if fits else WAYS[1:]
    rounds = [{way: in_a_process(way, given) for way in ways} for _ in range(given.rounds)]

    def median(way: str, name: str) -> float:
        return statistics.median(turn[way][name] for turn in rounds)

    report: dict[str, Any] = {
        **{name: getattr(given, name) for name in ("rows", "classes", "width", "rounds")},
        "machine": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "logits_mb": round(logits / 1e6),
    }
    for way in ways:
        report[f"{way}_seconds"] = round(median(way, "seconds"), 2)
        report[f"{way}_memory"] = round(median(way, "bytes") / logits, 3)
    if fits:
        ratios = [turn["chunked"]["seconds"] / turn["direct"]["seconds"] for turn in rounds]
        report["chunked / direct"] = round(statistics.median(ratios), 2)
        report["difference"] = max(abs(turn["chunked"]["loss"] - turn["direct"]["loss"]) for turn in rounds)
    return report


def main() -> None:
    """Measure and print a table or JSON."""
    parser = described(__doc__)
    for name, default in (("rows", 10_000), ("classes", 30_522), ("width", 256), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--most-gb", type=float, default=10.0)
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one, given.rows, given.classes, given.width)))
        return
    report = compare(given)
    show(report, given.json)


if __name__ == "__main__":
    main()
