"""Time of a step of many small students at once, their weights stacked, against their steps one by one.

    OMP_NUM_THREADS=1 python benchmarks/population.py --json

Students of one shape see the same batches, differ in their weights, and could share each operation: the
products become batched ones (``baddbmm`` over stacked matrices), the attention takes a population's strings
as one long row of strings, the optimizer updates stacked parameters. What that saves is the cost of calling
an operation; a student's arithmetic stays. Both contestants leave out padding and what nobody reads
(`models.packed_bert`), draw their batches, and use the same fused AdamW.

    singles / population    seconds of all students' steps one by one, over those of the population's step;
                            one optimizer for all, or every student its own, as different rates need

All take turns in short rounds; the clock is the process's own time, which others on the machine do not
use up. Before, the population's logits are compared with the students'.
"""

from __future__ import annotations

import argparse
import copy
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from common import described, show
from torch.nn import functional

from lit_curriculum.experiments.pcfg_bert import PCFGBert, PCFGData
from lit_curriculum.models import target_logits
from lit_curriculum.models.population import Population


def adam(parameters: Any) -> torch.optim.Optimizer:
    """Return the optimizer of a student or of all."""
    return torch.optim.AdamW(parameters, lr=3e-3, betas=(0.9, 0.95), weight_decay=0.0, fused=True)


class Contest:
    """One setting, its students, and the two ways to train them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.size = options.batch_size
        shared = {"num_steps": 1, "eval_every": 1, "eval_samples": 1, "batch_size": self.size}
        self.data = PCFGData(roots=options.roots, **shared)
        longest = self.data.task.grammar.max_length
        modules = [
            PCFGBert(heads=options.heads, max_length=longest, model_seed=seed)
            for seed in range(options.students)
        ]
        self.models = [module.model.train() for module in modules]
        self.population = Population([copy.deepcopy(model) for model in self.models])
        self.optimizers = [adam(model.parameters()) for model in self.models]
        self.stacked = adam(self.population.weights.values())
        self.each = [adam(model.parameters()) for model in self.population.models]

    def batch(self, step: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """Return a step's inputs and labels (M,)."""
        batch = self.data.draw("train", step * self.size, self.size)
        return batch["inputs"], batch["labels"].flatten()[batch["inputs"]["targets"]]

    def difference(self) -> float:
        """Return the largest difference between a student's logits alone and in the population."""
        inputs, _ = self.batch(0)
        with torch.no_grad():
            alone = torch.stack([target_logits(model, inputs) for model in self.models])
            return float((alone - self.population.logits(inputs)).abs().max())

    def singles(self, steps: int) -> None:
        """Train the students one by one."""
        for model, optimizer in zip(self.models, self.optimizers, strict=True):
            for step in range(steps):
                inputs, labels = self.batch(step)
                update(optimizer, functional.cross_entropy(target_logits(model, inputs), labels))

    def together(self, steps: int) -> None:
        """Train the population, one optimizer for all."""
        for step in range(steps):
            update(self.stacked, self.loss(step))

    def each_its_own(self, steps: int) -> None:
        """Train the population, every student with its own optimizer."""
        for step in range(steps):
            self.loss(step).backward()
            self.population.hand_out_gradients()
            for optimizer in self.each:
                optimizer.step()

    def loss(self, step: int) -> torch.Tensor:
        """Return the sum of the students' losses."""
        inputs, labels = self.batch(step)
        losses = [functional.cross_entropy(logits, labels) for logits in self.population.logits(inputs)]
        return torch.stack(losses).sum()


def update(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """Make an update."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def seconds(run: Callable[[int], None], steps: int) -> float:
    """Return this process's seconds a step."""
    began = time.process_time()
    run(steps)
    return (time.process_time() - began) / steps


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Let the two take turns."""
    contest = Contest(options)
    difference = contest.difference()
    ways = {
        "singles": contest.singles,
        "population": contest.together,
        "population_own_optimizers": contest.each_its_own,
    }
    for run in ways.values():
        run(1)
    rounds = [{way: seconds(run, options.steps) for way, run in ways.items()} for _ in range(options.rounds)]

    def ratio(way: str) -> float:
        return round(statistics.median(found["singles"] / found[way] for found in rounds), 3)

    return {
        "roots": options.roots,
        "students": options.students,
        "heads": options.heads,
        "batch_size": options.batch_size,
        "rounds": options.rounds,
        "steps_a_round": options.steps,
        "largest_difference_of_logits": difference,
        "milliseconds": {way: round(1000 * statistics.median(r[way] for r in rounds), 2) for way in ways},
        "singles_over_population": ratio("population"),
        "singles_over_population_own_optimizers": ratio("population_own_optimizers"),
        "ratios_of_rounds": [round(found["singles"] / found["population"], 3) for found in rounds],
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "machine": platform.machine(),
    }


def main() -> None:
    """Parse the arguments and print the result."""
    parser = described(__doc__)
    parser.add_argument("--students", type=int, default=10)
    parser.add_argument("--heads", type=int, default=1, help="of the students")
    parser.add_argument("--roots", type=int, nargs="+", default=[13, 14, 15])
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=3, help="updates a round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    result = measure(options)
    show(result, options.json)


if __name__ == "__main__":
    main()
