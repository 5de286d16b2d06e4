"""Time of a grid of distilled students, teacher's labels included, against the same grid trained with labels.

    python benchmarks/student_grid.py --json

Ten students (rates x seeds) of the laptop configuration see the same batches. Under a teacher of eight heads
the first of them computes its answers, the other nine read them from the cache. The cost of both grows with
the number of updates, so that a few hundred of them tell the ratio of a whole grid:

    cached / plain      ten distilled students that share one label cache
    uncached / plain    ten distilled students, each asking the teacher itself

The three grids take turns, student by student, so that the ratios hold on a busy machine as well.
"""

from __future__ import annotations

import argparse
import logging
import platform
import shutil
import statistics
import warnings
from typing import Any

import torch
from common import described, show
from lightning import Callback
from training_step import Setting

from lit_curriculum.callbacks import SwapTeacher
from lit_curriculum.distillation import OneShot


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Train the grids and return their seconds and ratios."""
    setting = Setting(options)
    setting.ours()  # imports and compiled samplers
    setting.uncached()
    rounds = []
    for _ in range(options.rounds):
        shutil.rmtree(setting.bank.parent / "labels", ignore_errors=True)
        seconds = dict.fromkeys(("plain", "cached", "uncached"), 0.0)
        for _ in range(options.students):
            for name in seconds:
                callbacks: list[Callback] = []
                if name != "plain":
                    callbacks = [SwapTeacher(str(setting.bank), OneShot(), label_cache=name == "cached")]
                seconds[name] += setting.ours(*callbacks) * options.steps
        rounds.append(seconds)
    return {
        "students": options.students,
        "heads": options.heads,
        "teacher_heads": options.teacher_heads,
        "batch_size": options.batch_size,
        "updates_a_student": options.steps,
        "rounds": options.rounds,
        "seconds": {n: round(statistics.median(r[n] for r in rounds), 2) for n in rounds[0]},
        "cached_over_plain": round(statistics.median(r["cached"] / r["plain"] for r in rounds), 3),
        "uncached_over_plain": round(statistics.median(r["uncached"] / r["plain"] for r in rounds), 3),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "machine": platform.machine(),
    }


def main() -> None:
    """Parse the arguments and print the result."""
    parser = described(__doc__)
    parser.add_argument("--students", type=int, default=10)
    parser.add_argument("--heads", type=int, default=1, help="of the students")
    parser.add_argument("--teacher-heads", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=200, help="updates of a student")
    parser.add_argument("--rounds", type=int, default=3)
    parser.set_defaults(whole=False, accelerator="cpu", precision="32-true")
    options = parser.parse_args()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    result = measure(options)
    show(result, options.json)


if __name__ == "__main__":
    main()
