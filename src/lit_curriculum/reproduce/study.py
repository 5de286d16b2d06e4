"""What a figure trains at one scale: arms, each with every seed, at settings that its own search chose.

Settings have one home, `lightning_configs`. A study names configurations and states what differs from them in
the dotted keys of the command line (``model.lr`` for ``--model.lr``), as a sweep file does.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Literal

from lit_curriculum.reproduce.results import Results, Row
from lit_curriculum.runs.configs import layer, shipped
from lit_curriculum.runs.graph import Finished, Run
from lit_curriculum.runs.lab import Lab
from lit_curriculum.runs.sweep import nested

Settings = Mapping[str, Any]
Measured = tuple[str, int, float]
"""Metric, step, value."""
Score = Literal["mean", "last"]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A condition that is compared.

    Attributes:
        name: as in the results.
        configs: overlays on top of the study's.
        set: settings on top of these; what they name is not searched.
        callbacks: the callbacks' list instead of the configurations'; None keeps it.
        probes: further callbacks of the runs that are reported.
        teacher: the arm whose bank of the same seed teaches.
        teach: strategy and temperature of `SwapTeacher`; None trains with labels.
        tuned_as: the arm whose search this one's settings come from; None for its own, "" for none.
        seed_offset: added to the seed of data and model: a student sees other samples than its teacher.
        axes: further columns of its results.
        cost: effort of an update, in any unit.
    """

    name: str
    configs: tuple[str, ...] = ()
    set: Settings = field(default_factory=dict)
    callbacks: Sequence[Settings] | None = None
    probes: Sequence[Settings] = ()
    teacher: Arm | None = None
    teach: Settings | None = None
    tuned_as: str | None = None
    seed_offset: int = 0
    axes: Settings = field(default_factory=dict)
    cost: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Study:
    """What one scale of a figure trains, and what it reads of the runs.

    Attributes:
        configs: shipped configurations that every arm overlays.
        arms: what is compared, teachers among them where they are shown.
        set: settings of all arms.
        seeds: seeds that are reported; data and model seed together.
        tuning_seeds: seeds that choose settings; never reported.
        grid: setting -> values that are searched, the same for every arm.
        score: by what: ``val/accuracy``, the ``mean`` over the run or the ``last``.
        metrics: name in the results -> metric of the run.
        tables: further files of a run -> what is read of their rows.
        test: held-out streams of reported runs; the others evaluate ``val`` alone.
    """

    configs: tuple[str, ...]
    arms: tuple[Arm, ...]
    set: Settings = field(default_factory=dict)
    seeds: tuple[int, ...] = (0, 1, 2)
    tuning_seeds: tuple[int, ...] = (100, 101)
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    score: Score = "mean"
    metrics: Mapping[str, str] = field(default_factory=lambda: {"accuracy": "test/accuracy"})
    tables: Mapping[str, Callable[[Sequence[dict[str, str]]], Iterable[Measured]]] = field(
        default_factory=dict
    )
    streams: tuple[str, ...] = ("val", "test")

    def arm(self, name: str) -> Arm:
        """Return an arm by its name."""
        return next(arm for arm in self.arms if arm.name == name)

    def run(self, arm: Arm, seed: int, chosen: Settings | None = None, report: bool = True) -> Run:
        """Return the run of an arm.

        Args:
            arm: one of the study's, or a teacher.
            seed: reported or tuning seed.
            chosen: settings that a search chose.
            report: whether its results are reported.
        """
        own = seed + arm.seed_offset
        settings = {
            **self.set,
            **arm.set,
            **(chosen or {}),
            "model.model_seed": own,
            "data.data_seed": own,
            # Settings are chosen on val; only reported runs look at test.
            "data.eval_streams": list(self.streams) if report else ["val"],
        }
        callbacks = list(arm.callbacks or ())
        needs: tuple[Run, ...] = ()
        if arm.teach is not None:
            assert arm.teacher is not None
            callbacks.insert(0, {"class_path": "SwapTeacher", "init_args": {"bank": "{bank}", **arm.teach}})
            needs = (self.run(arm.teacher, seed, report=seed in self.seeds),)
        if report:
            callbacks += arm.probes
        if callbacks or arm.callbacks is not None:
            settings["trainer.callbacks"] = callbacks
        configs = (*self.configs, *arm.configs)
        kind = "student" if needs else arm.name.replace(" ", "-")
        return Run(kind, configs, nested(settings), needs, arm.cost * length(configs, settings))


