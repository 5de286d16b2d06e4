"""BERT follows a chain of assignments when every variable is supervised, not only the last (figure 2).

Left: accuracy on the last variable, single-label against multi-label, with one chain and with two. Right:
multi-label accuracy by position in the chain. With one chain the last value is the parity of the minus
signs, and a model can count them; with two it has to follow its own chain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale, judge, listed, require_seeds
from lit_curriculum.papers.implicit.training import Method, Training, curves, finals, steps_to, train
from lit_curriculum.papers.style import curve, in_millions, panels
from lit_curriculum.runs.lab import Lab
from lit_curriculum.tasks.lego import Lego


@dataclass(frozen=True)
class Strings:
    """Strings of one kind, and how models are trained on them.

    Attributes:
        training: what their runs share.
        lengths: of the chains; the last variable of the first counts.
    """

    training: Training
    lengths: tuple[int, ...]


@dataclass(frozen=True)
class Chains:
    """A setting: strings of one chain, and of several."""

    one: Strings
    several: Strings

    def of(self, chains: str) -> Strings:
        """Return the strings of a kind, ``one`` or ``several``."""
        return self.one if chains == "one" else self.several

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds that are reported."""
        return self.several.training.seeds

    @property
    def tuning_seeds(self) -> tuple[int, ...]:
        """Seeds that choose the rates."""
        return self.several.training.tuning_seeds


_SMOKE = Training(("lego", "smoke/lego"), 40, 10, 16, (1e-3,), seeds=(0,), tuning_seeds=())
_PAPER = Training(("lego", "paper/lego"), 23_400, 117, 1024, (1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4))

SETTINGS: dict[Scale, Chains] = {
    "smoke": Chains(one=Strings(_SMOKE, (4,)), several=Strings(_SMOKE, (3, 2))),
    "laptop": Chains(
        # Twice as wide, a model counts the signs of one chain from the last label alone, soon after it does
        # from all of them.
        one=Strings(
            Training(
                ("lego",),
                2500,
                100,
                256,
                (2.5e-3,),
                model={"heads": 2, "head_size": 16, "initializer_range": 0.17},
            ),
            (7,),
        ),
        several=Strings(Training(("lego",), 4500, 100, 128, (2.5e-3,)), (4, 3)),
    ),
    "paper": Chains(one=Strings(_PAPER, (12,)), several=Strings(_PAPER, (8, 4))),
}
CHAINS = ("one", "several")

LEARNED, STUCK, REACHED = 0.95, 0.60, 0.90
COLOURS = {"multi": "#c8442b", "single": "#2f6fb0"}


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "half a minute",
        "laptop": "12 runs; about 45 minutes on two cores",
        "paper": "per seed 4 runs of 7.5e17 operations, six rates each (GPU)",
    }[scale]


def name(chains: str, supervision: str) -> str:
    """Return the name of a method, e.g. ``several-multi``."""
    return f"{chains}-{supervision}"


