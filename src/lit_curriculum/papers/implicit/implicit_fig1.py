"""GPT-2 learns a parity when some samples ask for the sum of the same bits, and not without (figure 1).

Left: Parity alone, more and more bits. Middle: mixtures with Sum samples of probability p, most bits. Right:
how long Parity takes to be solved, against p; and the Sum error, which the paper does not show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lit_curriculum.papers.figure import Claim, Row, Scale, judge, require_seeds
from lit_curriculum.papers.implicit.training import Method, Training, at_most, curves, finals, steps_to, train
from lit_curriculum.papers.style import curve, in_millions, panels
from lit_curriculum.runs.graph import Lab


@dataclass(frozen=True)
class Mixtures:
    """A setting, the bits of the left panel, ascending, and the mixtures of the others.

    Attributes:
        training: what all runs share.
        sizes: n of the runs without Sum.
        p: probabilities of a Sum sample, at the largest n.
    """

    training: Training
    sizes: tuple[int, ...]
    p: tuple[float, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds that are reported."""
        return self.training.seeds

    @property
    def tuning_seeds(self) -> tuple[int, ...]:
        """Seeds that choose the rates."""
        return self.training.tuning_seeds

    @property
    def n(self) -> int:
        """Bits of the mixtures."""
        return self.sizes[-1]


SETTINGS: dict[Scale, Mixtures] = {
    "smoke": Mixtures(
        Training(
            ("parity_mixture", "smoke/parity_mixture"), 40, 10, 16, (1e-3,), seeds=(0,), tuning_seeds=()
        ),
        sizes=(4, 6),
        p=(0.3,),
    ),
    "laptop": Mixtures(
        Training(("parity_mixture",), 5000, 100, 128, (1e-3,)),
        sizes=(6, 8, 12),
        p=(0.1, 0.3, 0.5),
    ),
    "paper": Mixtures(
        Training(("parity_mixture", "paper/parity_mixture"), 100_000, 500, 256, (2e-4,)),
        sizes=(10, 15, 20, 25, 30, 50),
        p=(0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 0.9, 1.0),
    ),
}

SOLVED, CHANCE = 0.99, 0.55


def cost(scale: Scale) -> str:
    """Return what a scale takes."""
    return {
        "smoke": "half a minute",
        "laptop": "18 runs of a few minutes each on one core (estimated, not run yet)",
        "paper": "per seed 14 runs of up to 1.8e16 operations (GPU)",
    }[scale]


def alone(n: int) -> str:
    """Return the name of a run without Sum."""
    return f"n = {n}"


def mixed(p: float) -> str:
    """Return the name of a mixture's run."""
    return f"p = {p:g}"


def methods(setting: Mixtures) -> list[Method]:
    """Return everything that is trained."""
    made = [Method(alone(n), {"n": n}, {"n": n, "p": 0.0}) for n in setting.sizes]
    largest = {"n": setting.n}
    return made + [Method(mixed(p), largest, {**largest, "p": p}) for p in setting.p]


def measure(lab: Lab, scale: Scale) -> list[Row]:
    """Train Parity alone for every n, and every mixture at the largest."""
    setting = SETTINGS[scale]
    names = ("accuracy", "sum_rmse", "sum_accuracy")
    return train(lab, setting.training, "mixture", methods(setting), {name: name for name in names})


def draw(rows: Sequence[Row], scale: Scale) -> Any:
    """Draw Parity accuracy alone and in mixtures, and the steps that each mixture takes."""
    import matplotlib

    setting, shades = SETTINGS[scale], matplotlib.colormaps["viridis"]
    figure, axes = panels(3, width=4.2, height=3.6)
    for axis, names in zip(axes, ([*map(alone, setting.sizes)], [*map(mixed, setting.p)]), strict=False):
        for i, name in enumerate(names):
            colour = shades(0.85 * i / max(1, len(names) - 1))
            curve(axis, curves(rows, name, "accuracy"), colour, name)
        axis.set(xlabel="training steps", ylabel="Parity accuracy", ylim=(0.4, 1.03))
        axis.legend(fontsize=7, frameon=False)
        in_millions(axis, setting.training.num_steps)
    axes[0].set(title="Parity alone")
    axes[1].set(title=f"with Sum samples, n = {setting.n}")
    for seed in range(len(setting.seeds)):
        steps = [steps_to(rows, mixed(p), "accuracy", SOLVED)[seed] for p in setting.p]
        axes[2].plot(
            setting.p, steps, "o", ms=4, color="#2f6fb0", label="Parity solved" if not seed else None
        )
    errors = axes[2].twinx()
    for seed in range(len(setting.seeds)):
        rmse = [finals(rows, mixed(p), "sum_rmse")[seed] for p in setting.p]
        errors.plot(setting.p, rmse, "x", ms=5, color="#c8442b", label="Sum RMSE" if not seed else None)
    errors.axhline(1 / setting.n, color="#c8442b", lw=1, ls=":")
    axes[2].set(xlabel="p", ylabel=f"steps to {SOLVED}", title="time and Sum error (dots: 1 / n)")
    errors.set(ylabel="Sum RMSE at the end", ylim=(0, None))
    return figure


def claims(rows: Sequence[Row], scale: Scale) -> list[Claim]:
    """Judge the failure without Sum and the success with it, at the same samples."""
    setting = SETTINGS[scale]
    require_seeds(rows, [method.name for method in methods(setting)], setting.seeds)
    mixtures = [p for p in setting.p if p < 1]
    longest = 2.0 * setting.training.num_steps
    steps = {p: at_most(steps_to(rows, mixed(p), "accuracy", SOLVED), longest) for p in mixtures}
    best = min(mixtures, key=lambda p: sum(steps[p]))
    hard, solved = finals(rows, alone(setting.n), "accuracy"), finals(rows, mixed(best), "accuracy")
    errors = finals(rows, mixed(best), "sum_rmse")
    easy = finals(rows, alone(setting.sizes[0]), "accuracy")
    return [
        judge(
            "small-parity-alone-learned",
            f"Without Sum samples n = {setting.sizes[0]} is learned.",
            easy,
            scale=scale,
            threshold=f"at least {SOLVED} in every seed",
            holds=min(easy) >= SOLVED,
        ),
        judge(
            "parity-alone-fails",
            f"Without Sum samples n = {setting.n} stays at chance.",
            hard,
            scale=scale,
            threshold=f"at most {CHANCE} in every seed",
            holds=max(hard) <= CHANCE,
            paper_value=0.5,
        ),
        judge(
            "mixture-solves-parity",
            f"With Sum samples n = {setting.n} is solved in the same number of samples (p = {best:g}).",
            solved,
            scale=scale,
            threshold=f"at least {SOLVED} in every seed",
            holds=min(solved) >= SOLVED,
            paper_value=1.0,
        ),
        judge(
            "mixture-learns-sum",
            f"The same run knows the sum (RMSE, p = {best:g}).",
            errors,
            scale=scale,
            threshold=f"below 1 / n = {1 / setting.n:.3g} in every seed",
            holds=max(errors) < 1 / setting.n,
        ),
    ]