def length(configs: Sequence[str], settings: Settings) -> int:
    """Return the number of updates of a run."""
    if "data.num_steps" in settings:
        return int(settings["data.num_steps"])
    layers = (layer(shipped(name)).get("data", {}).get("init_args", {}).get("num_steps") for name in reversed(configs))
    return int(next(found for found in layers if found is not None))


def measure(lab: Lab, study: Study) -> Results:
    """Train every arm with every seed at its chosen settings, and return what was measured."""
    chosen = choose(lab, study)
    jobs = [(arm, seed) for arm in study.arms for seed in study.seeds]
    finished = lab.fit([study.run(arm, seed, chosen[arm.name]) for arm, seed in jobs])
    rows: list[Row] = []
    for run, (arm, seed) in zip(finished, jobs, strict=True):
        axes = {name.rpartition(".")[2]: value for name, value in chosen[arm.name].items()} | dict(arm.axes)
        rows += [
            {"arm": arm.name, "seed": seed, "step": step, "metric": metric, "value": value, **axes}
            for metric, step, value in _measured(study, run)
        ]
    return Results.of(rows, study.seeds)


def _measured(study: Study, run: Finished) -> Iterable[Measured]:
    available = run.rows("metrics.csv")[0].keys()
    for name, metric in study.metrics.items():
        if metric in available:
            yield from ((name, step, value) for step, value in run.history(metric))
    for file, read in study.tables.items():
        if (run.path / file).is_file():
            yield from read(run.rows(file))


def choose(lab: Lab, study: Study) -> dict[str, Settings]:
    """Return each arm's best settings on the tuning seeds; of equal ones the first of the grid.

    Every arm has the same grid and the same budget. What an arm sets itself is not searched.
    """
    points = {arm.name: _points(study, arm) for arm in study.arms if arm.tuned_as is None}
    searched = [
        (study.arm(name), point, seed)
        for name, of in points.items()
        if len(of) > 1
        for point in of
        for seed in study.tuning_seeds
    ]
    finished = lab.fit([study.run(arm, seed, point, report=False) for arm, point, seed in searched])
    scores: dict[tuple[str, int], list[float]] = {}
    for run, (arm, point, _) in zip(finished, searched, strict=True):
        place = points[arm.name].index(point)
        scores.setdefault((arm.name, place), []).append(_score(run, study.score))
    best: dict[str, Settings] = {
        name: max(enumerate(of), key=lambda p: (statistics.fmean(scores.get((name, p[0]), [0.0])), -p[0]))[1]
        for name, of in points.items()
    }
    for arm in study.arms:
        if arm.tuned_as is not None:
            best[arm.name] = best[arm.tuned_as] if arm.tuned_as else {}
    return best


def _points(study: Study, arm: Arm) -> list[dict[str, Any]]:
    grid = {name: values for name, values in study.grid.items() if name not in arm.set}
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def _score(run: Finished, score: Score) -> float:
    values = [value for _, value in run.history("val/accuracy")]
    return statistics.fmean(values) if score == "mean" else values[-1]


def everything(study: Study) -> list[Run]:
    """Return the runs of a study, its search among them, as if every search chose its first point."""
    chosen = {arm.name: _points(study, arm)[0] for arm in study.arms}
    search = [
        study.run(arm, seed, point, report=False)
        for arm in study.arms
        if arm.tuned_as is None and len(_points(study, arm)) > 1
        for point in _points(study, arm)
        for seed in study.tuning_seeds
    ]
    reported = [study.run(arm, seed, chosen[arm.name]) for arm in study.arms for seed in study.seeds]
    return reduce(lambda runs, run: runs if run in runs else [*runs, run], [*search, *reported], list[Run]())
