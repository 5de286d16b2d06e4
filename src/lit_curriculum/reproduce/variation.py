"""A figure with other settings: what ``lit reproduce TARGET --set [ARM:]KEY=VALUE`` asks for."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from lit_curriculum.errors import UsageError, bad_value, suggest
from lit_curriculum.reproduce.figure import Figure
from lit_curriculum.reproduce.results import Results
from lit_curriculum.reproduce.study import Arm, Study
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


def varied(figure: Figure, texts: Sequence[str]) -> Figure:
    """Return a figure with changed settings; its picture tells them, and nothing is known of its claims.

    Args:
        figure: any with studies.
        texts: see `Change.parse`.

    Raises:
        UsageError: for a figure that trains nothing, an arm that it does not have, and a change that no arm
            takes.
    """
    changes = [Change.parse(text) for text in texts]
    if not changes:
        return figure
    if not figure.studies:
        raise bad_value("--set", texts[0], "no change: this target trains nothing")
    for text, change in zip(texts, changes, strict=True):
        _check(text, change, changes, figure)
    change_study = _Changed(changes).study
    said = "; ".join(map(str, changes))

    def draw(results: Results) -> Any:
        picture = figure.draw(results)
        told = f"changed: {said}"
        picture.text(0.01, 0.995, told, fontsize=7, color="#b00020", va="top", parse_math=False)
        return picture

    studies = tuple(change_study(study) for study in figure.studies)
    cost = f"{figure.cost} (said of the figure as it is)"
    return replace(figure, cost=cost, studies=studies, draw=draw, known={})


def _check(text: str, change: Change, changes: Sequence[Change], figure: Figure) -> None:
    """Check a change against a figure's arms and settings.

    Raises:
        UsageError: see `varied`.
    """
    studies = figure.studies
    arms = {arm.name: arm for study in studies for arm in _all_arms(study)}
    if change.arm is not None and change.arm not in arms:
        raise bad_value("--set", text, f"an arm of {', '.join(arms)}{suggest(change.arm, arms)}")
    if sum((other.arm, other.key) == (change.arm, change.key) for other in changes) > 1:
        raise bad_value("--set", text, f"{change.key} once for each arm")
    takers = [(study, arm) for study in studies for arm in _all_arms(study) if _takes(arm, change)]
    if not takers:
        raise bad_value("--set", text, "an arm's own change, ARM:KEY=VALUE: every arm sets it itself")
    for study, arm in takers:
        for known in (*arm.set, *study.set, *study.grid, *(other.key for other in changes)):
            if known.startswith(f"{change.key}.") or change.key.startswith(f"{known}."):
                raise bad_value("--set", text, f"other parts of it than {known}, or {known} by itself")
        said = arm in study.arms and _is_axis(change.key, study, arm)
        if said or change.key in (*figure.fixed, *study.fixed):
            allowed = f"a setting other than {change.key}, which this figure compares or names itself"
            raise bad_value("--set", text, allowed)


def _is_axis(key: str, study: Study, arm: Arm) -> bool:
    """Tell whether a column of the results says an arm's value of a setting."""
    name = key.rpartition(".")[2]
    if name not in study.axes:
        return False
    try:
        return bool(study.value(key, arm) == study.axes[name])
    except KeyError:
        return False


class _Changed:
    """Studies and arms with changes; what two share before, they share after."""

    def __init__(self, changes: Iterable[Change]) -> None:
        self._changes = list(changes)
        self._studies: dict[int, tuple[Study, Study]] = {}

    def study(self, study: Study) -> Study:
        """Return a study with the changes, the one whose search it uses too."""
        if id(study) not in self._studies:
            tuned_in = self.study(study.tuned_in) if study.tuned_in is not None else None
            arms = tuple(self.arm(arm, study.search.grid) for arm in study.arms)
            # The old one is kept, so that no other takes its place in memory.
            self._studies[id(study)] = (study, replace(study, arms=arms, tuned_in=tuned_in))
        return self._studies[id(study)][1]

    def arm(self, arm: Arm, searched: Container[str]) -> Arm:
        """Return an arm with the changes, its teacher too.

        Args:
            arm: of a study, or a teacher.
            searched: settings that the study searches. Those of the arm from whose search this one's come are
                changed here, too: they would have come from there.
        """
        for_all = [change for change in self._changes if change.arm is None and change.key not in arm.set]
        inherited = [
            change
            for change in self._changes
            if change.arm is not None and change.arm == arm.tuned_as
            if change.key in searched and change.key not in arm.set
        ]
        own = [change for change in self._changes if change.arm == arm.name]
        # The nearer to the arm, the stronger, whichever is given first.
        settings = {change.key: change.value for change in (*for_all, *inherited, *own)}
        teacher = self.arm(arm.teacher, searched) if arm.teacher is not None else None
        return replace(arm, set={**arm.set, **settings}, teacher=teacher)


def _takes(arm: Arm, change: Change) -> bool:
    return change.key not in arm.set if change.arm is None else arm.name == change.arm


def _all_arms(study: Study) -> Iterable[Arm]:
    for arm in study.arms:
        one: Arm | None = arm
        while one is not None:
            yield one
            one = one.teacher


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
