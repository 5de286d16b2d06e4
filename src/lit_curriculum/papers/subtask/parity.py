"""Runs and settings that the table and figures of bit-subset parity share (subtask, section 5.2 and G)."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lit_curriculum.papers.figure import Row, Scale
from lit_curriculum.runs.graph import Finished, Run
from lit_curriculum.runs.lab import Lab

WITH, WITHOUT = "with labels", "without"
BETTER, ALMOST_FLAWLESS = 0.6, 0.95
"""Accuracies at which the paper calls a model better than random, and almost flawless (Table 1, figure 4)."""


@dataclass(frozen=True)
class Cell:
    """One entry of Table 1: a task, and how long it is trained.

    Attributes:
        d: bits.
        method: `WITH` or `WITHOUT`.
        num_steps: updates.
        eval_every: updates between two evaluations; the paper's 1,000, in fast runs 10.
        warmup_steps: updates in which the rate rises; the paper's 1,000, in fast runs none.
        initializer_range: standard deviation of the initial weights; None for the configuration's.
        seeds: the seeds that are reported; None for those of the table.
        stop_after: evaluations in a row with every validation string right after which the run ends; None to
            train to the end.
    """

    d: int
    method: str
    num_steps: int
    eval_every: int
    warmup_steps: int = 0
    initializer_range: float | None = None
    seeds: tuple[int, ...] | None = None
    stop_after: int | None = None


@dataclass(frozen=True)
class Subsets:
    """What a scale sets.

    Attributes:
        configs: overlays of ``bit_subset_parity`` that give model and batch.
        cells: the entries of the table.
        typical: the entry whose trajectory figure 4 shows.
        rates: learning rates that are searched.
        decays: weight decays that are searched, each with each rate.
        seeds: data seeds that are reported; each is the model's seed as well.
        tuning_seeds: seeds that choose rate and decay.
        token_cost: relative cost of an update, a token that is read.
        trainer: settings of the Trainer, its callbacks among them.
    """

    configs: tuple[str, ...]
    cells: tuple[Cell, ...]
    typical: Cell
    rates: tuple[float, ...] = (1e-3,)
    decays: tuple[float, ...] = (0.0,)
    seeds: tuple[int, ...] = (0, 1, 2)
    tuning_seeds: tuple[int, ...] = (100, 101)
    token_cost: float = 1.0
    trainer: dict[str, Any] = field(default_factory=dict, hash=False)

    def of(self, method: str) -> list[Cell]:
        """Return a method's cells, d ascending."""
        return sorted((cell for cell in self.cells if cell.method == method), key=lambda cell: cell.d)

    def seeds_of(self, cell: Cell) -> tuple[int, ...]:
        """Return the seeds that are reported of a cell."""
        return self.seeds if cell.seeds is None else cell.seeds

    def run(self, cell: Cell, rate: float, decay: float, seed: int, report: bool = True) -> Run:
        """Return the run of a cell."""
        labels = cell.method == WITH
        length = 3 * cell.d // 2 - 2 if labels else cell.d
        model = {"max_length": length, "lr": rate, "weight_decay": decay, "warmup_steps": cell.warmup_steps}
        if cell.initializer_range is not None:
            model["initializer_range"] = cell.initializer_range
        settings: dict[str, Any] = {
            "model": {"init_args": {**model, "model_seed": seed}},
            "data": {
                "init_args": {
                    "d": cell.d,
                    "subtask_labels": labels,
                    "num_steps": cell.num_steps,
                    "eval_every": cell.eval_every,
                    "data_seed": seed,
                    # Rates are chosen on val; only reported runs look at test.
                    "eval_streams": ["val", "test"] if report else ["val"],
                }
            },
        }
        trainer = dict(self.trainer)
        if cell.stop_after is not None:
            trainer["callbacks"] = [stop_when_learned(1.0, cell.stop_after), *trainer.get("callbacks", [])]
        if trainer:
            settings["trainer"] = trainer
        cost = cell.num_steps * length * self.token_cost
        return Run("subsets", self.configs, settings, cost=cost)


def stop_when_learned(level: float, times: int) -> dict[str, Any]:
    """Return the callback that ends a run after so many evaluations in a row at a validation accuracy."""
    return {"class_path": "StopWhenLearned", "init_args": {"level": level, "times": times}}


def _cells(
    method: str, sizes: Iterable[tuple[int, int, int, int]], initializer_range: float | None = None
) -> tuple[Cell, ...]:
    return tuple(Cell(d, method, n, every, warm, initializer_range) for d, n, every, warm in sizes)


# Standard deviations of the initial weights were found on tuning seeds, out of 0.1, 0.2 and 0.3: with labels
# 0.1 does up to 16 bits and 32 need 0.2; without labels 0.3 learns several times sooner than 0.1. How long
# the two slowest entries take depends on the seed by a factor of three or more, so each ends once it has
# learned.
_LAPTOP = Subsets(
    configs=("bit_subset_parity",),
    cells=(
        *_cells(WITH, [(8, 400, 10, 0), (16, 1000, 25, 0)]),
        Cell(32, WITH, 6000, 200, initializer_range=0.2, stop_after=3),
        *_cells(WITHOUT, [(8, 300, 10, 0), (10, 1500, 25, 0)], 0.3),
        Cell(12, WITHOUT, 6000, 100, initializer_range=0.3, stop_after=3),
        *_cells(WITHOUT, [(16, 1000, 25, 0)], 0.3),
    ),
    typical=Cell(16, WITH, 1000, 25),
)

