"""A sweep: many runs, a grid of settings on top of configurations; `sweep_file` reads one."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.runs.graph import Run

Settings = dict[str, Any]
_CLASSES = ("optimizer", "lr_scheduler")


@dataclass(frozen=True)
class Group:
    """Runs that overlay the same configurations and need the same group.

    Attributes:
        name: "" for a file without groups.
        configs: see `Sweep.configs`.
        settings: of each run, dotted key -> value.
        needs: name of the group that its runs need, or None.
        shift: dotted key -> number, which is added to the value when the needed run has been found.
    """

    name: str
    configs: tuple[str, ...]
    settings: tuple[Settings, ...]
    needs: str | None = None
    shift: Mapping[str, float] = field(default_factory=dict)

    def shifted(self) -> list[Settings]:
        """Return the settings that the runs have."""
        return [
            {key: value + self.shift[key] if key in self.shift else value for key, value in one.items()}
            for one in self.settings
        ]


@dataclass(frozen=True)
class Sweep:
    """The runs that a sweep file stands for.

    Attributes:
        name: the file's, without its ending.
        groups: those that are needed before those that need them.
    """

    name: str
    groups: tuple[Group, ...]

    @property
    def configs(self) -> tuple[str, ...]:
        """Configurations that every run overlays, as `runs.configs.shipped` takes them."""
        return self.groups[0].configs if len(self.groups) == 1 else self._shared_configs()

    @cached_property
    def settings(self) -> tuple[Settings, ...]:
        """Of each run, dotted key -> value, in the order of their numbers."""
        return tuple(one for group in self.groups for one in group.shifted())

    @cached_property
    def groups_of_runs(self) -> tuple[str, ...]:
        """Of each run, the name of its group, in the order of their numbers."""
        return tuple(group.name for group in self.groups for _ in group.settings)

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """The runs, in the order of their numbers."""
        made: dict[str, list[Run]] = {}
        for group in self.groups:
            kind = f"{self.name}-{group.name}" if group.name else self.name
            needs = self._needs(group, made)
            made[group.name] = [
                Run(kind, group.configs, nested(settings), needed)
                for settings, needed in zip(group.shifted(), needs, strict=True)
            ]
        return tuple(run for of_group in made.values() for run in of_group)

    def run(self, index: int) -> Run:
        """Return one run.

        Raises:
            UsageError: if there is none of that number.
        """
        if not 0 <= index < len(self.runs):
            raise bad_value("--index", index, f"0 to {len(self.runs) - 1}")
        return self.runs[index]

    def _shared_configs(self) -> tuple[str, ...]:
        every = [group.configs for group in self.groups]
        shared = itertools.takewhile(lambda names: len(set(names)) == 1, zip(*every, strict=False))
        return tuple(names[0] for names in shared)

    def _needs(self, group: Group, made: Mapping[str, list[Run]]) -> list[tuple[Run, ...]]:
        """Return for each run of a group the one that it needs: the one with equal values.

        Raises:
            UsageError: if none fits a run, or several do.
        """
        if group.needs is None:
            return [()] * len(group.settings)
        needed = next(other for other in self.groups if other.name == group.needs)
        values: dict[str, set[Any]] = {}
        for one in needed.settings:
            for key, value in one.items():
                values.setdefault(key, set()).add(hashable(value))
        varied = [key for key, different in values.items() if len(different) > 1]
        known: dict[tuple[str, ...], dict[Any, list[Run]]] = {}
        found: list[tuple[Run, ...]] = []
        for settings in group.settings:
            keys = tuple(key for key in varied if key in settings)
            if keys not in known:
                known[keys] = {}
                for one, run in zip(needed.settings, made[needed.name], strict=True):
                    at = tuple(hashable(one.get(key)) for key in keys)
                    known[keys].setdefault(at, []).append(run)
            fitting = known[keys].get(tuple(hashable(settings[key]) for key in keys), [])
            if len(fitting) != 1:
                equal = ", ".join(varied) or "settings"
                raise UsageError(
                    f"{self.name}: groups.{group.name}.needs: {len(fitting)} runs of {group.needs} fit "
                    f"{describe(settings) or 'its run'}; allowed: one, with equal {equal}"
                )
            found.append((fitting[0],))
        return found


def hashable(value: Any) -> Any:
    """Return what is equal, and hashes equally, for equal settings."""
    if isinstance(value, dict):
        return frozenset((name, hashable(inner)) for name, inner in value.items())
    return tuple(map(hashable, value)) if isinstance(value, list) else value


def describe(settings: Mapping[str, Any]) -> str:
    """Return settings on one line."""
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def nested(settings: Mapping[str, Any]) -> Settings:
    """Return dotted settings as a configuration nests them."""
    result: Settings = {}
    for name, value in settings.items():
        *outer, last = path_of(name)
        place = result
        for part in outer:
            place = place.setdefault(part, {})
        # A copy: a later name may lead into a value, which several runs can share.
        place[last] = copy.deepcopy(value)
    return result


def path_of(name: str) -> list[str]:
    """Return where a configuration has a dotted key: ``model.optimizer.lr`` is an argument of two classes."""
    top, *rest = name.split(".")
    if top == "trainer":
        return [top, *rest]
    if rest[0] in _CLASSES and len(rest) > 1 and rest[1] not in ("class_path", "init_args"):
        rest.insert(1, "init_args")
    return [top, "init_args", *rest]
