"""A figure with other settings: what ``lit reproduce TARGET --set [ARM:]KEY=VALUE`` asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from lit_curriculum.errors import bad_value, suggest
from lit_curriculum.reproduce.change import Change, changing
from lit_curriculum.reproduce.figure import Figure
from lit_curriculum.reproduce.results import Results
from lit_curriculum.reproduce.study import Arm, Study

_Found = TypeVar("_Found")
_Pair = tuple[Study, Arm]


def varied(make: Callable[[], Figure], texts: Sequence[str]) -> Figure:
    """Return a figure with changed settings; its picture tells them, and nothing is known of its claims.

    Args:
        make: makes the figure; one with studies.
        texts: see `Change.parse`.

    Raises:
        UsageError: for a figure that trains nothing, an arm that it does not have, a change of what the
            figure compares or that some arms would not take, and changes of nothing.
    """
    figure, changes = make(), [Change.parse(text) for text in texts]
    if not changes:
        return figure
    if not figure.studies:
        raise bad_value("--set", texts[0], "no change: this target trains nothing")
    for text, change in zip(texts, changes, strict=True):
        _check(text, change, changes, figure)
    with changing(changes):
        made = make()
    said = "; ".join(map(str, changes))

    def inside(function: Callable[..., _Found]) -> Callable[..., _Found]:
        # Claims and pictures may make studies of their own.
        def call(*given: Any) -> _Found:
            with changing(changes):
                return function(*given)

        return call

    def draw(results: Results) -> Any:
        picture = made.draw(results)
        told = f"changed: {said}"
        picture.text(0.01, 0.995, told, fontsize=7, color="#b00020", va="top", parse_math=False)
        return picture

    return replace(
        made,
        cost=f"{figure.cost} (said of the figure as it is)",
        draw=inside(draw),
        claims=inside(made.claims),
        table=None if made.table is None else inside(made.table),
        measure=None if made.measure is None else inside(made.measure),
        known={},
    )


def _check(text: str, change: Change, changes: Sequence[Change], figure: Figure) -> None:
    """Check a change against a figure's arms and settings.

    Raises:
        UsageError: see `varied`.
    """
    pairs = [(study, arm) for study in _all_studies(figure) for arm in _all_arms(study)]
    arms = {arm.name: arm for _, arm in pairs}
    if change.arm is not None and change.arm not in arms:
        raise bad_value("--set", text, f"an arm of {', '.join(arms)}{suggest(change.arm, arms)}")
    if sum((other.arm, other.key) == (change.arm, change.key) for other in changes) > 1:
        raise bad_value("--set", text, f"{change.key} once for each arm")
    takers = [(study, arm) for study, arm in pairs if _takes(arm, change, changes)]
    if change.arm is None:
        _check_for_all(text, change, changes, pairs)
    else:
        _check_is_reported(text, change, changes, figure)
    for study, arm in takers:
        for known in (*arm.set, *study.set, *study.grid, *(other.key for other in changes)):
            if known.startswith(f"{change.key}.") or change.key.startswith(f"{known}."):
                raise bad_value("--set", text, f"other parts of it than {known}, or {known} by itself")
        said = arm in study.arms and _is_axis(change.key, study, arm)
        if said or change.key in (*figure.fixed, *study.fixed):
            allowed = f"a setting other than {change.key}, which this figure compares or names itself"
            raise bad_value("--set", text, allowed)
    for_all = [other.value for other in changes if (other.arm, other.key) == (None, change.key)]
    values = list({str(_value(change.key, pair, for_all if change.arm else [])): None for pair in takers})
    if values in ([], [str(change.value)]) or change.value == {}:
        raise bad_value("--set", text, "a change: this is so already")
    if len(values) > 1:
        allowed = f"a setting other than {change.key}, of which this figure compares {', '.join(values)}"
        raise bad_value("--set", text, allowed)


def _check_for_all(text: str, change: Change, changes: Sequence[Change], pairs: Sequence[_Pair]) -> None:
    """Check that a change without an arm is every arm's: none sets it itself, unless it is told as well."""
    told = {other.arm for other in changes if other.key == change.key}
    own = dict.fromkeys(arm.name for _, arm in pairs if change.key in arm.set and arm.name not in told)
    if own:
        raise bad_value(
            "--set", text, f"ARM:KEY=VALUE, for these set {change.key} themselves: {', '.join(own)}"
        )


def _check_is_reported(text: str, change: Change, changes: Sequence[Change], figure: Figure) -> None:
    """Check that an arm is shown, or teaches; others are searched alone, and change only with those shown."""
    shown = {arm.name: None for study in figure.studies for arm in _all_arms(study)}
    told = {other.arm for other in changes if other.key == change.key}
    if change.arm not in shown and not told & {None, *shown}:
        allowed = f"an arm of {', '.join(shown)}; {change.arm} is trained in the search alone"
        raise bad_value("--set", text, allowed)


def _value(key: str, pair: _Pair, for_all: Sequence[Any]) -> Any:
    """Return an arm's setting as the figure has it; the values that are searched where it is.

    Args:
        key: dotted.
        pair: the arm, in its study.
        for_all: the change of all arms that is made beside, none or one: an arm's own is made of that.
    """
    study, arm = pair
    if for_all and key not in arm.set:
        return for_all[0]
    if key in study.search.grid and key not in arm.set:
        return study.search.grid[key]
    try:
        return study.value(key, arm)
    except KeyError:
        return "a default"


def _is_axis(key: str, study: Study, arm: Arm) -> bool:
    """Tell whether a column of the results says an arm's value of a setting."""
    name = key.rpartition(".")[2]
    if name not in study.axes:
        return False
    try:
        return bool(study.value(key, arm) == study.axes[name])
    except KeyError:
        return False


def _takes(arm: Arm, change: Change, changes: Sequence[Change]) -> bool:
    if change.arm is not None:
        return arm.name == change.arm
    told = any((other.arm, other.key) == (arm.name, change.key) for other in changes)
    return change.key not in arm.set and not told


def _all_studies(figure: Figure) -> list[Study]:
    """Return a figure's studies and those in which they are searched, each once."""
    found = {id(study): study for one in figure.studies for study in (one, one.search)}
    return list(found.values())


def _all_arms(study: Study) -> Iterator[Arm]:
    for arm in study.arms:
        one: Arm | None = arm
        while one is not None:
            yield one
            one = one.teacher
