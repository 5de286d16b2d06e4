"""Distil a causal language model from a folder of its own checkpoints: progressive against one-shot.

    python examples/causal_lm.py FOLDER TEXT_FILE

FOLDER holds checkpoint-1000/, checkpoint-2000/, ... as transformers' Trainer leaves them, with a tokenizer
in the last one. The student is the same architecture with half the heads and half the width.
"""

import sys
from pathlib import Path

import torch
from lightning import LightningModule, Trainer, seed_everything
from torch.utils.data import DataLoader
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

import lit_curriculum as lc

LENGTH, BATCH = 32, 8


class LanguageModel(lc.Distilled, LightningModule):
    def __init__(self, config: dict, lr: float = 1e-3) -> None:
        super().__init__()
        self.model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config))
        self.lr = lr

    def training_step(self, batch: dict, batch_idx: int) -> torch.Tensor:
        return self.distillation_loss(self.model(**self.inputs_of(batch)).logits, batch)

    def validation_step(self, batch: dict, batch_idx: int) -> None:
        logits = self.model(**self.inputs_of(batch)).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten())
        self.log("val/loss", loss)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=self.lr)


def half(config: dict) -> dict:
    """Return a configuration with half the heads and widths, whatever the architecture calls them."""
    names = ("n_embd", "n_head", "hidden_size", "num_attention_heads", "intermediate_size")
    return {**config, **{name: max(1, config[name] // 2) for name in names if config.get(name)}}


def samples(tokenizer: AutoTokenizer, text: str) -> tuple[list, list]:
    """Return windows of a text for training and for validation; the label of a token is the next one."""
    ids = torch.tensor(tokenizer(text)["input_ids"])
    windows = ids[: len(ids) // LENGTH * LENGTH].view(-1, LENGTH)
    if len(windows) < 10 * BATCH:
        sys.exit(
            f"{len(windows)} windows of {LENGTH} tokens are too few: a longer text, or no tokenizer here?"
        )
    labels = torch.cat([windows[:, 1:], torch.full((len(windows), 1), -100)], dim=1)
    rows = [{"input_ids": x, "labels": y} for x, y in zip(windows, labels, strict=True)]
    return rows[len(rows) // 10 :], rows[: len(rows) // 10]


def distil(bank: lc.CheckpointBank, tokenizer: AutoTokenizer, text: str, out: Path, steps: int) -> dict:
    """Return the student's validation loss (nats a token) after each way to be taught."""
    train, val = samples(tokenizer, text)
    ways = {"labels": [], "one-shot": [lc.SwapTeacher(bank, lc.OneShot(), tau=1.0)]}
    # Each checkpoint as long as every other, over the student's whole length.
    ways["progressive"] = [lc.SwapTeacher(bank, lc.EqualSplit(len(bank.steps)), tau=1.0)]
    losses = {}
    for name, callbacks in ways.items():
        seed_everything(0, verbose=False)
        student = LanguageModel(half(bank.model["init_args"]["config"]))
        quiet = {"logger": False, "enable_model_summary": False}
        trainer = Trainer(max_steps=steps, default_root_dir=out / name, callbacks=callbacks, **quiet)
        trainer.fit(student, DataLoader(train, BATCH, shuffle=True, drop_last=True), DataLoader(val, BATCH))
        losses[name] = float(trainer.validate(student, DataLoader(val, BATCH), verbose=False)[0]["val/loss"])
    return losses


if __name__ == "__main__":
    folder, text = Path(sys.argv[1]), Path(sys.argv[2]).read_text(encoding="utf-8")
    bank = lc.bank.from_folder(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder / f"checkpoint-{bank.final.step}")
    print(distil(bank, tokenizer, text, Path("runs/causal_lm"), steps=2000))
