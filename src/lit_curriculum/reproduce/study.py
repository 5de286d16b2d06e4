"""What a figure trains: arms, each with every seed, at settings that its own search chose.

Settings have one home, `lightning_configs`. A study names configurations and states what differs from them in
the dotted keys of the command line (``model.lr`` for ``--model.lr``), as a sweep file does.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from lit_curriculum.errors import bad_value
from lit_curriculum.reproduce.change import Change, in_force
from lit_curriculum.runs.configs import layer, shipped
from lit_curriculum.runs.graph import Finished, Run
from lit_curriculum.runs.sweep import nested, path_of

Scale = Literal["smoke", "quick", "laptop", "paper"]
SCALES: tuple[Scale, ...] = ("smoke", "laptop", "paper")
"""Those that every figure has."""
ALL_SCALES: tuple[Scale, ...] = ("smoke", "quick", "laptop", "paper")
"""``quick`` too, of figures whose laptop scale takes an hour: a smaller setting in which much is seen."""

Settings = Mapping[str, Any]
SEED = "{seed}"
"""Stands in an arm's ``teach`` for the seed of the student's data and model."""
Measured = tuple[str, int, float]
"""Metric, step, value."""
Score = Callable[[Finished], tuple[float, ...]]
"""Of a run of the search; the setting with the largest mean over seeds wins."""


def mean_accuracy(run: Finished) -> tuple[float, ...]:
    """Return the mean validation accuracy over the run: learning at all, and learning early."""
    return (statistics.fmean(value for _, value in run.history("val/accuracy")),)


def last_accuracy(run: Finished) -> tuple[float, ...]:
    """Return the last validation accuracy."""
    return (run.history("val/accuracy")[-1][1],)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A condition that is compared.

    Attributes:
        name: as in the results.
        set: settings on top of the study's; what they name is not searched.
        callbacks: the callbacks' list instead of the configurations'; None keeps it.
        probes: further callbacks of the runs that are reported.
        teacher: the arm whose bank teaches, of the same seed but for `Study.one_teacher`.
        teach: arguments of `SwapTeacher`, strategy and temperature, `SEED` among them where something is to
            differ from seed to seed; None trains with labels.
        tuned_as: the arm whose search this one's settings come from; None for its own.
        seed_offset: added to the seed of data and model: a student sees other samples than its teacher.
        cost: effort of an update, in any unit.
    """

    name: str
    set: Settings = field(default_factory=dict)
    callbacks: Sequence[Settings] | None = None
    probes: Sequence[Settings] = ()
    teacher: Arm | None = None
    teach: Settings | None = None
    tuned_as: str | None = None
    seed_offset: int = 0
    cost: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Study:
    """Arms that are compared with each other at one scale, and what is read of their runs.

    Attributes:
        configs: shipped configurations that every run overlays.
        arms: what is compared, teachers among them where they are shown.
        set: settings of all arms.
        seeds: seeds that are reported; data and model seed together.
        tuning_seeds: seeds that choose settings; never reported.
        one_teacher: whether students of tuning seeds have the first reported seed's teacher, not their own.
        grid: setting -> values that are searched, the same for every arm.
        score: by what the search chooses.
        tuned_in: the study whose search is used; None for this one's.
        metrics: name in the results -> metric of the run; one that a run lacks has no rows.
        tables: further files of a run -> what is read of their rows.
        streams: held-out splits of the runs that are reported; the others evaluate ``val`` alone.
        axes: further columns of its results.
        fixed: settings that arms' names, claims, axes or rows beside its own say in other words; no change of
            them is taken (`variation`).
        own_seeds: whether its seeds are its own, fewer than the figure's, and stay what they are.
        changes: settings that are not the figure's (`variation`), those in force when the study is made.
            What reads settings takes `own` and `value`, which know them.
    """

    configs: tuple[str, ...]
    arms: tuple[Arm, ...]
    set: Settings = field(default_factory=dict)
    seeds: tuple[int, ...] = (0, 1, 2)
    tuning_seeds: tuple[int, ...] = (100, 101)
    one_teacher: bool = False
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    score: Score = mean_accuracy
    tuned_in: Study | None = None
    metrics: Mapping[str, str] = field(default_factory=lambda: {"accuracy": "test/accuracy"})
    tables: Mapping[str, Callable[[Sequence[dict[str, str]]], Iterable[Measured]]] = field(
        default_factory=dict
    )
    streams: tuple[str, ...] = ("val", "test")
    axes: Settings = field(default_factory=dict)
    fixed: tuple[str, ...] = ()
    own_seeds: bool = False
    changes: tuple[Change, ...] = field(default_factory=in_force)

    def __post_init__(self) -> None:
        names = [arm.name for arm in self.arms]
        for name in names:
            if names.count(name) > 1:
                raise bad_value("Study.arms", name, "each name once: results are read by it")

    @property
    def search(self) -> Study:
        """The study whose search is used."""
        return self.tuned_in or self

    def searched_as(self, arm: Arm) -> Arm:
        """Return the arm of `search` whose settings an arm takes."""
        return self.search.arm(arm.tuned_as or arm.name)

    def arm(self, name: str) -> Arm:
        """Return an arm by its name."""
        return next(arm for arm in self.arms if arm.name == name)

    def own(self, arm: Arm) -> dict[str, Any]:
        """Return what an arm, or a teacher, sets itself, with its changes: none of this is searched.

        An arm whose searched settings are another's has that one's changes of them, too: it would have taken
        them from its search.
        """
        searched = self.search.grid
        for_all = [change for change in self.changes if change.arm is None and change.key not in arm.set]
        inherited = [
            change
            for change in self.changes
            if change.arm is not None and change.arm == arm.tuned_as
            if change.key in searched and change.key not in arm.set
        ]
        own = [change for change in self.changes if change.arm == arm.name]
        # The nearer to the arm, the stronger, whichever is given first.
        return {**arm.set, **{change.key: change.value for change in (*for_all, *inherited, *own)}}

    def value(self, key: str, arm: Arm | None = None) -> Any:
        """Return a setting of an arm by its dotted key, from the last that states it.

        Raises:
            KeyError: if nothing does.
        """
        for_all = {change.key: change.value for change in self.changes if change.arm is None}
        for settings in (self.own(arm) if arm else for_all, self.set):
            if key in settings:
                return settings[key]
        *outer, last = path_of(key)
        for config in reversed(self.configs):
            place: Any = layer(shipped(config))
            for part in outer:
                place = place.get(part) if isinstance(place, dict) else None
            if isinstance(place, dict) and last in place:
                return place[last]
        raise KeyError(f"{key} is set neither by the study nor by {', '.join(self.configs)}")

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
            **self.own(arm),
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
            taught = {"bank": "{bank}", **_seeded(arm.teach, own)}
            callbacks.insert(0, {"class_path": "SwapTeacher", "init_args": taught})
            of = self.seeds[0] if self.one_teacher and seed in self.tuning_seeds else seed
            needs = (self.run(arm.teacher, of, report=of in self.seeds),)
        if report:
            callbacks += arm.probes
        if callbacks or arm.callbacks is not None:
            settings["trainer.callbacks"] = callbacks
        steps = "data.num_steps"
        num_steps = settings[steps] if steps in settings else self.value(steps, arm)
        if type(num_steps) is not int or num_steps < 1:
            raise bad_value("data.num_steps", num_steps, "a whole number of at least 1")
        kind = "".join(letter if letter.isalnum() else "-" for letter in arm.name).strip("-").lower()
        return Run(kind, self.configs, nested(settings), needs, arm.cost * num_steps)

    def points(self, arm: Arm) -> list[dict[str, Any]]:
        """Return the settings among which an arm's search chooses; what it sets itself is not searched."""
        own = self.own(arm)
        grid = {name: values for name, values in self.grid.items() if name not in own}
        return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]

    def taken(self, arm: Arm, point: Settings) -> Settings:
        """Return what an arm takes of the settings that a search chose: not what it sets itself."""
        own = self.own(arm)
        return {name: value for name, value in point.items() if name not in own}

    def with_seeds(self, count: int) -> Study:
        """Return the study with as many seeds: its own, then the integers that follow."""
        if self.own_seeds:
            return self
        tuned_in = self.tuned_in.with_seeds(count) if self.tuned_in is not None else None
        return replace(self, seeds=extended(self.seeds, count, self.tuning_seeds), tuned_in=tuned_in)


