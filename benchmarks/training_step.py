"""Time of a training step against a bare PyTorch loop and transformers' Trainer, and of a distilled step.

    python benchmarks/training_step.py --json
    python benchmarks/training_step.py --model sparse_parity_gpt2 --heads 8 --batch-size 64 --json
    python benchmarks/training_step.py --roots 16 17 18 --batch-size 32 --compile --bf16 --json
    python benchmarks/training_step.py --whole --heads 32 --batch-size 512 --accelerator gpu

Comparisons, each within one run on the same machine:

    ours / bare       our module under Lightning against a loop that draws the same batches, computes the
                      same loss and makes the same updates with nothing around it
    ours / Trainer    the same against transformers' Trainer with its own collation of the same batches
    warm / plain      a student with every label in the cache against one that learns from labels

The first two are with the same kernels: transformers' forward pass of the padded batch. The bare loop comes
in two forms, with the prediction head at all positions, as the Trainer has it, and at the predicted ones
alone, as ours has it (``bare_at_targets``). What is gained beyond that stands apart, as the Trainer's seconds
for a token over ours:

    padded      the same kernels
    packed      `models.packed_bert`: no padding, the last layer at the predicted tokens
    compiled    torch.compile of the padded forward pass (--compile), the compiling not counted
    bf16        bfloat16 autocast of the padded forward pass (--bf16)

The Trainer needs the package accelerate, which nothing else here does; without it its ratios are null.

Contestants take turns in short rounds, and the median of the rounds' ratios counts. With one thread on the
processor the clock is this process's own time, so that the ratios hold on a busy machine as well.
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from common import described
from lightning import Callback, Trainer
from torch.nn import functional

from lit_curriculum.callbacks import SwapTeacher
from lit_curriculum.distillation import BankWriter, OneShot
from lit_curriculum.experiments.pcfg_bert import PCFGBert, PCFGData
from lit_curriculum.experiments.pcfg_gpt2 import PCFGGPT, PCFGBoundaryData
from lit_curriculum.experiments.sparse_parity_gpt2 import SparseParityGPT, SparseParityTokens
from lit_curriculum.models import describe, target_logits
from lit_curriculum.training.base_data import CurriculumData
from lit_curriculum.training.learning_rate import WarmupDecay
from lit_curriculum.training.minibatch import MinibatchModule

LR, BETAS, WARMUP = 3e-3, (0.9, 0.95), 0.06
ROOTS = {"pcfg_bert": [13, 14, 15], "pcfg_gpt2": [16, 17, 18]}
SCHEDULE = partial(WarmupDecay, warmup_ratio=WARMUP)


class Clock(Callback):
    """Times the updates from the first to the last, the device's queue emptied at both ends."""

    def __init__(self, skip: int) -> None:
        self.skip, self.seconds, self.steps, self._began = skip, 0.0, 0, 0.0

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *args: Any) -> None:
        """Start after the warm-up; stop after every later batch."""
        # The module counts the update after its callbacks have heard of the batch.
        done = pl_module.step + 1
        if done < self.skip:
            return
        _drain()
        if done == self.skip:
            self._began = now()
        self.seconds, self.steps = now() - self._began, done - self.skip


def now() -> float:
    """Return seconds: of this process alone where one thread does all the work."""
    alone = torch.get_num_threads() == 1 and not torch.cuda.is_available()
    return time.process_time() if alone else time.perf_counter()


def _drain() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


