"""Runs and settings of the Elman network's figure (subtask, sections 3 to 5, appendices C and D)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lit_curriculum.papers.figure import Row, Scale
from lit_curriculum.papers.subtask.parity import WITH, WITHOUT, Cell
from lit_curriculum.runs.graph import Run
from lit_curriculum.runs.lab import Lab

ROUNDED_SGD, WORST_SGD = "algorithm 2, rounded", "algorithm 2, worst"
ROUNDED_GD, WORST_GD = "algorithm 3, rounded", "algorithm 3, worst"
ADAM = "Adam"
VARIANTS = (ROUNDED_SGD, WORST_SGD, ROUNDED_GD, WORST_GD, ADAM)
QUANTITIES = ("val/loss", "val/accuracy", "test/accuracy", "test/forced_errors")


@dataclass(frozen=True)
class Elman:
    """What a scale sets.

    Attributes:
        smoke: whether the smoke overlays are added.
        width: hidden units m.
        cells: algorithm 1 with and without labels, and one cell for each of `VARIANTS`.
        lr: rate of algorithms 1 and 2; population_lr: of algorithm 3; adam_lr: of Adam.
        lr_of: rate of algorithms 1 and 2 with labels, by number of bits, where it is not ``lr``.
        sigma: precision of algorithm 2, rounded or worst.
        population_sigma: precision of algorithm 3, rounded.
        worst_population_sigma: of its worst approximation, which turns round every entry below sigma; the
            population's gradient has more of them than a string's.
        adam_batch: strings of an update by Adam.
        seeds: data seeds that are reported; each is the model's seed as well.
        tuning_seeds: seeds on which the settings were found.
    """

    smoke: bool
    width: int
    cells: tuple[Cell, ...]
    lr: float = 0.005
    lr_of: Mapping[int, float] = field(default_factory=dict, hash=False)
    population_lr: float = 0.2
    adam_lr: float = 0.003
    sigma: float = 0.001
    population_sigma: float = 0.001
    worst_population_sigma: float = 0.0002
    adam_batch: int = 32
    seeds: tuple[int, ...] = (0, 1, 2)
    tuning_seeds: tuple[int, ...] = (100, 101, 102)

    def of(self, method: str) -> list[Cell]:
        """Return a method's cells, d ascending."""
        return sorted((cell for cell in self.cells if cell.method == method), key=lambda cell: cell.d)

    def run(self, cell: Cell, seed: int) -> Run:
        """Return the run of a cell."""
        model, data = self._method(cell)
        given: dict[str, Any] = {
            "d": cell.d,
            "subtask_labels": cell.method != WITHOUT,
            "num_steps": cell.num_steps,
            "eval_every": cell.eval_every,
            "data_seed": seed,
            **data,
        }
        settings = {
            "model": {"init_args": {"width": self.width, "model_seed": seed, **model}},
            "data": {"init_args": given},
        }
        name = "elman_population" if "optimizer" in model else "elman"
        configs = (name, f"smoke/{name}") if self.smoke else (name,)
        strings = 2**cell.d if given.get("population") else given.get("batch_size") or 1
        return Run("elman", configs, settings, cost=cell.num_steps * cell.d * strings)

    def _method(self, cell: Cell) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what a method sets of the model and of the data."""
        kind = "sign" if cell.method in (WORST_SGD, WORST_GD) else "grid"
        if cell.method in (ROUNDED_GD, WORST_GD):
            sigma = self.worst_population_sigma if cell.method == WORST_GD else self.population_sigma
            model = {"optimizer": "sgd", "lr": self.population_lr, "sigma": sigma}
            return {**model, "precision": kind}, {"population": True}
        if cell.method == ADAM:
            model = {"optimizer": "adam", "lr": self.adam_lr, "sigma": 0.0}
            return model, {"population": False, "batch_size": self.adam_batch}
        sigma = self.sigma if cell.method in (ROUNDED_SGD, WORST_SGD) else 0.0
        calls = min(cell.eval_every, 500)
        lr = self.lr if cell.method == WITHOUT else self.lr_of.get(cell.d, self.lr)
        return {"lr": lr, "sigma": sigma, "precision": kind}, {"steps_per_call": calls}


_LAPTOP = Elman(
    smoke=False,
    width=128,
    cells=(
        Cell(8, WITH, 60_000, 2_000),
        Cell(16, WITH, 160_000, 4_000),
        Cell(12, WITHOUT, 200_000, 4_000),
        Cell(14, WITHOUT, 300_000, 4_000),
        Cell(16, WITHOUT, 3_000_000, 10_000),
        Cell(8, ROUNDED_SGD, 60_000, 2_000),
        Cell(8, WORST_SGD, 60_000, 2_000),
        Cell(8, ROUNDED_GD, 1_000, 25),
        Cell(8, WORST_GD, 1_000, 25),
        Cell(8, ADAM, 1_000, 50),
    ),
    # At 0.01 one run of 16 bits diverged; at 0.005 one of 8 bits stayed wrong on two of the strings held out.
    lr_of={8: 0.03},
)

SETTINGS: dict[Scale, Elman] = {
    "smoke": replace(
        _LAPTOP,
        smoke=True,
        width=8,
        cells=(
            Cell(4, WITH, 20, 5),
            Cell(8, WITH, 20, 5),
            Cell(4, WITHOUT, 20, 5),
            Cell(6, WITHOUT, 20, 5),
            Cell(8, WITHOUT, 20, 5),
            *(Cell(4, method, 10, 5) for method in VARIANTS),
        ),
        seeds=(0,),
        tuning_seeds=(),
    ),
    "laptop": _LAPTOP,
    # The paper proves and does not train this network: wider, longer, with one size more.
    "paper": replace(
        _LAPTOP,
        width=512,
        cells=(
            Cell(8, WITH, 50_000, 500),
            Cell(16, WITH, 200_000, 2_000),
            Cell(32, WITH, 1_000_000, 10_000),
            Cell(10, WITHOUT, 50_000, 500),
            Cell(12, WITHOUT, 200_000, 2_000),
            Cell(14, WITHOUT, 1_000_000, 5_000),
            Cell(16, WITHOUT, 5_000_000, 20_000),
            *(Cell(8, method, 50_000, 500) for method in (ROUNDED_SGD, WORST_SGD)),
            *(Cell(8, method, 2_000, 20) for method in (ROUNDED_GD, WORST_GD, ADAM)),
        ),
        sigma=0.00025,
        population_sigma=0.00025,
        worst_population_sigma=0.00005,
        lr_of={},  # found at width 128
    ),
}


def measure_elman(lab: Lab, setting: Elman) -> list[Row]:
    """Train every cell with every seed, and return what was evaluated."""
    jobs = [(cell, seed) for cell in setting.cells for seed in setting.seeds]
    finished = lab.fit([setting.run(cell, seed) for cell, seed in jobs])
    return [
        row_of(cell, seed, quantity, step, value)
        for run, (cell, seed) in zip(finished, jobs, strict=True)
        for quantity in QUANTITIES
        for step, value in run.history(quantity)
    ]


def row_of(cell: Cell, seed: int, quantity: str, step: int, value: float) -> Row:
    """Return one row of data.csv."""
    return {
        "method": cell.method,
        "d": cell.d,
        "seed": seed,
        "quantity": quantity,
        "step": step,
        "value": value,
    }


def cell_of(cells: Sequence[Cell], method: str, d: int) -> Cell:
    """Return the cell of a method and a size."""
    return next(cell for cell in cells if (cell.method, cell.d) == (method, d))
