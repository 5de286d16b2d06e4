"""What a cluster is asked for, for each run: a small YAML file.

partition: gpu            # every key may be left out; `lit sweep FILE --partition` and so on win
time: "4:00:00"           # of one job, in quotes; a longer run goes on in the next job
gpus_per_run: 1
cpus_per_run: 4
memory_gb: 16
constraint: h100
account: my_group
qos: normal
at_once: 64               # jobs that run side by side
grace_seconds: 120        # before its time is up a job is told, and saves
requeues: 100             # of one job
setup: [module load cuda] # lines of the job's script before the run
python: python            # how Python is started, e.g. in a container
options: {reservation: x} # further options of sbatch
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from lit_curriculum.errors import UsageError, bad_value, suggest
from lit_curriculum.reading import read_yaml

_TIME = re.compile(r"(?:(\d+)-)?(\d{1,2}):([0-5]\d):([0-5]\d)")


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Resources of one run's job; the module's text says what each means."""

    partition: str | None = None
    time: str = "1:00:00"
    gpus_per_run: int = 0
    tasks_per_run: int = 0
    cpus_per_run: int = 1
    memory_gb: int | None = None
    constraint: str | None = None
    account: str | None = None
    qos: str | None = None
    at_once: int = 256
    grace_seconds: int = 120
    requeues: int = 100
    poll_seconds: int = 10
    setup: tuple[str, ...] = ()
    python: str | None = None
    options: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def tasks(self) -> int:
        """Processes of a run: one for each GPU, or ``tasks_per_run`` on processors."""
        return self.tasks_per_run or max(1, self.gpus_per_run)

    @property
    def minutes(self) -> int:
        """`time` in whole minutes, rounded up."""
        days, hours, minutes, seconds = (int(part or 0) for part in _TIME.fullmatch(self.time).groups())  # type: ignore[union-attr]
        return (days * 24 + hours) * 60 + minutes + (seconds > 0)


_KINDS = {
    "time": ("text of the form 'H:MM:SS' or 'D-HH:MM:SS', in quotes", str),
    "setup": ("a list of lines", tuple),
    "options": ("`option: value`", dict),
}
_LEAST = {"gpus_per_run": 0, "tasks_per_run": 0, "requeues": 0, "grace_seconds": 10}


def load_profile(path: Path | None, **given: Any) -> Profile:
    """Return a file's profile; what is given and not None replaces its values.

    Raises:
        UsageError: for a file that cannot be read, an unknown key or a wrong value; the message names it.
    """
    content: Any = {} if path is None else read_yaml(path, "--profile")
    place = "" if path is None else f"{path}: "
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise UsageError(f"{place}holds no keys; allowed: {', '.join(_names())}")
    for key in content:
        if key not in _names():
            allowed = f"{', '.join(_names())}{suggest(str(key), _names())}"
            raise bad_value(f"{place}key", key, allowed)
    checked = {key: _checked(f"{place}{key}", key, value) for key, value in content.items()}
    replaced = {
        key: _checked(f"--{key.replace('_', '-')}", key, value)
        for key, value in given.items()
        if value is not None
    }
    profile = replace(Profile(), **{**checked, **replaced})
    if profile.gpus_per_run and profile.tasks_per_run not in (0, profile.gpus_per_run):
        allowed = f"0 or gpus_per_run = {profile.gpus_per_run}: a process has one GPU"
        raise bad_value(f"{place}tasks_per_run", profile.tasks_per_run, allowed)
    if profile.minutes * 60 <= profile.grace_seconds:
        raise bad_value(f"{place}time", profile.time, f"more than grace_seconds = {profile.grace_seconds}")
    return profile


def _names() -> list[str]:
    return [one.name for one in fields(Profile)]


def _checked(name: str, key: str, value: Any) -> Any:
    if key == "time":
        if not isinstance(value, str) or not _TIME.fullmatch(value):
            # YAML reads 4:00:00 as a number to the base of 60.
            unquoted = type(value) is int
            raise bad_value(name, value, _KINDS[key][0] + " (without them YAML reads a number)" * unquoted)
        return value
    if key == "setup":
        if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
            raise bad_value(name, value, _KINDS[key][0])
        return tuple(value)
    if key == "options":
        plain = isinstance(value, dict) and all(
            isinstance(option, str) and isinstance(inner, str | int) and f"{option}{inner}".isprintable()
            for option, inner in value.items()
        )
        if not plain:
            raise bad_value(name, value, _KINDS[key][0])
        return value
    kind: Any = next(one.type for one in fields(Profile) if one.name == key)
    if "int" in kind:
        least = _LEAST.get(key, 1)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise bad_value(name, value, f"an integer of at least {least}")
    elif not isinstance(value, str) or not value.strip():
        raise bad_value(name, value, "a text")
    return value
