"""Log the correlation of the model's prediction with low-degree monomials while it trains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.states import TrainerFn

from lit_curriculum.callbacks.metric_moved import MetricMoved
from lit_curriculum.callbacks.tensorboard import show_scalars, writers
from lit_curriculum.distillation.targets import at_least_single
from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.probes.evaluating import evaluating
from lit_curriculum.probes.monomials import (
    MonomialSums,
    Sums,
    add_up,
    grouped_sets,
    summarise,
    sums_of_batches,
)
from lit_curriculum.reading import read_table
from lit_curriculum.tables import StepTable
from lit_curriculum.tasks.hierarchical_parity import HierarchicalParity
from lit_curriculum.tasks.hypercube import every_point
from lit_curriculum.tasks.sparse_parity import SparseParity
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.base_data import CurriculumData
from lit_curriculum.training.guest import own_module
from lit_curriculum.training.hypercube_data import HypercubeData
from lit_curriculum.training.listeners import ChecksData, StepListener, every_and_last
from lit_curriculum.training.soundness import check_metrics

_SEQUENCES = 512
"""Sequences in one pass of a transformer."""

Task = SparseParity | HierarchicalParity


class LogMonomials(StepListener, ChecksData, Callback):
    """Measure |E[p_c * monomial]| in and off the support (progressive, section 3.1 and figures 2, 9, 17).

    The task says which coordinates belong together: sparse parity has one group, ``in``, its support; a tree
    of parities one a node, ``node_1``, ``node_2``, ... Every measurement adds rows to
    ``<run folder>/monomials.csv``: each monomial inside a group, each of degree 1 off all groups, and mean,
    standard deviation and maximum of every group and of ``off`` for every degree. TensorBoard gets means and
    maxima as scalars and, at the end, a figure a degree. At a step that `HarvestCheckpoints` harvests, the
    bank's manifest notes each group's mean, of the class where it is largest, as
    ``monomials/degree_3/node_1`` and so on; `TwoShot` and `PeakOfEach` choose checkpoints by it.

    Args:
        every_n_steps: spacing in updates; the end of the run is always measured.
        degrees: of 1, 2, 3.
        samples: fresh samples of the ``probe`` stream, all devices together; the paper's figures need
            100,000 or the noise hides the signal. Where there are no more inputs than that, every one is
            taken once: the expectation itself.
        max_off_support: outside monomials measured at most, for each degree.
        labels: classes whose probability is correlated, as array indices.
        on_change: also after an evaluation that moved ``metric`` by at least this much, as in
            `HarvestCheckpoints`; with equal values both act at the same steps.
        metric: the metric that ``on_change`` watches.

    Raises:
        UsageError: for fewer than 100,000 samples, a bad degree or spacing, or a class that is none.
    """

    def __init__(
        self,
        every_n_steps: int,
        degrees: list[int] = [1],  # noqa: B006 - the YAML shows it; never mutated
        samples: int = 100_000,
        max_off_support: int = 5000,
        on_change: float | None = None,
        metric: str = "val/accuracy",
        labels: list[int] = [0],  # noqa: B006
    ) -> None:
        if every_n_steps < 1:
            raise bad_value("LogMonomials.every_n_steps", every_n_steps, "an integer of at least 1")
        if not degrees or set(degrees) - {1, 2, 3}:
            raise bad_value("LogMonomials.degrees", degrees, "some of 1, 2, 3")
        if samples < 100_000:
            raise bad_value("LogMonomials.samples", samples, "at least 100000: fewer are only noise")
        if not labels or min(labels) < 0 or len(set(labels)) != len(labels):
            raise bad_value("LogMonomials.labels", labels, "distinct classes from 0 on, at least one")
        self.every_n_steps = every_n_steps
        self.labels = labels
        self.degrees = degrees
        self.samples = samples
        self.max_off_support = max_off_support
        self._moved = MetricMoved("LogMonomials", on_change, metric)
        self._measured = -1
        self._num_steps = 0
        self._sets: dict[int, dict[str, list[tuple[int, ...]]]] = {}
        self._table: StepTable | None = None

    def next_event(self, step: int) -> int | None:
        """See `StepListener.next_event`."""
        return every_and_last(self.every_n_steps, self._num_steps, step)

    def check_run(self, module: CurriculumModule, data: CurriculumData) -> None:
        """See `ChecksData.check_run`: the data need a support to look at, and as many classes as labels."""
        task = self._data(data).task
        if max(self.labels) >= task.n_classes:
            raise bad_value("LogMonomials.labels", self.labels, f"classes from 0 to {task.n_classes - 1}")

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose the monomials.

        Raises:
            UsageError: if the data has no support to look at, or not as many classes.
        """
        pl_module = own_module(self, pl_module)
        self.check_run(pl_module, pl_module.data)
        self._num_steps = pl_module.data.num_steps
        self._choose(self._data(pl_module.data))

    def _choose(self, data: HypercubeData) -> None:
        task = data.task
        largest = max(map(len, task.groups.values()))
        self._sets = {
            degree: grouped_sets(task.d, task.groups, degree, self.max_off_support)
            for degree in self.degrees
            if degree <= largest
        }

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the table; a resumed run goes on with it."""
        assert isinstance(pl_module, CurriculumModule)
        if trainer.is_global_zero:
            self._table = pl_module.tables.open("monomials.csv")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure if the metric moved enough."""
        assert isinstance(pl_module, CurriculumModule)
        if trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            return
        if self._moved(pl_module.evaluation) and self._measured != pl_module.step:
            self.on_step(trainer, pl_module, pl_module.step)

    def state_dict(self) -> dict[str, Any]:
        """Return the metric at the last measurement that it caused, and the last measured step."""
        return {"last_value": self._moved.last_value, "measured": self._measured}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take them up again."""
        self._moved.last_value = state_dict["last_value"]
        self._measured = state_dict["measured"]

    def on_step(self, trainer: Trainer, module: CurriculumModule, step: int) -> None:
        """Measure on all devices, write on one."""
        self._measured = step
        data = self._data(module.data)
        task = data.task
        rank, world = trainer.global_rank, trainer.world_size
        mine, count = self._sums(module.model, data, rank, world)
        sums = add_up(module.gather(mine), count)
        worst = {f"monomials/degree_{d}": float(of_degree.abs().sum()) for d, of_degree in sums.sums.items()}
        check_metrics(module, worst)
        if trainer.is_global_zero:
            module.note(self._write(trainer, task, step, sums))

    def _sums(
        self, model: torch.nn.Module, data: HypercubeData, rank: int = 0, world: int = 1
    ) -> tuple[Sequence[Sums], int]:
        """Return a device's share of the sums over inputs, and how many inputs there are in all."""
        task, parameter = data.task, next(model.parameters())
        exact = self._is_exact(task)
        count = 2**task.d if exact else self.samples

        def sample(start: int, count: int) -> torch.Tensor:
            if exact:
                return every_point(task.d, start, count).to(parameter.device)
            x, _ = task.sample(data.data_seed, "probe", start, count)
            return torch.from_numpy(x).to(parameter.device)

        def predict(x: torch.Tensor) -> torch.Tensor:
            inputs = data.model_inputs(x)
            # A transformer's activations of thousands of sequences leave the cache: half of its speed.
            points = inputs.is_floating_point()
            parts = (inputs.to(parameter.dtype),) if points else torch.split(inputs, _SEQUENCES)
            logits = torch.cat([model(part) for part in parts])
            return torch.softmax(at_least_single(logits), -1)[:, self.labels]

        with evaluating(model):
            flat = {degree: [s for group in of.values() for s in group] for degree, of in self._sets.items()}
            return sums_of_batches(predict, sample, flat, 0, count, rank=rank, world=world), count

    def means(self, model: torch.nn.Module, data: HypercubeData) -> dict[str, float]:
        """Return each group's mean correlation outside of a run, as ``monomials/degree_1/in`` and so on.

        Args:
            model: with its weights.
            data: what it learned.

        Raises:
            UsageError: if the data have not as many classes.
        """
        self._choose(data)
        mine, count = self._sums(model, data)
        sums = add_up([mine], count)
        found: dict[str, float] = {}
        for k in range(len(self.labels)):
            of_class = MonomialSums(count, {degree: both[k] for degree, both in sums.sums.items()})
            for summary in summarise(of_class, self._sets, data.task.n_classes):
                for group, values in summary.groups.items():
                    if len(values):
                        name = f"monomials/degree_{summary.degree}/{group}"
                        found[name] = max(found.get(name, 0.0), float(values.mean()))
        return found

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the whole history in TensorBoard."""
        if not trainer.is_global_zero or self._table is None or not self._table.path.is_file():
            return
        for writer in writers(trainer):
            for degree, figure in _draw(self._table.path).items():
                writer.add_figure(f"monomials/degree_{degree}", figure, self._num_steps)

    def _write(self, trainer: Trainer, task: Task, step: int, sums: MonomialSums) -> dict[str, float]:
        """Write a measurement; return each group's largest mean over the classes, by degree."""
        assert self._table is not None
        means: dict[str, float] = {}
        rows: list[dict[str, object]] = []
        scalars: dict[str, float] = {}
        for k, label in enumerate(self.labels):
            of_class = MonomialSums(sums.count, {degree: both[k] for degree, both in sums.sums.items()})
            for summary in summarise(of_class, self._sets, task.n_classes):
                degree = summary.degree
                statistics = {"noise": 0.0 if self._is_exact(task) else summary.noise}
                for group, values in summary.groups.items():
                    if group != "off" or degree == 1:
                        for monomial, value in zip(self._sets[degree][group], values.tolist(), strict=True):
                            name = "*".join(f"x{i + 1}" for i in monomial)
                            rows.append(_row(step, label, degree, group, name, value))
                    if len(values):
                        statistics[f"{group}_mean"] = float(values.mean())
                        statistics[f"{group}_std"] = float(values.std(correction=0))
                        statistics[f"{group}_max"] = float(values.max())
                        name = f"monomials/degree_{degree}/{group}"
                        means[name] = max(means.get(name, 0.0), statistics[f"{group}_mean"])
                rows += [_row(step, label, degree, name, "", value) for name, value in statistics.items()]
                place = f"monomials/degree_{degree}" + (f"/label_{label}" if len(self.labels) > 1 else "")
                scalars.update(
                    (f"{place}/{name}", value)
                    for name, value in statistics.items()
                    if name.endswith(("_mean", "_max"))
                )
        self._table.append(rows)
        show_scalars(trainer, scalars, step)
        return means

    def _is_exact(self, task: Task) -> bool:
        """Tell whether there are so few inputs that each is taken once, without any noise."""
        return task.d < 64 and 2**task.d <= self.samples

    @staticmethod
    def _data(data: CurriculumData) -> HypercubeData:
        if not isinstance(data, HypercubeData):
            raise UsageError(
                "LogMonomials: the data has no support; allowed: data of sparse or hierarchical parity"
            )
        return data