def methods(setting: Chains, chains: Sequence[str] = CHAINS) -> list[Method]:
    """Return everything that is trained on the given kinds of strings."""
    return [
        Method(
            name(kind, supervision),
            data={"chain_lengths": list(setting.of(kind).lengths), "supervision": supervision},
        )
        for kind in chains
        for supervision in COLOURS
    ]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train both kinds of strings with both kinds of supervision."""
    setting, rows = SETTINGS[scale], []
    for chains in CHAINS:
        positions = range(1, sum(setting.of(chains).lengths) + 1)
        metrics = {"accuracy": "accuracy"} | {f"position_{v}": f"position_{v}" for v in positions}
        rows += train(lab, setting.of(chains).training, "lego", methods(setting, [chains]), metrics)
    return rows


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw the last variable's accuracy, and every position's under multi-label training."""
    import matplotlib

    setting, shades = SETTINGS[scale], matplotlib.colormaps["viridis"]
    figure, axes = panels(3, width=4.2, height=3.6)
    for chains, style in (("one", "--"), ("several", "-")):
        for supervision, colour in COLOURS.items():
            label = f"{supervision}-label, {chains} chain{'s' if chains == 'several' else ''}"
            found = curves(rows, name(chains, supervision), "accuracy")
            curve(axes[0], found, colour, label, ls=style)
    counting = Lego.create(setting.several.lengths).counting_accuracy
    axes[0].axhline(counting, color="#999999", lw=0.8, ls=":", label="counting signs, several chains")
    axes[0].set(title="last variable")
    for axis, chains in zip(axes[1:], ("several", "one"), strict=True):
        lengths = setting.of(chains).lengths
        for v in range(1, lengths[0] + 1):
            shade = shades(0.9 * (v - 1) / max(1, lengths[0] - 1))
            curve(axis, curves(rows, name(chains, "multi"), f"position_{v}"), shade, f"position {v}")
        of = "one chain" if chains == "one" else f"chains of {' and '.join(map(str, lengths))}"
        axis.set(title=f"multi-label, {of}")
    for axis in axes:
        axis.set(xlabel="training steps", ylabel="test accuracy", ylim=(0.3, 1.03))
        # Below chance there are no curves.
        columns = {"ncols": 2 if axis is axes[0] else 4, "columnspacing": 1.0, "handlelength": 1.2}
        axis.legend(fontsize=6.5, frameon=False, loc="lower center", **columns)
        in_millions(axis, max(setting.of(chains).training.num_steps for chains in CHAINS))
    return figure


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge what multi-label training adds, the order of positions, and the shortcut of one chain."""
    setting = SETTINGS[scale]
    require_seeds(rows, [method.name for method in methods(setting)], setting.seeds)
    result = []
    for chains in ("several", "one"):
        words = "one chain" if chains == "one" else "several chains"
        multi = finals(rows, name(chains, "multi"), "accuracy")
        result.append(
            judge(
                f"multi-label-learns-{chains}",
                f"With {words} the last variable is learned where all are supervised.",
                multi,
                scale=scale,
                threshold=f"at least {LEARNED} in every seed",
                holds=min(multi) >= LEARNED,
                paper_value="almost perfect",
            )
        )
        result.append(_stuck(rows, chains, words, scale, setting.of(chains).lengths))
    return [*result, _ordered(rows, setting, scale), _overtakes(rows, setting, scale)]


def _stuck(rows: Sequence[Row], chains: str, words: str, scale: Scale, lengths: Sequence[int]) -> Claim:
    """Both see the same number of strings: up to the one at which multi-label has learned, or all of them."""
    until = steps_to(rows, name(chains, "multi"), "accuracy", LEARNED)
    single = curves(rows, name(chains, "single"), "accuracy")
    by_then = [max(v for step, v in seen if step <= last) for seen, last in zip(single, until, strict=True)]
    claim = judge(
        f"single-label-stuck-{chains}",
        f"With {words} it is not where it alone is supervised, from as many strings (highest accuracy up to "
        f"the step at which multi-label training reaches {LEARNED} in the same seed).",
        by_then,
        scale=scale,
        threshold=f"at most {STUCK} in every seed",
        holds=max(by_then) <= STUCK,
        paper_value="near chance",
    )
    at_last = listed(max(v for _, v in seen) for seen in single)
    counting = Lego.create(lengths).counting_accuracy
    note = f"highest in the whole run, seed by seed: {at_last}; best guess without a look-up: {counting:.3g}"
    return replace(claim, note=note)


def _ordered(rows: Sequence[Row], setting: Chains, scale: Scale) -> Claim:
    first = range(1, min(4, setting.several.lengths[0]) + 1)
    steps = [steps_to(rows, name("several", "multi"), f"position_{v}", REACHED) for v in first]
    # One that is never reached is not in order, also where it would be the last.
    in_order = [
        float(all(a < b < math.inf for a, b in pairwise(of_seed))) for of_seed in zip(*steps, strict=True)
    ]
    return judge(
        "first-positions-in-order",
        f"With several chains the first {len(first)} positions reach {REACHED} one after the other "
        "(share of seeds).",
        in_order,
        scale=scale,
        threshold="in every seed",
        holds=min(in_order) == 1,
        paper_value="one after the other",
    )


def _overtakes(rows: Sequence[Row], setting: Chains, scale: Scale) -> Claim:
    """The paper does not say it; it follows from the shortcut, and from several chains it must be gone."""
    shares = {}
    for chains in CHAINS:
        found = [
            steps_to(rows, name(chains, "multi"), f"position_{v}", REACHED)
            for v in range(2, setting.of(chains).lengths[0] + 1)
        ]
        *middle, last = found
        shares[chains] = [float(any(m[i] > last[i] for m in middle)) for i in range(len(last))]
    return judge(
        "last-overtakes-with-one-chain",
        "With one chain the last variable is learned before one in the middle, by counting minus signs "
        "(share of seeds; with several chains it must not be).",
        shares["one"],
        scale=scale,
        threshold="in more than half of the seeds with one chain, in none with several",
        holds=sum(shares["one"]) > len(setting.seeds) / 2 and not any(shares["several"]),
    )
