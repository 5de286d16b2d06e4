"""Controls: students that get what a curriculum's student gets, and not the curriculum.

A control is made from the arm that it is a control of, so that it differs in nothing else. Each learns from
answers as wrong as a teacher's on its way, or from its checkpoints themselves; if order and content of the
checkpoints are why a student learns, none of them does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from lit_curriculum.reproduce.claim import Claim, final, gain, listed
from lit_curriculum.reproduce.predicates import MeanAbove, Predicate
from lit_curriculum.reproduce.results import Results
from lit_curriculum.reproduce.study import SEED, Arm, Settings


@dataclass(frozen=True, kw_only=True)
class Control:
    """One way to take the curriculum away.

    Attributes:
        name: of the arm.
        what: what its student learns from, the subject of its claims' sentences, in the plural.
        short: the same in a legend.
        change: `SwapTeacher`'s arguments of the curriculum -> those of the control.
        elsewhere: whether another teacher answers, one that learned another task.
    """

    name: str
    what: str
    short: str
    change: Callable[[Settings], Settings]
    elsewhere: bool = False

    @property
    def slug(self) -> str:
        """The name in claims' ids."""
        return self.name.replace(" ", "-")

    @property
    def named(self) -> str:
        """What its student learns from, inside a sentence."""
        return self.what[0].lower() + self.what[1:].rstrip(",")

    def of(self, arm: Arm, other: Arm | None = None, tuned_as: str | None = None) -> Arm:
        """Return the control of an arm.

        Args:
            arm: a student that is taught by a curriculum.
            other: a teacher of another task, where the control asks one.
            tuned_as: see `Arm`; by default the control searches its own settings.
        """
        assert arm.teach is not None
        assert not self.elsewhere or other is not None
        teacher = other if self.elsewhere else arm.teacher
        taught = self.change(arm.teach)
        return replace(arm, name=self.name, teacher=teacher, teach=taught, tuned_as=tuned_as)


def shuffled(seed: Any = SEED) -> Control:
    """Return the control of random order; by default every seed of the student has an order of its own."""
    what = "The same checkpoints in a random order"
    short = "same checkpoints, shuffled"
    return Control(name="shuffled", what=what, short=short, change=_reordered("shuffled", order_seed=seed))


def backwards(
    name: str = "reversed",
    what: str = "The same checkpoints in reversed order, the final one first,",
    short: str = "same checkpoints, reversed",
) -> Control:
    """Return the control of reversed order; of two checkpoints the intermediate one comes last."""
    return Control(name=name, what=what, short=short, change=_reordered("reversed"))


def middle_last() -> Control:
    """Return the control of two checkpoints, the one in the middle of the transition and the final one."""
    what = "The final checkpoint first and the one in the middle last"
    return backwards("middle last", what, "final one first, middle last")


def elsewhere(of: str) -> Control:
    """Return the control of a teacher that learned another ``of``, a support or a grammar."""
    what = f"The checkpoints of a teacher of another {of}"
    short = f"teacher of another {of}"
    return Control(name=f"other {of}", what=what, short=short, change=_with(other_task=True), elsewhere=True)


def noisy() -> Control:
    """Return the control of labels with as many errors as each checkpoint makes."""
    what = "Labels, as many of them wrong as of each checkpoint's answers,"
    short = "labels as often wrong"
    return Control(name="noisy labels", what=what, short=short, change=_with(noisy_labels=True))


def throughout(step: int) -> Control:
    """Return the control of one checkpoint for the whole length, an early one."""
    one = {"class_path": "Explicit", "init_args": {"checkpoints": [step], "durations": [1]}}
    what = f"The answers of one early checkpoint, that of step {step:,}, from beginning to end"
    short = f"checkpoint of step {step:,} throughout"
    return Control(name="early checkpoint", what=what, short=short, change=_with(strategy=one))


def controls_of(
    arm: Arm, controls: Iterable[Control], other: Arm | None = None, tuned_as: str | None = None
) -> tuple[Arm, ...]:
    """Return an arm's controls, see `Control.of`."""
    return tuple(control.of(arm, other, tuned_as) for control in controls)


def another_support(d: int, k: int) -> list[int]:
    """Return a support of k of d coordinates that shares none with the first k, for k up to d / 2."""
    return list(range(d // 2, d // 2 + k))


def _reordered(order: str, **more: Any) -> Callable[[Settings], Settings]:
    def change(teach: Settings) -> Settings:
        arguments = {"strategy": teach["strategy"], "order": order, **more}
        return {**teach, "strategy": {"class_path": "Reordered", "init_args": arguments}}

    return change


def _with(**more: Any) -> Callable[[Settings], Settings]:
    return lambda teach: {**teach, **more}


# --- claims -----------------------------------------------------------------------------------------------


def ahead(arm: str, subject: str, control: Control, level: float = 0.99) -> Claim:
    """Return the claim that an arm's student ends above a control's, paired by seed.

    Args:
        arm: the curriculum's.
        subject: what the curriculum is called, which begins the sentence.
        control: of that arm.
        level: accuracy at which the task counts as solved; the note says in how many seeds the control did.
    """
    return Claim(
        f"over-{control.slug}",
        f"{subject} ends above its control: {control.named}.",
        gain(arm, control.name),
        MeanAbove(),
        note=solved(control.name, level),
    )


def stuck(control: Control, rule: Predicate) -> Claim:
    """Return the claim that a control's student stays near chance, with the rule that says what near is."""
    return Claim(
        f"{control.slug}-stuck",
        f"{control.what} leave it near chance.",
        final(control.name),
        rule,
    )


def solved(control: str, level: float) -> Callable[[Results], str]:
    """Return a note on how often a control reached a level all the same, and where each seed ended."""

    def note(results: Results) -> str:
        ends = list(results.final(control, "accuracy").values())
        reached = sum(end >= level for end in ends)
        return f"at least {level:g} in {reached} of {len(ends)} seeds: {listed(ends)}"

    return note
