"""Log the correlation of the model's prediction with low-degree monomials while it trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn

from lit_curriculum.callbacks.metric_moved import MetricMoved
from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.experiments.base import CurriculumModule
from lit_curriculum.experiments.listeners import StepListener, every
from lit_curriculum.files import StepTable, read_table
from lit_curriculum.probes.monomials import MonomialSums, accumulate, monomial_sets, summarise
from lit_curriculum.tasks.sparse_parity import SparseParity


class LogMonomials(StepListener, Callback):
    """Measure |E[p_1 * monomial]| in and off the support (progressive, section 3.1 and figures 2, 9).

    Every measurement adds rows to ``<run folder>/monomials.csv``: each monomial inside the support, each of
    degree 1 outside, and mean, standard deviation and maximum outside for every degree. TensorBoard gets
    the means as scalars and, at the end, a figure a degree.

    Args:
        every_n_steps: spacing in updates; the end of the run is always measured.
        degrees: of 1, 2, 3.
        samples: fresh samples of the ``probe`` stream, all devices together; the paper's figures need
            100,000 or the noise hides the signal.
        max_off_support: outside monomials measured at most, for each degree.
        on_change: also after an evaluation that moved ``metric`` by at least this much, as in
            `HarvestCheckpoints`; with equal values both act at the same steps.
        metric: the metric that ``on_change`` watches.

    Raises:
        UsageError: for fewer than 100,000 samples, a bad degree or spacing.
    """

    def __init__(
        self,
        every_n_steps: int,
        degrees: list[int] = [1],  # noqa: B006 - the YAML shows it; never mutated
        samples: int = 100_000,
        max_off_support: int = 5000,
        on_change: float | None = None,
        metric: str = "val/accuracy",
    ) -> None:
        if every_n_steps < 1:
            raise bad_value("LogMonomials.every_n_steps", every_n_steps, "an integer of at least 1")
        if not degrees or set(degrees) - {1, 2, 3}:
            raise bad_value("LogMonomials.degrees", degrees, "some of 1, 2, 3")
        if samples < 100_000:
            raise bad_value("LogMonomials.samples", samples, "at least 100000: fewer are only noise")
        self.every_n_steps = every_n_steps
        self.degrees = degrees
        self.samples = samples
        self.max_off_support = max_off_support
        self._moved = MetricMoved("LogMonomials", on_change, metric)
        self._measured = -1
        self._num_steps = 0
        self._sets: dict[int, list[tuple[int, ...]]] = {}
        self._table: StepTable | None = None

    def next_event(self, step: int) -> int | None:
        """See `StepListener.next_event`."""
        if step >= self._num_steps:
            return None
        return min(every(self.every_n_steps, step), self._num_steps)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose the monomials.

        Raises:
            UsageError: if the data has no support to look at.
        """
        assert isinstance(pl_module, CurriculumModule)
        task = self._task(pl_module)
        self._num_steps = pl_module.data.num_steps
        self._sets = {
            degree: monomial_sets(task.d, task.support, degree, self.max_off_support)
            for degree in self.degrees
            if degree <= task.k
        }

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the table; a resumed run goes on with it."""
        assert isinstance(pl_module, CurriculumModule)
        self._table = StepTable(Path(trainer.default_root_dir) / "monomials.csv")
        if pl_module.step > 0:
            self._table.cut_back(pl_module.step)

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
        task = self._task(module)
        data = module.data
        rank, world = trainer.global_rank, trainer.world_size
        first, last = rank * self.samples // world, (rank + 1) * self.samples // world

        def sample(start: int, count: int) -> torch.Tensor:
            return torch.from_numpy(task.sample(data.data_seed, "probe", start, count)[0]).to(module.device)

        def predict(x: torch.Tensor) -> torch.Tensor:
            return torch.softmax(module.model(x).float(), -1)[:, 0]

        was_training = module.model.training
        module.model.eval()
        with torch.no_grad():
            sums = accumulate(predict, sample, self._sets, first, last - first)
        module.model.train(was_training)
        if world > 1:
            reduced = {
                d: trainer.strategy.reduce(s.to(module.device), reduce_op="sum").cpu()
                for d, s in sums.sums.items()
            }
            sums = MonomialSums(self.samples, reduced)
        if trainer.is_global_zero:
            self._write(trainer, task, step, sums)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the whole history in TensorBoard."""
        if not trainer.is_global_zero or self._table is None or not self._table.path.is_file():
            return
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                for degree, figure in _draw(self._table.path).items():
                    logger.experiment.add_figure(f"monomials/degree_{degree}", figure, self._num_steps)

    def _write(self, trainer: Trainer, task: SparseParity, step: int, sums: MonomialSums) -> None:
        assert self._table is not None
        rows: list[dict[str, object]] = []
        scalars: dict[str, float] = {}
        for summary in summarise(sums, self._sets, task.support):
            degree, sets = summary.degree, self._sets[summary.degree]
            values = torch.cat([summary.inside, summary.outside]).tolist()
            listed = len(sets) if degree == 1 else len(summary.inside)
            groups = ["in"] * len(summary.inside) + ["off"] * len(summary.outside)
            for group, monomial, value in list(zip(groups, sets, values, strict=True))[:listed]:
                rows.append(_row(step, degree, group, "*".join(f"x{i + 1}" for i in monomial), value))
            statistics = {"noise": summary.noise}
            for name, part in (("in", summary.inside), ("off", summary.outside)):
                if len(part):
                    statistics[f"{name}_mean"] = float(part.mean())
                    statistics[f"{name}_std"] = float(part.std(correction=0))
                    statistics[f"{name}_max"] = float(part.max())
            rows += [_row(step, degree, name, "", value) for name, value in statistics.items()]
            for name in ("in_mean", "in_max", "off_mean", "off_max"):
                if name in statistics:
                    scalars[f"monomials/degree_{degree}/{name}"] = statistics[name]
        self._table.append(rows)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.log_metrics(scalars, step=step)

    @staticmethod
    def _task(module: CurriculumModule) -> SparseParity:
        task = getattr(module.data, "task", None)
        if not isinstance(task, SparseParity):
            raise UsageError("LogMonomials: the data has no support; allowed: data of sparse parity")
        return task


def _row(step: int, degree: int, group: str, monomial: str, value: float) -> dict[str, Any]:
    return {"step": step, "degree": degree, "group": group, "monomial": monomial, "correlation": value}


def _draw(path: Path) -> dict[int, Any]:
    """Return one figure a degree: every inside monomial, and mean and maximum outside, over steps."""
    from matplotlib.figure import Figure

    table = read_table(path)
    figures = {}
    for degree in sorted({int(row["degree"]) for row in table}):
        figure = Figure(figsize=(6, 3.5), layout="constrained")
        axes = figure.subplots()
        rows = [row for row in table if int(row["degree"]) == degree]
        inside = sorted({row["monomial"] for row in rows if row["group"] == "in"})
        lines = [("in", name, "C1") for name in inside] + [("off_mean", "", "C0"), ("off_max", "", "C2")]
        for group, name, colour in lines:
            points = [r for r in rows if r["group"] == group and r["monomial"] == name]
            x, y = [int(r["step"]) for r in points], [float(r["correlation"]) for r in points]
            axes.plot(x, y, color=colour, lw=1, label=None if name else group)
        axes.set(xlabel="training steps", ylabel="|correlation|", title=f"degree {degree}")
        axes.legend()
        figures[degree] = figure
    return figures