def _seeded(value: Any, seed: int) -> Any:
    if isinstance(value, Mapping):
        return {name: _seeded(inner, seed) for name, inner in value.items()}
    return seed if value == SEED else value


def extended(seeds: tuple[int, ...], count: int, taken: tuple[int, ...] = ()) -> tuple[int, ...]:
    """Return as many seeds: these, then the integers that follow and are not taken."""
    more = (seed for seed in itertools.count(max(seeds) + 1) if seed not in taken)
    return (*seeds, *itertools.islice(more, max(0, count - len(seeds))))[:count]


def overlaid(config: str, scale: Scale) -> tuple[str, ...]:
    """Return a configuration with its overlay for a scale.

    Args:
        scale: laptop is the configuration itself.
        config: a shipped one's name, whose overlay is ``<scale>/<name>``; or a file, whose overlay is
            ``<name>_<scale>.yaml`` beside it, as `lit new experiment` writes it.
    """
    if scale == "laptop":
        return (config,)
    file = Path(config)
    if file.suffix in (".yaml", ".yml"):
        return (config, str(file.with_name(f"{file.stem}_{scale}{file.suffix}")))
    return (config, f"{scale}/{config}")


def at_scale(scale: Scale, config: str, **study: Any) -> Study:
    """Return a study on a configuration, see `overlaid`; at smoke scale of one seed, without a search."""
    made = Study(configs=overlaid(config, scale), **study)
    if scale != "smoke":
        return made
    grid = {name: values[:1] for name, values in made.grid.items()}
    return replace(made, seeds=(0,), tuning_seeds=(), grid=grid)
