"""Time of a step of MuonAdamW against AdamW's, and where it goes, on the shipped laptop configurations.

    python benchmarks/muon_step.py --json

For each of lego and programs, within one run on the same machine:

    muon / adamw      a whole step (forward, backward, update) with either optimizer
    update            the share of Muon's step that is the update
    ours / torch's    the update of the layers' matrices by BatchedMuon and by torch.optim.Muon

Each pair takes turns in short rounds, and the median of the rounds' ratios counts, so that the ratios hold on
a busy machine as well.
"""

from __future__ import annotations

import platform
import statistics
import time
from functools import partial
from typing import Any

import torch
import yaml
from common import described, show

from lit_curriculum.experiments.lego import LegoBert, LegoData
from lit_curriculum.experiments.programs import ProgramsBert, ProgramsData
from lit_curriculum.runs.configs import shipped
from lit_curriculum.training.muon import BatchedMuon, MuonAdamW, hidden_matrices

OPTIMIZERS: dict[str, Any] = {"muon": MuonAdamW, "adamw": torch.optim.AdamW}
KINDS: dict[str, tuple[Any, Any]] = {"lego": (LegoBert, LegoData), "programs": (ProgramsBert, ProgramsData)}


class Contestant:
    """A model, its optimizer and one batch."""

    def __init__(self, kind: str, optimizer: str) -> None:
        module, data = KINDS[kind]
        resolved = yaml.safe_load(shipped(kind).read_text())
        arguments = {k: v for k, v in resolved["model"]["init_args"].items() if k != "lr_scheduler"}
        settings = arguments["optimizer"]["init_args"]
        self.module = module(**arguments | {"optimizer": partial(OPTIMIZERS[optimizer], **settings)})
        source = data(**resolved["data"]["init_args"])
        self.batch = {**source.draw("train", 0, source.batch_size), "index": 0}
        self.optimizer = self.module.make_optimizer()

    def step(self) -> tuple[float, float]:
        """Make one step; return the seconds of it, and those of the update alone."""
        began = time.perf_counter()
        loss, _ = self.module.batch_loss(self.batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        updating = time.perf_counter()
        self.optimizer.step()
        ended = time.perf_counter()
        return ended - began, ended - updating


def updates_ratio(kind: str, rounds: int, steps: int) -> float:
    """Return the time of our update of the layers' matrices over that of torch's, on the same gradients."""
    contestant = Contestant(kind, "muon")
    contestant.step()
    matrices = hidden_matrices(contestant.module.model.named_parameters())[0]
    both = [
        BatchedMuon(matrices, lr=0.0),
        torch.optim.Muon(matrices, lr=0.0, adjust_lr_fn="match_rms_adamw"),
    ]
    ratios = []
    for _ in range(rounds):
        taken = []
        for optimizer in both:
            began = time.perf_counter()
            for _ in range(steps):
                optimizer.step()
            taken.append(time.perf_counter() - began)
        ratios.append(taken[0] / taken[1])
    return statistics.median(ratios)


def measure(kind: str, rounds: int, steps: int) -> dict[str, float]:
    """Return the ratios and the shares of one configuration."""
    contestants = [Contestant(kind, name) for name in ("muon", "adamw")]
    for contestant in contestants:
        contestant.step()
    ratios, shares, seconds = [], [], []
    for _ in range(rounds):
        sums = []
        for contestant in contestants:
            whole, update = (
                sum(part) for part in zip(*(contestant.step() for _ in range(steps)), strict=True)
            )
            sums.append((whole, update))
        (muon, update), (adamw, _) = sums
        ratios.append(muon / adamw)
        shares.append(update / muon)
        seconds.append(muon / steps)
    return {
        "muon / adamw": round(statistics.median(ratios), 2),
        "update / muon's step": round(statistics.median(shares), 2),
        "ours / torch's": round(updates_ratio(kind, rounds, steps), 2),
        "muon_ms": round(1e3 * statistics.median(seconds), 1),
    }


def main() -> None:
    """Measure both and print a table or JSON."""
    parser = described(__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=5, help="steps of a round")
    options = parser.parse_args()
    found: dict[str, Any] = {kind: measure(kind, options.rounds, options.steps) for kind in KINDS}
    found["machine"] = {
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    show(found, options.json)


if __name__ == "__main__":
    main()
