"""A sweep: one YAML file that stands for many runs, a grid of settings on top of configurations.

    configs: [bit_subset_parity, paper/bit_subset_parity]   # shipped names, or files beside this one
    points:                                                 # settings that belong together, optional
      - {data.d: 8, data.subtask_labels: true, model.max_length: 10}
      - {data.d: 8, data.subtask_labels: false, model.max_length: 8}
    grid:                                                   # each point with every combination, optional
      model.optimizer.lr: [1.0e-4, 1.0e-5]
      data.data_seed, model.model_seed: [27, 67, 93]        # one value for both

Keys are those of the command line: ``model.width`` for ``--model.width``. The runs are numbered from 0,
points first, the grid's last key fastest, so that a job array's index names one of them.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lit_curriculum.errors import UsageError, bad_value, shortened, suggest
from lit_curriculum.reading import read_yaml
from lit_curriculum.runs.configs import shipped
from lit_curriculum.runs.graph import Run

Settings = dict[str, Any]
_KEYS = ("configs", "points", "grid")
_CLASSES = ("optimizer", "lr_scheduler")
_SETTING = re.compile(r"(model|data|trainer)(\.[^\s.,]+)+")

MAX_RUNS = 100_000
"""Most runs of one file."""

MAX_SETTINGS = 10_000_000
"""Most settings of all runs of one file together."""


@dataclass(frozen=True)
class Sweep:
    """The runs that a sweep file stands for.

    Attributes:
        name: the file's, without its ending.
        configs: configurations that every run overlays, as `runs.configs.shipped` takes them.
        settings: of each run, dotted key -> value, in the order of their numbers.
    """

    name: str
    configs: tuple[str, ...]
    settings: tuple[Settings, ...]

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """The runs, in the order of their numbers."""
        return tuple(Run(self.name, self.configs, nested(settings)) for settings in self.settings)

    def run(self, index: int) -> Run:
        """Return one run.

        Raises:
            UsageError: if there is none of that number.
        """
        if not 0 <= index < len(self.runs):
            raise bad_value("--index", index, f"0 to {len(self.runs) - 1}")
        return self.runs[index]


def load_sweep(path: Path) -> Sweep:
    """Return the sweep of a file.

    Raises:
        UsageError: if the file cannot be read, has unknown or no keys, names a configuration that does not
            exist, or sets one key twice; the message names the key.
    """
    content = _read(path)
    for key in content:
        if key not in _KEYS:
            raise bad_value(f"{path}: key", key, f"{', '.join(_KEYS)}{suggest(str(key), _KEYS)}")
    configs = content.get("configs")
    if not isinstance(configs, list) or not configs or not all(isinstance(name, str) for name in configs):
        raise bad_value(f"{path}: configs", configs, "a list of shipped configurations or files")
    points = _points(path, content.get("points", [{}]))
    grid = _grid(path, content.get("grid", {}))
    return Sweep(path.stem, tuple(_config(path, name) for name in configs), _settings(path, points, grid))


def _settings(
    path: Path, points: list[Settings], grid: dict[tuple[str, ...], list[Any]]
) -> tuple[Settings, ...]:
    """Return the settings of every run, counted before they are made."""
    count = len(points)
    for values in grid.values():
        # The product of a long file's lists has too many digits to be told.
        count = min(count * len(values), 10**18)
    if count > MAX_RUNS:
        shown = f"{count:,}" if count < 10**18 else "10^18 or more"
        raise UsageError(f"{path}: got {shown} runs; allowed: at most {MAX_RUNS:,}")
    together = [name for names in grid for name in names]
    most = max(map(len, points)) + len(together)
    if count * most > MAX_SETTINGS:
        raise UsageError(f"{path}: got {count:,} runs of {most:,} keys; allowed: {MAX_SETTINGS:,} in all")
    for point in points:
        _check_apart(path, [*point, *together])
    runs, seen = [], set()
    for point, values in itertools.product(points, itertools.product(*grid.values())):
        settings = dict(point)
        for names, value in zip(grid, values, strict=True):
            settings.update(dict.fromkeys(names, value))
        same = _hashable(settings)
        if same in seen:
            raise UsageError(f"{path}: two runs are the same ({describe(settings)}); allowed: each once")
        seen.add(same)
        runs.append(settings)
    return tuple(runs)


def _check_apart(path: Path, names: Sequence[str]) -> None:
    """Check that no key is set twice, and none together with a part of its value."""
    seen = set()
    for name in names:
        if name in seen:
            raise UsageError(f"{path}: {name!r} is set twice; allowed: once, in points or in grid")
        seen.add(name)
    for name in names:
        parts = name.split(".")
        for end in range(2, len(parts)):
            if (whole := ".".join(parts[:end])) in seen:
                raise UsageError(f"{path}: {name!r} is set inside of {whole!r}; allowed: one of the two")


def _hashable(value: Any) -> Any:
    """Return what is equal, and hashes equally, for equal settings."""
    if isinstance(value, dict):
        return frozenset((name, _hashable(inner)) for name, inner in value.items())
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def describe(settings: Mapping[str, Any]) -> str:
    """Return settings on one line."""
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def _read(path: Path) -> dict[str, Any]:
    content = read_yaml(path, "FILE")
    if not isinstance(content, dict):
        raise UsageError(f"{path}: holds no keys; allowed: {', '.join(_KEYS)}")
    return content


def _config(path: Path, name: str) -> str:
    """Return a configuration's name, a file's as seen from here and not from the sweep file."""
    found = str(path.parent / Path(name).expanduser()) if name.endswith(".yaml") else name
    shipped(found)
    return found


def _points(path: Path, points: Any) -> list[Settings]:
    if not isinstance(points, list) or not points or not all(isinstance(p, dict) for p in points):
        raise bad_value(f"{path}: points", points, "a list of settings, each `key: value`")
    return [{_key(path, name): _plain(path, name, value) for name, value in p.items()} for p in points]


def _grid(path: Path, grid: Any) -> dict[tuple[str, ...], list[Any]]:
    if not isinstance(grid, dict):
        raise bad_value(f"{path}: grid", grid, "`key: [values]`")
    found = {}
    for names, values in grid.items():
        if not isinstance(values, list) or not values:
            raise bad_value(f"{path}: grid: {names}", values, "a list of values")
        keys = tuple(_key(path, name.strip()) for name in str(names).split(","))
        if keys in found:
            raise UsageError(f"{path}: {names!r} is set twice; allowed: once, in points or in grid")
        found[keys] = [_plain(path, names, value) for value in values]
    return found


def _key(path: Path, name: Any) -> str:
    if not _SETTING.fullmatch(str(name)):
        raise UsageError(f"{path}: got key {shortened(name)}; allowed: model.*, data.* or trainer.*")
    return str(name)


def _plain(path: Path, name: Any, value: Any) -> Any:
    """Return a value if a configuration can hold it, and a run be named by it."""
    if isinstance(value, dict):
        for inner in value:
            if not isinstance(inner, str):
                raise bad_value(f"{path}: {shortened(name)}: key", inner, "a text")
    if isinstance(value, float) and not math.isfinite(value):
        raise bad_value(f"{path}: {shortened(name)}", value, "a finite number")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _plain(path, name, inner)
    return value


def nested(settings: Mapping[str, Any]) -> Settings:
    """Return dotted settings as a configuration nests them."""
    result: Settings = {}
    for name, value in settings.items():
        *outer, last = path_of(name)
        place = result
        for part in outer:
            place = place.setdefault(part, {})
        place[last] = value
    return result


def path_of(name: str) -> list[str]:
    """Return where a configuration has a dotted key: ``model.optimizer.lr`` is an argument of two classes."""
    top, *rest = name.split(".")
    if top == "trainer":
        return [top, *rest]
    if rest[0] in _CLASSES and len(rest) > 1 and rest[1] not in ("class_path", "init_args"):
        rest.insert(1, "init_args")
    return [top, "init_args", *rest]