class Setting:
    """One model and stream of batches, and the ways to train on it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.steps, self.skip = options.steps, 3
        self.total = self.steps + self.skip
        self.options = options
        self.folder = tempfile.TemporaryDirectory()
        self.bank = Path(self.folder.name) / "teacher" / "bank"
        teacher = self.module(options.teacher_heads, model_seed=9)
        writer = BankWriter(self.bank, describe(teacher.model), self.data().describe_task())
        writer.add(1, 1, teacher.model.state_dict())

    def data(self) -> CurriculumData:
        """Return the stream."""
        shared = {
            "num_steps": self.total,
            "batch_size": self.options.batch_size,
            "eval_every": self.total,
            "eval_samples": 1,
        }
        roots = self.roots
        return {
            "pcfg_bert": lambda: PCFGData(roots=roots, **shared),
            "pcfg_gpt2": lambda: PCFGBoundaryData(roots=roots, **shared),
            "sparse_parity_gpt2": lambda: SparseParityTokens(d=20, k=4, **shared),
        }[self.options.model]()

    @property
    def roots(self) -> list[int] | None:
        """Where the strings begin; None for whole ones."""
        given = getattr(self.options, "roots", None)
        return None if self.options.whole else given or ROOTS.get(self.options.model)

    def longest(self) -> int:
        """Return the most tokens of a string."""
        return int(self.data().task.grammar.max_length)  # type: ignore[attr-defined]

    def module(self, heads: int | None = None, model_seed: int = 0, **options: Any) -> MinibatchModule:
        """Return the student, or a network of other heads."""
        optimizer = partial(torch.optim.AdamW, lr=LR, betas=BETAS, weight_decay=0.0, fused=True)
        shared = {
            "heads": heads or self.options.heads,
            "optimizer": optimizer,
            "lr_scheduler": SCHEDULE,
            "model_seed": model_seed,
        }
        return {
            "pcfg_bert": lambda: PCFGBert(max_length=self.longest(), **shared, **options),
            "pcfg_gpt2": lambda: PCFGGPT(max_length=self.longest(), **shared),
            "sparse_parity_gpt2": lambda: SparseParityGPT(d=20, **shared),
        }[self.options.model]()

    def ours(self, *callbacks: Callback, packs: bool = True, precision: str = "", **options: Any) -> float:
        """Return seconds a step under Lightning."""
        clock = Clock(self.skip)
        trainer = Trainer(
            accelerator=self.options.accelerator,
            devices=1,
            precision=precision or self.options.precision,
            max_epochs=1,
            logger=False,
            limit_val_batches=0,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[clock, *callbacks],
            default_root_dir=self.folder.name,
        )
        module = self.module(**options)
        module.model.packs = packs
        trainer.fit(module, datamodule=self.data())
        assert clock.steps == self.steps
        return clock.seconds / self.steps

    def distilled(self) -> float:
        """Return seconds a step with a teacher whose labels are cached, once they are."""
        return self.ours(SwapTeacher(str(self.bank), OneShot()))

    def uncached(self) -> float:
        """Return seconds a step with a teacher that answers every batch."""
        return self.ours(SwapTeacher(str(self.bank), OneShot(), label_cache=False))

    def bare(self, at_targets: bool = False, packs: bool = False) -> float:
        """Return seconds a step of a plain loop."""
        device = torch.device("cuda" if self._on_gpu else "cpu")
        model = self.module().model.to(device).train()
        model.packs = packs
        optimizer = torch.optim.AdamW(model.parameters(), lr=LR, betas=BETAS, weight_decay=0.0, fused=True)
        schedule = SCHEDULE(optimizer, num_steps=self.total)
        data, began = self.data(), 0.0
        size = self.options.batch_size
        for step in range(self.total):
            if step == self.skip:
                _drain()
                began = now()
            batch = data.draw("train", step * size, size)
            inputs = batch["inputs"]
            arguments = [inputs] if isinstance(inputs, torch.Tensor) else [inputs["input_ids"]]
            if self.options.model == "pcfg_bert":
                arguments.append(inputs["attention_mask"])
            labels = batch["labels"].to(device).flatten()
            with torch.autocast(device.type, torch.bfloat16, enabled=self.options.precision != "32-true"):
                if at_targets:
                    moved = {name: tensor.to(device) for name, tensor in inputs.items()}
                    logits, labels = target_logits(model, moved), labels[moved["targets"]]
                else:
                    logits = model(*(tensor.to(device) for tensor in arguments))
            loss = functional.cross_entropy(logits.flatten(0, -2).float(), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        _drain()
        return (now() - began) / self.steps

    def hf_trainer(self) -> float:
        """Return seconds a step of transformers' Trainer on the same batches."""
        import transformers

        transformers.logging.set_verbosity_error()
        setting, data, size = self, self.data(), self.options.batch_size

        class Steps(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
            def __len__(self) -> int:
                return setting.total

            def __getitem__(self, step: int) -> dict[str, torch.Tensor]:
                batch = data.draw("train", step * size, size)
                inputs = {k: batch["inputs"][k] for k in ("input_ids", "attention_mask")}
                return {**inputs, "labels": batch["labels"]}

        class Watch(transformers.TrainerCallback):
            began = seconds = 0.0

            def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                if state.global_step >= setting.skip:
                    _drain()
                if state.global_step == setting.skip:
                    self.began = now()
                self.seconds = now() - self.began

        watch = Watch()
        arguments = transformers.TrainingArguments(
            output_dir=self.folder.name,
            max_steps=self.total,
            per_device_train_batch_size=1,
            learning_rate=LR,
            adam_beta1=BETAS[0],
            adam_beta2=BETAS[1],
            weight_decay=0.0,
            lr_scheduler_type="cosine",
            warmup_steps=round(WARMUP * self.total),
            max_grad_norm=0.0,
            bf16=self.options.precision != "32-true",
            use_cpu=not self._on_gpu,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        trainer = transformers.Trainer(
            self.module().model.bert_for_masked_lm,
            arguments,
            train_dataset=Steps(),
            data_collator=lambda batches: batches[0],
            callbacks=[watch],
        )
        trainer.remove_callback(transformers.trainer_callback.PrinterCallback)
        trainer.train()
        return watch.seconds / self.steps

    @property
    def _on_gpu(self) -> bool:
        return self.options.accelerator in ("gpu", "cuda")


def contestants_of(setting: Setting) -> dict[str, Callable[[], float]]:
    """Return the ways to train that are measured, by name."""
    options = setting.options
    found: dict[str, Callable[[], float]] = {"bare": setting.bare, "ours": setting.ours}
    if options.model == "pcfg_bert":
        found["bare_at_targets"] = partial(setting.bare, at_targets=True)
        found["padded"] = partial(setting.ours, packs=False)
        if options.compile:
            found["compiled"] = partial(setting.ours, packs=False, compile=True)
        if options.bf16:
            found["bf16"] = partial(setting.ours, packs=False, precision="bf16-mixed")
        if find_spec("accelerate"):
            found["hf_trainer"] = setting.hf_trainer
    found |= {"distilled_warm": setting.distilled, "distilled_uncached": setting.uncached}
    return {name: run for name, run in found.items() if not options.only or name in options.only}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run all contestants in turns and return seconds a step and ratios."""
    setting = Setting(options)
    contestants = contestants_of(setting)
    for run in contestants.values():
        run()  # imports, compiled samplers, and the labels of every batch
    rounds = [{name: run() for name, run in contestants.items()} for _ in range(options.rounds)]

    def ratio(a: str, b: str) -> float | None:
        if not {a, b} <= contestants.keys():
            return None
        return round(statistics.median(seconds[a] / seconds[b] for seconds in rounds), 3)

    same = "padded" if "padded" in contestants else "ours"
    beyond = {"padded": "padded", "packed": "ours", "compiled": "compiled", "bf16": "bf16"}
    return {
        "model": options.model,
        "heads": options.heads,
        "teacher_heads": options.teacher_heads,
        "batch_size": options.batch_size,
        "roots": setting.roots,
        "precision": options.precision,
        "rounds": options.rounds,
        "steps_a_round": options.steps,
        "milliseconds_a_step": {
            name: round(1000 * statistics.median(seconds[name] for seconds in rounds), 2)
            for name in contestants
        },
        "ours_over_bare": ratio(same, "bare"),
        "ours_over_bare_at_targets": ratio(same, "bare_at_targets"),
        "ours_over_hf_trainer": ratio(same, "hf_trainer"),
        "packed_over_padded": ratio("ours", "padded"),
        "compiled_over_padded": ratio("compiled", "padded"),
        "tokens_a_second_over_hf_trainer": {n: ratio("hf_trainer", c) for n, c in beyond.items()},
        "distilled_warm_over_plain": ratio("distilled_warm", "ours"),
        "distilled_uncached_over_plain": ratio("distilled_uncached", "ours"),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "machine": platform.machine(),
    }


def main() -> None:
    """Parse the arguments and print the result."""
    parser = described(__doc__)
    parser.add_argument(
        "--model", default="pcfg_bert", choices=("pcfg_bert", "pcfg_gpt2", "sparse_parity_gpt2")
    )
    parser.add_argument("--heads", type=int, default=2, help="of the model that is timed")
    parser.add_argument("--teacher-heads", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--whole", action="store_true", help="whole strings of the grammar")
    parser.add_argument("--roots", type=int, nargs="+", help="begin strings at these symbols instead")
    parser.add_argument("--compile", action="store_true", help="measure torch.compile as well")
    parser.add_argument("--bf16", action="store_true", help="measure bfloat16 autocast as well")
    parser.add_argument("--accelerator", default="cpu", choices=("cpu", "gpu"))
    parser.add_argument("--precision", default="32-true", choices=("32-true", "bf16-mixed"))
    parser.add_argument("--only", nargs="+", help="of what milliseconds_a_step names")
    parser.add_argument("--steps", type=int, default=30, help="steps a round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    result = measure(options)
    if options.json:
        print(json.dumps(result, indent=1))
        return
    for key, value in result.items():
        print(f"{key}: {value}")


if __name__ == "__main__":
    main()
