"""Distil your own LightningModule: a narrow network on scikit-learn's digits, taught in three ways."""

import sys
from pathlib import Path

import torch
from lightning import LightningModule, Trainer, seed_everything
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

import lit_curriculum as lc


class Digits(lc.Distilled, LightningModule):
    def __init__(self, width: int, lr: float = 0.05) -> None:
        super().__init__()
        self.save_hyperparameters()  # tells a bank how the model was made
        layers = torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Linear(width, 10)
        self.net = torch.nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)

    def training_step(self, batch: list[torch.Tensor], batch_idx: int) -> torch.Tensor:
        return self.distillation_loss(self(batch[0]), batch)  # labels, or whoever teaches

    def validation_step(self, batch: list[torch.Tensor], batch_idx: int) -> None:
        self.log("val/accuracy", (self(batch[0]).argmax(-1) == batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)


def fit(folder: Path, width: int, callbacks: list, seed: int) -> float:
    seed_everything(seed, verbose=False)
    x, y = load_digits(return_X_y=True)
    data = TensorDataset(torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y))
    train, val = random_split(data, [1500, 297], torch.Generator().manual_seed(0))
    trainer = Trainer(max_epochs=12, default_root_dir=folder, callbacks=callbacks, logger=False)
    trainer.fit(Digits(width), DataLoader(train, 32, shuffle=True), DataLoader(val, 297))
    return float(trainer.callback_metrics["val/accuracy"])


def main(out: Path, seed: int = 0) -> dict[str, float]:
    fit(out / "teacher", 256, [lc.HarvestCheckpoints(every_n_steps=47)], seed)
    bank = out / "teacher" / "bank"
    one_shot, progressive = (lc.SwapTeacher(bank, how) for how in (lc.OneShot(), lc.Kappa(1.0)))
    ways = {"labels": [], "one-shot": [one_shot], "progressive": [progressive]}
    return {name: fit(out / name, 4, callbacks, seed) for name, callbacks in ways.items()}


if __name__ == "__main__":
    print(main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/digits")))
