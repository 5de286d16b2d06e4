"""What a figure trains: runs of its searches, those that are reported, and what is measured of them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from lit_curriculum.reproduce.results import Row
from lit_curriculum.reproduce.study import Arm, Measured, Settings, Study
from lit_curriculum.runs.folder import RunFolder
from lit_curriculum.runs.graph import Finished, Run
from lit_curriculum.runs.lab import Lab

_Job = tuple[Study, Arm, Settings, int]
"""Study, arm, settings and seed of a run."""


def measure(lab: Lab, studies: Sequence[Study]) -> list[Row]:
    """Train every arm of every study with every seed at its chosen settings; return what was measured."""
    jobs = _reported(studies, choose(lab, studies))
    finished = lab.fit([_run_of(job) for job in jobs])
    rows: list[Row] = []
    for run, (study, arm, settings, seed) in zip(finished, jobs, strict=True):
        found = {key: settings[key] if key in settings else study.value(key, arm) for key in study.grid}
        axes = {**study.axes, **{key.rpartition(".")[2]: value for key, value in found.items()}}
        rows += [
            {"arm": arm.name, "seed": seed, "step": step, "metric": metric, "value": value, **axes}
            for metric, step, value in _measured(study, run)
        ]
    return rows


def _measured(study: Study, run: Finished) -> Iterable[Measured]:
    available = run.rows("metrics.csv")[0].keys()
    for name, metric in study.metrics.items():
        if metric in available:
            yield from ((name, step, value) for step, value in run.history(metric))
    for file, read in study.tables.items():
        if (run.path / file).is_file():
            yield from read(run.rows(file))


def choose(lab: Lab, studies: Sequence[Study]) -> list[list[Settings]]:
    """Return the best settings of each study's arms on the tuning seeds; of equal ones the first of the grid.

    Every arm has the same grid and the same budget.
    """
    jobs = _searches(studies)
    return _chosen(studies, jobs, lab.fit([_run_of(job, report=False) for job in jobs]))


def _chosen(
    studies: Sequence[Study], jobs: Sequence[_Job], finished: Sequence[Finished]
) -> list[list[Settings]]:
    """Return what `choose` does, of the searches' finished runs."""
    scores: dict[tuple[int, str, str], list[tuple[float, ...]]] = {}
    for run, (study, arm, point, _) in zip(finished, jobs, strict=True):
        scores.setdefault((id(study), arm.name, str(point)), []).append(study.score(run))

    def best(study: Study, arm: Arm) -> Settings:
        searched = study.searched_as(arm)
        points = study.search.points(searched)
        if len(points) == 1:
            return points[0]

        def score(point: Settings) -> list[float]:
            of_seeds = scores[id(study.search), searched.name, str(point)]
            return [statistics.fmean(each) for each in zip(*of_seeds, strict=True)]

        return max(points, key=score)

    return [[study.taken(arm, best(study, arm)) for arm in study.arms] for study in studies]


def _searches(studies: Sequence[Study]) -> list[_Job]:
    """Return the study, arm, settings and seed of every run of the searches, each search once."""
    rounds: list[tuple[int, _Job]] = []
    for study in {id(study.search): study.search for study in studies}.values():
        for name in dict.fromkeys(arm.tuned_as or arm.name for arm in study.arms):
            arm = study.arm(name)
            points = study.points(arm)
            if len(points) > 1:
                rounds += [
                    (i, (study, arm, point, seed))
                    for i, point in enumerate(points)
                    for seed in study.tuning_seeds
                ]
    # Students that differ in their settings alone read the same answers of their teacher: side by side they
    # would compute them twice. Those of two schedules that end in one checkpoint may still do so.
    return [job for _, job in sorted(rounds, key=lambda one: one[0])]


def everything(studies: Sequence[Study], root: Path | None = None) -> list[Run]:
    """Return the runs of studies, the search among them.

    Args:
        studies: of one figure.
        root: folder of the runs, in which the searches may be finished: then the reported runs have the
            settings that they chose. Otherwise each has the first of its grid.
    """
    jobs = _searches(studies)
    runs = [_run_of(job, report=False) for job in jobs]
    chosen = [[study.taken(arm, _first(study, arm)) for arm in study.arms] for study in studies]
    if root is not None and all(RunFolder(run.folder(root)).finished for run in runs):
        chosen = _chosen(studies, jobs, [Finished(run, run.folder(root)) for run in runs])
    runs += [_run_of(job) for job in _reported(studies, chosen)]
    return list({run.name: run for run in runs}.values())


def _first(study: Study, arm: Arm) -> Settings:
    return study.search.points(study.searched_as(arm))[0]


def _reported(studies: Sequence[Study], chosen: Sequence[Sequence[Settings]]) -> list[_Job]:
    """Return the runs that are reported, at the settings that were chosen for each study's arms."""
    return [
        (study, arm, settings, seed)
        for study, settings_of in zip(studies, chosen, strict=True)
        for arm, settings in zip(study.arms, settings_of, strict=True)
        for seed in study.seeds
    ]


def _run_of(job: _Job, report: bool = True) -> Run:
    study, arm, settings, seed = job
    return study.run(arm, seed, settings, report=report)
