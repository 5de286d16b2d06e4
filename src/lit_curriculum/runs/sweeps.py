"""A sweep: a file that names many runs, as the product of a few lists of settings.

    kind: subsets                    # beginning of the folders' names
    configs: [bit_subset_parity, paper/bit_subset_parity]
    axes:
      - - {data.d: 8, model.max_length: 10}
        - {data.d: 16, model.max_length: 22}
      - - {model.lr: 1.0e-5}
        - {model.lr: 1.0e-4}

Each run takes one entry of every axis, the last axis varying fastest. Settings that belong together, like
two seeds, stand in one entry. A run is the same `Run` as a figure's: with the same settings it has the same
folder, and a figure finds it finished.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lit_curriculum.errors import UsageError, bad_value, suggest
from lit_curriculum.runs.configs import shipped
from lit_curriculum.runs.graph import Run

_KEYS = ("kind", "configs", "axes")
_SECTIONS = ("model", "data")


@dataclass(frozen=True)
class Sweep:
    """Many runs that share configurations.

    Attributes:
        kind: beginning of the folders' names.
        configs: names of shipped configurations, each overlaying the one before.
        points: every run's settings, ``model.NAME`` or ``data.NAME`` -> value.
    """

    kind: str
    configs: tuple[str, ...]
    points: tuple[dict[str, Any], ...]

    def run(self, index: int) -> Run:
        """Return a run, as a figure would name it.

        Raises:
            UsageError: for a number out of range.
        """
        return Run(self.kind, self.configs, _nested(self._point(index)))

    def words(self, index: int, root: Path) -> list[str]:
        """Return the words after ``lit`` that train a run in its folder below ``root``.

        Raises:
            UsageError: for a number out of range.
        """
        words = ["fit", *(word for name in self.configs for word in ("--config", str(shipped(name))))]
        words += [f"--{name}={_in_yaml(value)}" for name, value in self._point(index).items()]
        return [*words, "--run_dir", str(self.run(index).folder(root))]

    def _point(self, index: int) -> dict[str, Any]:
        if not 0 <= index < len(self.points):
            raise bad_value("--run", index, f"0 to {len(self.points) - 1}")
        return self.points[index]


def load_sweep(path: Path) -> Sweep:
    """Read a sweep.

    Raises:
        UsageError: for a file that is not there or no sweep, naming the key that is wrong.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise bad_value("sweep", str(path), f"a readable YAML file ({reason})") from error
    if not isinstance(content, dict):
        raise bad_value("sweep", str(path), f"a mapping with the keys {', '.join(_KEYS)}")
    for key in content:
        if key not in _KEYS:
            raise bad_value(f"{path.name}: key", key, f"{', '.join(_KEYS)}{suggest(str(key), _KEYS)}")
    for key in _KEYS:
        if key not in content:
            raise UsageError(f"{path.name}: {key}: missing; allowed: {', '.join(_KEYS)}")
    configs = content["configs"]
    if not isinstance(configs, list) or not configs:
        raise bad_value(f"{path.name}: configs", configs, "a list of names of shipped configurations")
    for name in configs:
        shipped(str(name))
    return Sweep(str(content["kind"]), tuple(configs), _product(path.name, content["axes"]))


def _product(file: str, axes: Any) -> tuple[dict[str, Any], ...]:
    if not isinstance(axes, list) or not axes:
        raise bad_value(f"{file}: axes", axes, "a list of lists of settings")
    settled: dict[str, int] = {}
    for number, axis in enumerate(axes, 1):
        _check_axis(f"{file}: axis {number}", axis)
        for name in {name for entry in axis for name in entry}:
            if name in settled:
                raise UsageError(
                    f"{file}: axis {number}: {name} is set on axis {settled[name]} already; allowed: one axis"
                )
            settled[name] = number
    points = [
        {name: value for entry in entries for name, value in entry.items()}
        for entries in itertools.product(*axes)
    ]
    return tuple(points)


def _check_axis(place: str, axis: Any) -> None:
    if not isinstance(axis, list) or not axis or not all(isinstance(e, dict) and e for e in axis):
        raise bad_value(place, axis, "a list of mappings, each with settings as model.NAME or data.NAME")
    for i, entry in enumerate(axis):
        for name in entry:
            section, _, rest = str(name).partition(".")
            if section not in _SECTIONS or not rest or "." in rest:
                raise bad_value(f"{place}: setting", name, "model.NAME or data.NAME")
        if entry.keys() != axis[0].keys():
            difference = ", ".join(sorted(entry.keys() ^ axis[0].keys()))
            raise UsageError(
                f"{place}: entry {i + 1} differs from the first in {difference}; allowed: the same settings"
            )


def _nested(point: dict[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for name, value in point.items():
        section, _, rest = name.partition(".")
        settings.setdefault(section, {"init_args": {}})["init_args"][rest] = value
    return settings


def _in_yaml(value: Any) -> str:
    """Return a value as one word that YAML reads back as the same."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(_in_yaml(item) for item in value) + "]"
    return yaml.safe_dump(value).removesuffix("\n").removesuffix("\n...")