SETTINGS: dict[Scale, Subsets] = {
    "smoke": replace(
        _LAPTOP,
        configs=("bit_subset_parity", "smoke/bit_subset_parity"),
        cells=(*_cells(WITH, [(4, 20, 5, 0), (8, 20, 5, 0)]), *_cells(WITHOUT, [(8, 20, 5, 0)])),
        typical=Cell(8, WITH, 20, 5),
        seeds=(0,),
        tuning_seeds=(),
    ),
    "laptop": _LAPTOP,
    # Table 2. Runs that the paper counts in tens of steps are evaluated every 10 and have no warm-up; those
    # of 16 and 18 bits without labels go on to 300,000 and 2,000,000 steps (section 5.2, footnote 4).
    "paper": Subsets(
        configs=("bit_subset_parity", "paper/bit_subset_parity"),
        cells=(
            *_cells(WITH, [(8, 100_000, 10, 0), (16, 100_000, 10, 0), (32, 100_000, 10, 0)]),
            *_cells(WITH, [(64, 100_000, 1000, 1000), (128, 100_000, 1000, 1000)]),
            *_cells(WITHOUT, [(8, 100_000, 10, 0), (10, 100_000, 10, 0), (12, 100_000, 1000, 0)]),
            *_cells(WITHOUT, [(14, 100_000, 1000, 1000), (16, 300_000, 1000, 1000)]),
            *_cells(WITHOUT, [(18, 2_000_000, 1000, 1000), (32, 100_000, 1000, 1000)]),
            *_cells(WITHOUT, [(64, 100_000, 1000, 1000), (128, 100_000, 1000, 1000)]),
        ),
        typical=Cell(32, WITH, 100_000, 10),
        rates=(1e-6, 1e-5, 1e-4),
        decays=(0.0, 1e-6, 1e-4, 1e-2),
        seeds=(27, 67, 93),
        tuning_seeds=(100, 101, 102),
    ),
}


# --- runs -----------------------------------------------------------------------------------------------


def measure_cells(lab: Lab, setting: Subsets, cells: Sequence[Cell]) -> list[Row]:
    """Train every cell with every seed, and return what was evaluated."""
    chosen = _search(lab, setting, cells)
    jobs = [(cell, seed, *chosen[cell]) for cell in cells for seed in setting.seeds_of(cell)]
    finished = lab.fit([setting.run(cell, rate, decay, seed) for cell, seed, rate, decay in jobs])
    rows = []
    for run, (cell, seed, rate, decay) in zip(finished, jobs, strict=True):
        for quantity in ("val/accuracy", "test/accuracy", "test/forced_accuracy", "test/forced_errors"):
            for step, value in run.history(quantity):
                rows.append(_row(cell, seed, rate, decay, quantity, step, value))
    return rows


def _row(
    cell: Cell, seed: int, rate: float, decay: float, quantity: str, step: int, value: float
) -> dict[str, Any]:
    return {
        "method": cell.method,
        "d": cell.d,
        "seed": seed,
        "lr": rate,
        "weight_decay": decay,
        "quantity": quantity,
        "step": step,
        "value": value,
    }


def _search(lab: Lab, setting: Subsets, cells: Sequence[Cell]) -> dict[Cell, tuple[float, float]]:
    """Return each cell's rate and decay: least final validation loss, of equal ones the faster (G)."""
    grid = list(itertools.product(setting.rates, setting.decays))
    if len(grid) == 1:
        return dict.fromkeys(cells, grid[0])
    jobs = [(cell, pair, seed) for cell in cells for pair in grid for seed in setting.tuning_seeds]
    finished = lab.fit([setting.run(cell, *pair, seed, report=False) for cell, pair, seed in jobs])
    scores: dict[tuple[Cell, tuple[float, float]], list[tuple[float, float]]] = {}
    for run, (cell, pair, _) in zip(finished, jobs, strict=True):
        scores.setdefault((cell, pair), []).append(_score(run))
    return {
        cell: min(grid, key=lambda pair: tuple(map(statistics.fmean, zip(*scores[cell, pair], strict=True))))
        for cell in cells
    }


def _score(run: Finished) -> tuple[float, float]:
    """Return the final validation loss, rounded so that equally good runs tie, and the first better step."""
    return round(run.history("val/loss")[-1][1], 4), first_above(run.history("val/accuracy"), BETTER)


# --- from the rows alone ----------------------------------------------------------------------------------


def history(rows: Sequence[Row], cell: Cell, seed: int, quantity: str) -> list[tuple[int, float]]:
    """Return (step, value) of a run.

    Raises:
        ValueError: if the run is missing: a claim over every seed must not lose one.
    """
    wanted = (cell.method, cell.d, seed, quantity)
    found = [
        (row["step"], row["value"])
        for row in rows
        if (row["method"], row["d"], row["seed"], row["quantity"]) == wanted
    ]
    if not found:
        raise ValueError(f"data lack {quantity} of {cell.d} bits {cell.method}, seed {seed}")
    return sorted(found)


def first_above(curve: Sequence[tuple[int, float]], level: float, times: int = 1) -> float:
    """Return the first step from which on ``times`` evaluations in a row are above a level, or inf."""
    for i in range(len(curve) - times + 1):
        if all(value > level for _, value in curve[i : i + times]):
            return curve[i][0]
    return math.inf


def final_accuracies(rows: Sequence[Row], cell: Cell, seeds: Sequence[int]) -> list[float]:
    """Return each seed's decoded test accuracy after the last step."""
    return [history(rows, cell, seed, "test/accuracy")[-1][1] for seed in seeds]


def better_steps(rows: Sequence[Row], cell: Cell, seeds: Sequence[int], times: int = 1) -> list[float]:
    """Return each seed's first step better than random on validation, inf where it never is."""
    return [first_above(history(rows, cell, seed, "val/accuracy"), BETTER, times) for seed in seeds]
