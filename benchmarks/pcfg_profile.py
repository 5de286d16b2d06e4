"""Where the time of a training step of PCFG-BERT goes, padded and packed, and what a teacher's answers cost.

    OMP_NUM_THREADS=1 python benchmarks/pcfg_profile.py --heads 2 --json
    OMP_NUM_THREADS=1 python benchmarks/pcfg_profile.py --roots 16 17 18 --heads 2 --json

A bare loop is taken apart by a stopwatch around each part of the forward pass, around the backward pass, and
around the optimizer. A step under Lightning stands beside a bare one without stopwatch, both packed. All take
turns in short rounds, and medians count. With one thread the clock is this process's own time.

``parts`` are shares of a bare step of the same way; ``attention`` includes its four projections and, packed,
the layout of the batch. ``teacher_over_step`` is one teacher's answer to a batch over a bare step.
"""

from __future__ import annotations

import argparse
import logging
import platform
import statistics
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from common import described, show
from torch.nn import functional
from training_step import LR, SCHEDULE, Setting, now

from lit_curriculum.distillation import Teacher
from lit_curriculum.models import packed_bert, target_logits

PARTS = ("drawing", "embedding", "attention", "mlp", "head", "loss", "backward", "optimizer")


class Stopwatch(Counter[str]):
    """Seconds by name."""

    @contextmanager
    def at(self, name: str) -> Iterator[None]:
        """Add the time of a block."""
        began = now()
        yield
        self[name] += now() - began

    def around(self, owner: Any, attribute: str, name: str) -> None:
        """Add the time of every call of an attribute from now on."""
        inside: Callable[..., Any] = getattr(owner, attribute)

        def timed(*arguments: Any, **options: Any) -> Any:
            with self.at(name):
                return inside(*arguments, **options)

        setattr(owner, attribute, timed)


class Student:
    """A bare loop that is timed part by part."""

    def __init__(self, setting: Setting, packs: bool) -> None:
        self.size, self.data, self.watch = setting.options.batch_size, setting.data(), Stopwatch()
        self.model = setting.module().model.train()
        self.model.packs = packs
        bert = self.model.bert_for_masked_lm.bert
        for layer in bert.encoder.layer:
            # Packed, the activation is another one: see `measure`.
            inner = layer.intermediate.dense if packs else layer.intermediate
            self.watch.around(inner, "forward", "mlp")
            self.watch.around(layer.output, "forward", "mlp")
        self.watch.around(self.model, "head", "head")
        self.watch.around(bert.embeddings, "forward", "embedding")
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=LR, fused=True)
        self.schedule = SCHEDULE(self.optimizer, num_steps=setting.total)

    def step(self, number: int) -> None:
        """Make an update."""
        watch = self.watch
        with watch.at("drawing"):
            batch = self.data.draw("train", number * self.size, self.size)
        inputs = batch["inputs"]
        with watch.at("forward"):
            logits = target_logits(self.model, inputs)
        with watch.at("loss"):
            labels = batch["labels"].flatten().index_select(0, inputs["targets"])
            loss = functional.cross_entropy(logits, labels)
        with watch.at("backward"):
            loss.backward()
        with watch.at("optimizer"):
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.schedule.step()

    def round(self, steps: int) -> dict[str, float]:
        """Return seconds a step by part, and of the whole."""
        self.watch.clear()
        began = now()
        for number in range(steps):
            self.step(number)
        found = {name: seconds / steps for name, seconds in self.watch.items()}
        found["step"] = (now() - began) / steps
        found["attention"] = found.pop("forward") - sum(found[part] for part in ("embedding", "mlp", "head"))
        return found


def answering(setting: Setting, packs: bool) -> Callable[[], float]:
    """Return what measures a teacher's seconds for a batch."""
    model = setting.module(setting.options.teacher_heads).model.eval()
    model.packs = packs
    teacher, data, size = Teacher(model, 1e-4), setting.data(), setting.options.batch_size

    def run() -> float:
        batches = [data.draw("train", step * size, size)["inputs"] for step in range(setting.steps)]
        began = now()
        for step, inputs in enumerate(batches):
            teacher.targets(inputs, data.task.grammar.vocabulary_size, step)
        return (now() - began) / setting.steps

    return run


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return shares of a step, padded and packed."""
    setting = Setting(options)
    ways = {"padded": False, "packed": True}
    # One function for all models; its time is counted by whoever runs.
    students = {way: Student(setting, packs) for way, packs in ways.items()}
    students["packed"].watch.around(packed_bert, "_embedded", "embedding")
    students["packed"].watch.around(packed_bert, "gelu", "mlp")
    students["packed"].watch.around(packed_bert, "_head", "head")
    teachers = {way: answering(setting, packs) for way, packs in ways.items()}
    rounds: list[dict[str, Any]] = []
    for _ in range(options.rounds + 1):
        found: dict[str, Any] = {way: student.round(setting.steps) for way, student in students.items()}
        found |= {f"teacher_{way}": teacher() for way, teacher in teachers.items()}
        # The loop without a stopwatch, which Lightning's has not either.
        found |= {"bare": setting.bare(at_targets=True, packs=True), "lightning": setting.ours()}
        rounds.append(found)
    del rounds[0]  # compiled functions

    def median(of: Callable[[dict[str, Any]], float]) -> float:
        return round(statistics.median(map(of, rounds)), 3)

    return {
        "roots": setting.roots,
        "heads": options.heads,
        "teacher_heads": options.teacher_heads,
        "batch_size": options.batch_size,
        "rounds": options.rounds,
        "steps_a_round": options.steps,
        "milliseconds_a_step": {way: median(lambda r, w=way: 1000 * r[w]["step"]) for way in ways},
        "parts": {
            way: {part: median(lambda r, w=way, p=part: r[w][p] / r[w]["step"]) for part in PARTS}
            for way in ways
        },
        "padded_over_packed": median(lambda r: r["padded"]["step"] / r["packed"]["step"]),
        "lightning_over_bare_packed": median(lambda r: r["lightning"] / r["bare"]),
        "teacher_over_step": {way: median(lambda r, w=way: r[f"teacher_{w}"] / r[w]["step"]) for way in ways},
        "teacher_padded_over_packed": median(lambda r: r["teacher_padded"] / r["teacher_packed"]),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "machine": platform.machine(),
    }


def main() -> None:
    """Parse the arguments and print the result."""
    parser = described(__doc__)
    parser.add_argument("--heads", type=int, default=2, help="of the model that is timed")
    parser.add_argument("--teacher-heads", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument(
        "--roots", type=int, nargs="+", help="begin strings at these symbols; default 13 14 15"
    )
    parser.add_argument("--steps", type=int, default=10, help="steps a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.set_defaults(model="pcfg_bert", whole=False, accelerator="cpu", precision="32-true")
    options = parser.parse_args()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    result = measure(options)
    show(result, options.json)


if __name__ == "__main__":
    main()
