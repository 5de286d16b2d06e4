"""A setting that is not the figure's, and those that are in force while a figure is made.

A figure reads its studies everywhere: in titles, in the rules of its claims, in what it computes of a run's
length. So a change is not put into studies that are there. It is in force while a figure is made, and each
study that is made then has it and keeps it (`Study.changes`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import yaml

from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.strict_yaml import parse_yaml

FORM = "KEY=VALUE or ARM:KEY=VALUE, e.g. data.batch_size=64, teacher:model.optimizer.lr=1e-3"
_FORM = re.compile(r"(?:(?P<arm>.+?):)?(?P<key>(?:model|data|trainer)(?:\.\w+)+)=(?P<value>.*)", re.DOTALL)
# What YAML 1.1 takes for a number to the base of 60.
_MINUTES = re.compile(r"[-+]?\d+(:\d+)+(\.\d*)?")
# A run's seed and what it evaluates are the study's, its callbacks the arm's, its folder and files the lab's.
_FIXED = (
    *("model.model_seed", "data.data_seed", "data.eval_streams", "trainer.callbacks"),
    *("trainer.default_root_dir", "trainer.logger", "trainer.fast_dev_run"),
)


@dataclass(frozen=True)
class Change:
    """A setting that is not the figure's.

    Attributes:
        arm: whose; None for every arm that does not set it itself, teachers among them.
        key: dotted, as in `Study.set`.
        value: not searched any more.
    """

    arm: str | None
    key: str
    value: Any

    @classmethod
    def parse(cls, text: str) -> Change:
        """Return the change that ``[ARM:]KEY=VALUE`` asks for; the value is YAML.

        Raises:
            UsageError: for another form, or a setting that a figure keeps to itself.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise bad_value("--set", text, FORM)
        arm, key, given = found["arm"], found["key"], found["value"]
        if any(key == fixed or key.startswith(f"{fixed}.") for fixed in _FIXED):
            raise bad_value(
                "--set", text, f"a setting other than {', '.join(_FIXED)}, which a figure has to choose"
            )
        if "init_args" in key.split("."):
            raise bad_value("--set", text, f"the key without init_args: {key.replace('.init_args', '')}")
        return cls(arm, key, _value(text, given))

    def __str__(self) -> str:
        shown = f"{self.key} = {self.value}"
        return shown if self.arm is None else f"{self.arm}: {shown}"


_IN_FORCE: ContextVar[tuple[Change, ...]] = ContextVar("changes", default=())


def in_force() -> tuple[Change, ...]:
    """Return the changes of the figure that is being made."""
    return _IN_FORCE.get()


@contextmanager
def changing(changes: Sequence[Change]) -> Iterator[None]:
    """Put changes in force for the studies that are made in the body."""
    token = _IN_FORCE.set(tuple(changes))
    try:
        yield
    finally:
        _IN_FORCE.reset(token)


def _value(text: str, given: str) -> Any:
    convert: Callable[[str], Any]
    for convert in (int, float):
        try:
            number = convert(given)
        except ValueError:
            continue
        if math.isfinite(number):
            return number
    if _MINUTES.fullmatch(given):
        return given
    try:
        return parse_yaml(given)
    except yaml.YAMLError as error:
        raise UsageError(f"--set: got {text!r}, whose value is no YAML; allowed: {FORM}") from error
