"""Time of a step of many small students at once, their weights stacked, against their steps one by one.

    OMP_NUM_THREADS=1 python benchmarks/population.py --json

Students of one shape see the same batches, differ in their weights, and could share each operation: the
products become batched ones (``baddbmm`` over stacked matrices), the attention takes a population's strings
as one long row of strings, the optimizer updates stacked parameters. What that saves is the cost of calling
an operation; a student's arithmetic stays. Both contestants leave out padding and what nobody reads
(`models.packed_bert`), draw their batches, and use the same fused AdamW.

    singles / population    seconds of all students' steps one by one, over those of the population's step

The two take turns in short rounds; the clock is the process's own time, which others on the machine do not
use up. Before, the population's logits are compared with the students'.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from lit_curriculum.experiments.pcfg_bert import PCFGBert, PCFGData
from lit_curriculum.models import target_logits
from lit_curriculum.models.packed_bert import Packing
from lit_curriculum.models.ragged_attention import RaggedAttention

Stacked = dict[str, torch.Tensor]
"""Parameters by name, those of P students in the first dimension."""


class Population:
    """The students' weights stacked, and their forward pass."""

    def __init__(self, models: list[nn.Module], heads: int, layers: int) -> None:
        stacked, _ = torch.func.stack_module_state(models)
        cut = len("bert_for_masked_lm.")
        self.weights: Stacked = {name[cut:]: value for name, value in stacked.items()}
        self.count, self.heads, self.layers = len(models), heads, layers
        self.eps = models[0].bert_for_masked_lm.config.layer_norm_eps

    def logits(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return logits (P, M, V)."""
        pack = Packing.of(inputs["attention_mask"].numpy(), inputs["targets"].numpy())
        hidden = self._embedded(inputs["input_ids"], pack)
        targets = torch.from_numpy(pack.targets)
        for layer in range(self.layers):
            last = layer == self.layers - 1
            asking = hidden.index_select(1, targets) if last else hidden
            places = (self._repeated(pack.queries if last else pack.keys), self._repeated(pack.keys))
            hidden = self._layer(f"bert.encoder.layer.{layer}.", asking, hidden, places)
        head = "cls.predictions.transform."
        hidden = self._norm(head + "LayerNorm", functional.gelu(self._linear(head + "dense", hidden)))
        bias, matrix = (
            self.weights["cls.predictions.bias"],
            self.weights["bert.embeddings.word_embeddings.weight"],
        )
        return torch.baddbmm(bias[:, None], hidden, matrix.transpose(1, 2))

    def _embedded(self, ids: torch.Tensor, pack: Packing) -> torch.Tensor:
        tokens = ids.flatten()[torch.from_numpy(pack.tokens)]
        places = torch.from_numpy(pack.tokens % ids.shape[1])
        names = ("word_embeddings", "position_embeddings", "token_type_embeddings")
        word, place, segment = (self.weights[f"bert.embeddings.{name}.weight"] for name in names)
        return self._norm(
            "bert.embeddings.LayerNorm",
            word.index_select(1, tokens) + (place + segment).index_select(1, places),
        )

    def _layer(
        self, name: str, asking: torch.Tensor, hidden: torch.Tensor, places: tuple[Any, Any]
    ) -> torch.Tensor:
        own = name + "attention.self."
        pair = torch.cat([self._linear(own + part, hidden) for part in ("key", "value")], -1)
        query = self._linear(own + "query", asking)
        flat = (query.flatten(0, 1), pair.flatten(0, 1), *places, np.zeros(0, np.float32), self.heads)
        seen = RaggedAttention.apply(*flat).view_as(query)
        attended = self._linear(name + "attention.output.dense", seen)
        attended = self._norm(name + "attention.output.LayerNorm", attended + asking)
        inner = functional.gelu(self._linear(name + "intermediate.dense", attended))
        return self._norm(name + "output.LayerNorm", self._linear(name + "output.dense", inner) + attended)

    def _linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self.weights[name + ".weight"], self.weights[name + ".bias"]
        return torch.baddbmm(bias[:, None], x, weight.transpose(1, 2))

    def _norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        normed = functional.layer_norm(x, x.shape[-1:], eps=self.eps)
        weight, bias = self.weights[name + ".weight"], self.weights[name + ".bias"]
        return torch.addcmul(bias[:, None], normed, weight[:, None])

    def _repeated(self, starts: np.ndarray) -> np.ndarray:
        """Return where each string of each student begins, and the end."""
        shifts = np.arange(self.count)[:, None] * starts[-1]
        return np.append((starts[:-1] + shifts).reshape(-1), self.count * starts[-1])


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
        self.population = Population(self.models, options.heads, 4)
        self.optimizers = [adam(model.parameters()) for model in self.models]
        self.optimizer = adam(self.population.weights.values())

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
        """Train the population."""
        for step in range(steps):
            inputs, labels = self.batch(step)
            losses = [functional.cross_entropy(logits, labels) for logits in self.population.logits(inputs)]
            update(self.optimizer, torch.stack(losses).sum())


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
    contest.singles(1)
    contest.together(1)
    rounds = [
        (seconds(contest.singles, options.steps), seconds(contest.together, options.steps))
        for _ in range(options.rounds)
    ]
    return {
        "roots": options.roots,
        "students": options.students,
        "heads": options.heads,
        "batch_size": options.batch_size,
        "rounds": options.rounds,
        "steps_a_round": options.steps,
        "largest_difference_of_logits": difference,
        "milliseconds": {
            "singles": round(1000 * statistics.median(a for a, _ in rounds), 2),
            "population": round(1000 * statistics.median(b for _, b in rounds), 2),
        },
        "singles_over_population": round(statistics.median(a / b for a, b in rounds), 3),
        "ratios_of_rounds": [round(a / b, 3) for a, b in rounds],
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "machine": platform.machine(),
    }


def main() -> None:
    """Parse the arguments and print the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--students", type=int, default=10)
    parser.add_argument("--heads", type=int, default=1, help="of the students")
    parser.add_argument("--roots", type=int, nargs="+", default=[13, 14, 15])
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=3, help="updates a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    result = measure(options)
    for_people = "\n".join(f"{key}: {value}" for key, value in result.items())
    print(json.dumps(result, indent=1) if options.json else for_people)


if __name__ == "__main__":
    main()
