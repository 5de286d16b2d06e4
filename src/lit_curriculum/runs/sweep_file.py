"""A sweep file: YAML that stands for many runs, a grid of settings on top of configurations.

    configs: [bit_subset_parity, paper/bit_subset_parity]   # shipped names, or files beside this one
    points:                                                 # settings that belong together, optional
      - {data.d: 8, data.subtask_labels: true, model.max_length: 10}
      - {data.d: 8, data.subtask_labels: false, model.max_length: 8}
    grid:                                                   # each point with every combination, optional
      model.optimizer.lr: [1.0e-4, 1.0e-5]
      data.data_seed, model.model_seed: [27, 67, 93]        # one value for both

Keys are those of the command line: ``model.width`` for ``--model.width``. The runs are numbered from 0,
points first, the grid's last key fastest, so that a job array's index names one of them.

Runs may need others. Then groups stand in place of points; the grid above them is every group's:

    groups:
      teacher:
        points: [{model.width: 1000, trainer.callbacks: [...]}]
      student:
        needs: teacher                   # the run of that group with the same values, here of the grid
        configs: [distill/student]       # on top of the others
        shift: {data.data_seed: 1000}    # added afterwards: other samples than the teacher's
        points: [{trainer.callbacks: [{class_path: SwapTeacher, init_args: {bank: "{bank}", ...}}]}]
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lit_curriculum.errors import UsageError, bad_value, shortened, suggest
from lit_curriculum.reading import read_yaml
from lit_curriculum.runs.configs import shipped
from lit_curriculum.runs.graph import BANK
from lit_curriculum.runs.sweep import Group, Settings, Sweep, describe, hashable

_KEYS = ("configs", "points", "grid", "groups")
_OF_GROUP = ("needs", "configs", "shift", "points", "grid")
_SETTING = re.compile(r"(model|data|trainer)(\.[^\s.,]+)+")

MAX_RUNS = 100_000
"""Most runs of one file."""

MAX_SETTINGS = 10_000_000
"""Most settings of all runs of one file together."""


def load_sweep(path: Path) -> Sweep:
    """Return the sweep of a file.

    Raises:
        UsageError: if the file cannot be read, has unknown or no keys, names a configuration that does not
            exist, sets one key twice, or has groups that need one another; the message names the key.
    """
    content = _read(path)
    _check_keys(f"{path}", content, _KEYS)
    configs = _configs(path, "configs", content.get("configs"))
    if path.stem in ("runs", "jobs"):
        raise UsageError(f"{path}: its name is that of a folder beside the sweep's; allowed: another name")
    if "groups" not in content:
        points = _points(path, content.get("points", [{}]))
        grid = _grid(path, content.get("grid", {}))
        sweep = Sweep(path.stem, (Group("", configs, _settings(path, points, grid)),))
    else:
        if "points" in content:
            raise UsageError(f"{path}: points: got some beside groups; allowed: in each group")
        sweep = Sweep(path.stem, _groups(path, configs, content.get("grid", {}), content["groups"]))
        sweep.runs  # noqa: B018  each finds what it needs
    return sweep


def _check_keys(place: str, content: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in content:
        if key not in known:
            raise bad_value(f"{place}: key", key, f"{', '.join(known)}{suggest(str(key), known)}")


def _configs(path: Path, key: str, configs: Any) -> tuple[str, ...]:
    if not isinstance(configs, list) or not configs or not all(isinstance(name, str) for name in configs):
        raise bad_value(f"{path}: {key}", configs, "a list of shipped configurations or files")
    return tuple(_config(path, name) for name in configs)


def _groups(path: Path, configs: tuple[str, ...], grid: Any, groups: Any) -> tuple[Group, ...]:
    """Return the groups of a file, those that are needed first."""
    named = isinstance(groups, dict) and all(
        isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_]+", name) and isinstance(one, dict)
        for name, one in groups.items()
    )
    if not named or not groups:
        allowed = "`name: {points: ...}`, names of letters, digits and _; a group may be {}"
        raise bad_value(f"{path}: groups", groups, allowed)
    for name, one in groups.items():
        _check_keys(f"{path}: groups.{name}", one, _OF_GROUP)
        others = [other for other in groups if other != name]
        if one.get("needs") not in (None, *others):
            allowed = f"{', '.join(others) or 'another group'}{suggest(str(one['needs']), others)}"
            raise bad_value(f"{path}: groups.{name}.needs", one["needs"], allowed)
    made = {name: _group(path, configs, grid, name, one) for name, one in groups.items()}
    count = sum(len(group.settings) for group in made.values())
    if count > MAX_RUNS:
        raise UsageError(f"{path}: got {count:,} runs; allowed: at most {MAX_RUNS:,}")
    ordered: list[Group] = []
    while len(ordered) < len(made):
        there = {group.name for group in ordered}
        ready = [g for g in made.values() if g.name not in there and g.needs in (None, *there)]
        if not ready:
            circle = ", ".join(name for name in made if name not in there)
            raise UsageError(f"{path}: groups: {circle} need one another; allowed: needs without a circle")
        ordered += ready
    return tuple(ordered)


def _group(path: Path, configs: tuple[str, ...], grid: Any, name: str, content: dict[str, Any]) -> Group:
    place = f"groups.{name}"
    if "configs" in content:
        configs += _configs(path, f"{place}.configs", content["configs"])
    points = _points(path, content.get("points", [{}]), f"{place}.points")
    every = {**_grid(path, grid), **_grid(path, content.get("grid", {}))}
    settings = _settings(path, points, every)
    shift = content.get("shift", {})
    numbers = isinstance(shift, dict) and all(_is_number(value) for value in shift.values())
    if not numbers:
        raise bad_value(f"{path}: {place}.shift", shift, "`key: number`, numbers finite")
    for key in shift:
        if not all(_is_number(one.get(key)) for one in settings):
            raise bad_value(f"{path}: {place}.shift", key, "a key of its grid or points with numbers")
    if content.get("needs") is None and BANK in str(settings):
        raise UsageError(
            f"{path}: {place}: got {BANK} without needs; allowed: with the group that harvests it"
        )
    return Group(name, configs, settings, content.get("needs"), shift)


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
        same = hashable(settings)
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


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


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


def _points(path: Path, points: Any, place: str = "points") -> list[Settings]:
    if not isinstance(points, list) or not points or not all(isinstance(p, dict) for p in points):
        raise bad_value(f"{path}: {place}", points, "a list of settings, each `key: value`")
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