def _row(step: int, label: int, degree: int, group: str, monomial: str, value: float) -> dict[str, Any]:
    return {
        "step": step,
        "label": label,
        "degree": degree,
        "group": group,
        "monomial": monomial,
        "correlation": value,
    }


def _draw(path: Path) -> dict[int, Any]:
    """Return one figure a degree, of the first class: monomials of every group, mean and maximum off them."""
    from matplotlib.figure import Figure

    table = read_table(path)
    figures = {}
    for degree in sorted({int(row["degree"]) for row in table}):
        figure = Figure(figsize=(6, 3.5), layout="constrained")
        axes = figure.subplots()
        rows = [r for r in table if int(r["degree"]) == degree and r["label"] == table[0]["label"]]
        curves: dict[tuple[str, str], list[tuple[int, float]]] = {}
        for row in rows:
            if (row["monomial"] and row["group"] != "off") or row["group"] in ("off_mean", "off_max"):
                curve = curves.setdefault((row["group"], row["monomial"]), [])
                curve.append((int(row["step"]), float(row["correlation"])))
        colours = {"off_mean": "C0", "off_max": "C2"}
        labelled = set()
        for (group, _), points in curves.items():
            colour = colours.setdefault(group, f"C{(1, 3, 4, 5, 6, 7, 8, 9)[(len(colours) - 2) % 8]}")
            label = None if group in labelled else group
            labelled.add(group)
            axes.plot(*zip(*points, strict=True), color=colour, lw=1, label=label)
        axes.set(xlabel="training steps", ylabel="|correlation|", title=f"degree {degree}")
        axes.legend()
        figures[degree] = figure
    return figures
