"""Time of ten batch-1 students of one teacher that share its answers, against one that asks it itself.

    python benchmarks/online_labels.py --json
    python benchmarks/online_labels.py --bank runs/sparse_parity_mlp/bank --d 50 --k 4 --checkpoint 30000

Every student has the published shape: width 100, d = 100, one-shot under a teacher of width 50,000 at
tau = 1e-4. Both the teacher's answers and a student's own updates cost so much a sample, so that some ten
thousand samples tell the ratio of 20M. From a cold cache:

    ten / one       seconds of ten students that share the label cache, the teacher's answers among them, in
                    times of those of one student without a cache
    cached / one    the same for one student whose answers are all there

    cached / plain  a student whose answers are all there in times of one that learns from labels

and the bytes that a million answers take. The teacher is untrained unless a bank is given: its answers are
nearer to ties than a trained one's, and take more bytes. Seconds are the processor's, on one thread, which
other processes on the machine stretch less; students with and without a cache take turns.
"""

from __future__ import annotations

import argparse
import logging
import platform
import statistics
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from common import described, show
from lightning import Callback, Trainer

from lit_curriculum.callbacks import SwapTeacher
from lit_curriculum.distillation import BankWriter, CheckpointBank, Explicit
from lit_curriculum.experiments.sparse_parity import SparseParityData, SparseParityMLP
from lit_curriculum.models import build, describe


class Clock(Callback):
    """Times training from its second Lightning batch on: the first compiles, and opens files.

    A run of n + 1 batches so counts n; the labels of the first are kept like all others.
    """

    def __init__(self) -> None:
        self.cpu = self.wall = 0.0
        self._began = (0.0, 0.0)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, index: int) -> None:
        """Begin after the first batch, note the time after every other."""
        now = (time.process_time(), time.perf_counter())
        if index == 0:
            self._began = now
        self.cpu, self.wall = now[0] - self._began[0], now[1] - self._began[1]

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Count the writing of the last labels, too: this callback comes after `SwapTeacher`."""
        self.cpu = time.process_time() - self._began[0]
        self.wall = time.perf_counter() - self._began[1]


class Setting:
    """A teacher's bank, and students of it."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options, self.folder = options, folder
        self.bank = Path(options.bank) if options.bank else self._untrained()
        self.steps = options.samples + options.call
        opened = CheckpointBank.open(self.bank)
        self.checkpoint = opened.final.step if options.checkpoint is None else options.checkpoint
        self.labels = self.bank.parent / "labels"

    def _untrained(self) -> Path:
        model = {"d": self.options.d, "width": self.options.teacher_width, "n_classes": 2}
        teacher = build({"name": "mlp", "init_args": model}, seed=9)
        bank = self.folder / "teacher" / "bank"
        BankWriter(bank, describe(teacher), self._data().describe_task()).add(1, 1, teacher.state_dict())
        return bank

    def _data(self, steps: int | None = None) -> SparseParityData:
        shape = {"d": self.options.d, "k": self.options.k, "num_steps": steps or self.options.call}
        calls = {"eval_every": self.options.call, "steps_per_call": self.options.call}
        return SparseParityData(**shape, **calls, data_seed=1000)

    def student(self, seed: int, cached: bool | None) -> Clock:
        """Train a student, its rate one of the three that a figure searches; return its clock.

        Args:
            seed: of the weights.
            cached: whether it uses the cache; None for one that learns from labels.
        """
        clock = Clock()
        callbacks: list[Callback] = [clock]
        if cached is not None:
            swap = SwapTeacher(str(self.bank), Explicit([self.checkpoint], [1]), label_cache=cached)
            callbacks.insert(0, swap)
        trainer = Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=1,
            logger=False,
            # A student at paper scale is evaluated once in 100,000 samples.
            limit_val_batches=0,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=callbacks,
            default_root_dir=str(self.folder),
        )
        rate = (1e-2, 5e-3, 1e-3)[seed % 3]
        model = SparseParityMLP(self.options.d, self.options.width, lr=rate, model_seed=seed)
        trainer.fit(model, datamodule=self._data(self.steps))
        return clock

    def bytes_of_labels(self) -> int:
        """Return what the files of all answers take."""
        return sum(path.stat().st_size for path in self.labels.rglob("*.labels"))


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Train the students and return their seconds and ratios."""
    setting = Setting(options, folder)
    already = setting.bytes_of_labels()
    setting.student(0, cached=False)  # imports, compiled loops
    # Those without a cache are as many as are affordable, spread evenly among the others.
    alone, shared, plain = [], [], []
    for seed in range(options.students):
        if seed % max(1, options.students // options.alone) == 0 and len(alone) < options.alone:
            alone.append(setting.student(seed, cached=False))
        shared.append(setting.student(seed, cached=True))
        plain.append(setting.student(seed, cached=None))
    one, warm, labels = (
        statistics.median(clock.cpu for clock in clocks) for clocks in (alone, shared[1:] or shared, plain)
    )
    one_wall = statistics.median(clock.wall for clock in alone)
    return {
        "teacher_width": options.teacher_width,
        "width": options.width,
        "d": options.d,
        "students": options.students,
        "samples": options.samples,
        "us_a_sample": {
            "uncached": round(1e6 * one / options.samples, 2),
            "first": round(1e6 * shared[0].cpu / options.samples, 2),
            "cached": round(1e6 * warm / options.samples, 2),
            "plain": round(1e6 * labels / options.samples, 2),
        },
        "all_over_one": round(sum(clock.cpu for clock in shared) / one, 3),
        "all_over_one_by_the_clock": round(sum(clock.wall for clock in shared) / one_wall, 3),
        "cached_over_one": round(warm / one, 4),
        "cached_over_plain": round(warm / labels, 3),
        "bytes_per_million_answers": round((setting.bytes_of_labels() - already) / setting.steps * 1e6),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "machine": platform.machine(),
    }


def main() -> None:
    """Parse the arguments and print the result."""
    parser = described(__doc__)
    parser.add_argument("--students", type=int, default=10)
    parser.add_argument("--alone", type=int, default=3, help="students without a cache")
    parser.add_argument("--width", type=int, default=100, help="of the students")
    parser.add_argument("--teacher-width", type=int, default=50_000)
    parser.add_argument("--d", type=int, default=100)
    parser.add_argument("--k", type=int, default=6)
    parser.add_argument("--samples", type=int, default=20_000, help="of a student, a multiple of --call")
    parser.add_argument("--call", type=int, default=10_000, help="samples of a Lightning batch")
    parser.add_argument("--bank", help="of a trained teacher, which learned the same d and k")
    parser.add_argument("--checkpoint", type=int, help="its step in the bank; default the last")
    options = parser.parse_args()
    torch.set_num_threads(1)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as folder:
        result = measure(options, Path(folder))
    show(result, options.json)


if __name__ == "__main__":
    main()
