"""BERT executes programs sooner when intermediate values are supervised, all or some (figure 3).

Left: from [CLS], the last value alone against the mixture in which each earlier one has a label with
probability p: the paper's 1/320, or 0.3 in a laptop's small batches. Right: token by token, the last value
alone against all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale, judge, listed, require_seeds
from lit_curriculum.papers.implicit.training import (
    Method,
    Training,
    at_most,
    curves,
    finals,
    steps_to,
    train,
)
from lit_curriculum.papers.style import curve, in_millions, panels
from lit_curriculum.runs.lab import Lab


@dataclass(frozen=True)
class Style:
    """A panel: a style of classification, its programs and how models are trained on them.

    Attributes:
        training: what its runs share.
        n_statements: statements of a program.
    """

    training: Training
    n_statements: int


@dataclass(frozen=True)
class Statements:
    """A setting.

    Attributes:
        cls: all values are read from [CLS].
        token: each value is read from its own token.
        p_intermediate: probability of an intermediate label in the mixture.
    """

    cls: Style
    token: Style
    p_intermediate: float = 1 / 320

    def of(self, readout: str) -> Style:
        """Return the panel of a style, ``cls`` or ``token``."""
        return self.cls if readout == "cls" else self.token

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds that are reported."""
        return self.cls.training.seeds

    @property
    def tuning_seeds(self) -> tuple[int, ...]:
        """Seeds that choose the rates."""
        return self.cls.training.tuning_seeds


_SMOKE = Training(("programs", "smoke/programs"), 40, 10, 16, (1e-3,), seeds=(0,), tuning_seeds=())
_PAPER = Training(("programs", "paper/programs"), 24_000, 250, 1024, (1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4))

SETTINGS: dict[Scale, Statements] = {
    "smoke": Statements(cls=Style(_SMOKE, 3), token=Style(_SMOKE, 3), p_intermediate=0.1),
    # Each step of a program takes a layer. From [CLS] four statements are too few: some seeds find the
    # last value alone as soon as with the mixture. At p = 0.1 the values between come late in a
    # batch this small, and help little.
    "laptop": Statements(
        cls=Style(
            Training(("programs",), 11_000, 100, 128, (5e-3,), model={"layers": 5, "max_length": 11}), 5
        ),
        token=Style(Training(("programs",), 2000, 100, 128, (5e-3,)), 4),
        p_intermediate=0.3,
    ),
    "paper": Statements(cls=Style(_PAPER, 10), token=Style(_PAPER, 10)),
}

LEARNED = 0.9
# Panel by panel: the single task and what is compared with it, in the same style of classification.
PAIRS = (("cls-last", "cls-mixture"), ("token-last", "token-all"))
COLOURS = {"last": "#2f6fb0", "mixture": "#c8442b", "all": "#c8442b"}


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "half a minute",
        "laptop": "12 runs; about 55 minutes on two cores",
        "paper": "per seed 4 runs of 2.5e17 operations, six rates each (GPU)",
    }[scale]


def methods(setting: Statements, pairs: Sequence[tuple[str, str]] = PAIRS) -> list[Method]:
    """Return everything that is trained in the given panels."""
    made = []
    for method in (name for pair in pairs for name in pair):
        readout, supervision = method.split("-")
        shared = {"readout": readout, "n_statements": setting.of(readout).n_statements}
        data = {**shared, "supervision": supervision, "p_intermediate": setting.p_intermediate}
        made.append(Method(method, shared, data))
    return made


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train the variants and their baselines."""
    setting, rows = SETTINGS[scale], []
    for pair in PAIRS:
        style = setting.of(readout_of(pair))
        metrics = {"accuracy": "accuracy"}
        metrics |= {f"position_{t}": f"position_{t}" for t in range(1, style.n_statements + 1)}
        rows += train(lab, style.training, "programs", methods(setting, [pair]), metrics)
    return rows


def readout_of(pair: tuple[str, str]) -> str:
    """Return the style of a panel, ``cls`` or ``token``."""
    return pair[0].split("-")[0]


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw the accuracy of the last value, a panel a style of classification."""
    setting = SETTINGS[scale]
    figure, axes = panels(2, width=4.6, height=3.6)
    styles = {"cls": "from [CLS]", "token": "token by token"}
    for axis, pair in zip(axes, PAIRS, strict=True):
        style = setting.of(readout_of(pair))
        title = f"{styles[readout_of(pair)]}, {style.n_statements} statements"
        for method in pair:
            supervision = method.split("-")[1]
            label = {"last": "last value alone", "all": "all values"}.get(
                supervision, f"mixture, {setting.p_intermediate:.3g} each"
            )
            curve(axis, curves(rows, method, "accuracy"), COLOURS[supervision], label)
        axis.axhline(LEARNED, color="#999999", lw=0.8, ls=":")
        axis.set(xlabel="training steps", ylabel="accuracy of the last value", title=title, ylim=(0, 1.03))
        axis.legend(fontsize=7, frameon=False)
        in_millions(axis, style.training.num_steps)
    return figure


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge how much sooner the intermediate values bring the last one, each against its own baseline."""
    setting = SETTINGS[scale]
    require_seeds(rows, [method.name for method in methods(setting)], setting.seeds)
    return [
        claim
        for pair, least in zip(PAIRS, (1.0, 2.0), strict=True)
        for claim in (_learns(rows, pair[1], scale), _sooner(rows, pair, least, scale))
    ]


def _learns(rows: Sequence[Row], helped: str, scale: Scale) -> Claim:
    reached = finals(rows, helped, "accuracy")
    return judge(
        f"{helped}-learns",
        f"With intermediate labels ({helped}) the last value is learned (accuracy at the end).",
        reached,
        scale=scale,
        threshold=f"at least {LEARNED} in every seed",
        holds=min(reached) >= LEARNED,
    )


def _sooner(rows: Sequence[Row], pair: tuple[str, str], least: float, scale: Scale) -> Claim:
    baseline, helped = pair
    longest = curves(rows, baseline, "accuracy")[0][-1][0]
    # A baseline that never gets there counts as one that does at the end: a lower bound of the gain.
    slow, fast = (at_most(steps_to(rows, method, "accuracy", LEARNED), longest) for method in pair)
    gains = [a / b for a, b in zip(slow, fast, strict=True)]
    claim = judge(
        f"{helped}-sooner",
        f"It takes fewer samples than the single task in the same style (ratio to {LEARNED}; a "
        "baseline that never arrives counts as the whole run).",
        gains,
        scale=scale,
        threshold=f"more than {least:g} in every seed",
        holds=min(gains) > least,
        paper_value="clearly sooner",
    )
    at_last = listed(finals(rows, baseline, "accuracy"))
    return replace(claim, note=f"ratios, seed by seed: {listed(gains)}; the single task ends at {at_last}")
