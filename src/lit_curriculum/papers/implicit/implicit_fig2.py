"""BERT follows a chain of assignments when every variable is supervised, not only the last (figure 2).

Left: accuracy on the last variable, single-label against multi-label, with one chain and with two. Right:
multi-label accuracy by position in the chain. With one chain the last value is the parity of the minus
signs, and a model can count them; with two it has to follow its own chain.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from lit_curriculum.reproduce.claim import Claim, final, listed
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import Line, curve, draw_arms, in_millions, legend, panels, shades
from lit_curriculum.reproduce.predicates import AtLeast, AtMost
from lit_curriculum.reproduce.results import PerSeed, Results
from lit_curriculum.reproduce.study import Arm, Study, at_scale
from lit_curriculum.tasks.lego import Lego

Chains = dict[str, tuple[int, ...]]
LEARNED, STUCK, REACHED = 0.95, 0.60, 0.90
COLOURS = {"multi": "#d55e00", "single": "#0072b2"}
PAPER_RATES = (1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4)


def figure(scale: Scale) -> Figure:
    """Return both kinds of strings with both kinds of supervision."""
    chains: Chains = {
        "smoke": {"one": (4,), "several": (3, 2)},
        "laptop": {"one": (7,), "several": (4, 3)},
        "paper": {"one": (12,), "several": (8, 4)},
    }[scale]
    # Twice as wide, a model counts the signs of one chain from the last label alone, soon after it does from
    # all of them.
    narrow = {"model.heads": 2, "model.head_size": 16, "model.initializer_range": 0.17}
    one = {**narrow, "data.num_steps": 2500, "data.batch_size": 256} if scale == "laptop" else {}
    studies = {"one": _study(scale, "one", chains, one), "several": _study(scale, "several", chains, {})}
    cost = {
        "smoke": "half a minute",
        "laptop": "12 runs; about 45 minutes on two cores",
        "paper": "per seed 4 runs of 7.5e17 operations, six learning rates each (GPU)",
    }
    return Figure(
        cost=cost[scale],
        studies=tuple(studies.values()),
        draw=lambda results: _draw(results, chains, studies),
        claims=lambda results: _claims(chains),
    )


def _study(scale: Scale, kind: str, chains: Chains, more: dict[str, Any]) -> Study:
    arms = tuple(
        Arm(
            name=f"{kind}-{supervision}",
            set={"data.chain_lengths": list(chains[kind]), "data.supervision": supervision},
        )
        for supervision in COLOURS
    )
    positions = range(1, sum(chains[kind]) + 1)
    return at_scale(
        scale,
        "lego",
        set=more,
        arms=arms,
        tuning_seeds=(100,),
        grid={"model.optimizer.lr": PAPER_RATES} if scale == "paper" else {},
        streams=("test",),
        metrics={name: f"test/{name}" for name in ("accuracy", *(f"position_{v}" for v in positions))},
        fixed=("data.chain_lengths", "data.supervision"),
    )


def _draw(results: Results, chains: Chains, studies: dict[str, Study]) -> Any:
    """Draw the last variable's accuracy, and every position's under multi-label training."""
    picture, axes = panels(3, width=4.2, height=3.6)
    lines = {
        f"{kind}-{how}": Line(f"{how}-label, {kind} chain{'s' * (kind == 'several')}", colour, style)
        for kind, style in (("one", "--"), ("several", "-"))
        for how, colour in COLOURS.items()
    }
    draw_arms(axes[0], results, lines)
    counting = Lego.create(chains["several"]).counting_accuracy
    axes[0].axhline(counting, color="#999999", lw=0.8, ls=":", label="counting signs, several chains")
    axes[0].set(title="last variable")
    for axis, kind in zip(axes[1:], ("several", "one"), strict=True):
        lengths = chains[kind]
        for v, shade in shades(range(1, lengths[0] + 1)).items():
            curve(axis, results.curves(f"{kind}-multi", f"position_{v}"), shade, f"position {v}")
        of = "one chain" if kind == "one" else f"chains of {' and '.join(map(str, lengths))}"
        axis.set(title=f"multi-label, {of}")
    longest = max(study.value("data.num_steps") for study in studies.values())
    for axis in axes:
        axis.set(xlabel="training steps", ylabel="test accuracy", ylim=(0.3, 1.03))
        # Below chance there are no curves.
        columns = 2 if axis is axes[0] else 4
        legend(axis, columns=columns, columnspacing=1.0, handlelength=1.2)
        in_millions(axis, longest)
    return picture


# --- claims -----------------------------------------------------------------------------------------------


def _claims(chains: Chains) -> list[Claim]:
    """Judge what multi-label training adds, the order of positions, and the shortcut of one chain."""
    made = []
    for kind, words in (("several", "several chains"), ("one", "one chain")):
        made += [
            Claim(
                f"multi-label-learns-{kind}",
                f"With {words} the last variable is learned where all are supervised.",
                final(f"{kind}-multi"),
                AtLeast(LEARNED),
                paper="almost perfect",
            ),
            Claim(
                f"single-label-stuck-{kind}",
                f"With {words} it is not where it alone is supervised, from as many strings (highest "
                f"accuracy up to the step at which multi-label training reaches {LEARNED} in the same seed).",
                lambda results, kind=kind: _best_until_learned(results, kind),  # type: ignore[misc]
                AtMost(STUCK),
                paper="near chance",
                note=lambda results, kind=kind: _of_whole_run(results, kind, chains[kind]),  # type: ignore[misc]
            ),
        ]
    first = range(1, min(4, chains["several"][0]) + 1)
    return [
        *made,
        Claim(
            "first-positions-in-order",
            f"With several chains the first {len(first)} positions reach {REACHED} one after the other "
            "(1 per seed in which they do).",
            lambda results: _in_order(results, first),
            AtLeast(1),
            paper="one after the other",
        ),
        # The paper does not say it; it follows from the shortcut, and from several chains it must be gone.
        Claim(
            "last-overtakes-with-one-chain",
            "With one chain the last variable is learned before one in the middle, by counting minus signs "
            "(1 per seed in which it is).",
            lambda results: _overtakes(results, "one", chains),
            AtLeast(1),
        ),
        Claim(
            "last-does-not-overtake-with-several",
            "With several chains it is not (1 per seed in which it is).",
            lambda results: _overtakes(results, "several", chains),
            AtMost(0),
        ),
    ]


def _best_until_learned(results: Results, kind: str) -> PerSeed:
    """Both see the same number of strings: up to the one at which multi-label has learned, or all of them."""
    until = results.steps_to(f"{kind}-multi", "accuracy", LEARNED)
    single = results.history(f"{kind}-single", "accuracy")
    return PerSeed({s: max(v for step, v in curve if step <= until[s]) for s, curve in single.items()})


def _of_whole_run(results: Results, kind: str, lengths: tuple[int, ...]) -> str:
    highest = listed(list(results.best(f"{kind}-single", "accuracy").values()))
    counting = Lego.create(lengths).counting_accuracy
    return f"highest in the whole run, seed by seed: {highest}; best guess without a look-up: {counting:.3g}"


def _in_order(results: Results, positions: range) -> PerSeed:
    """Return 1 where every position is reached after the one before; one that never is, is not in order."""
    steps = [results.steps_to("several-multi", f"position_{v}", REACHED) for v in positions]
    return PerSeed(
        {seed: float(all(a[seed] < b[seed] < math.inf for a, b in pairwise(steps))) for seed in steps[0]}
    )


def _overtakes(results: Results, kind: str, chains: Chains) -> PerSeed:
    """Return 1 where a position in the middle is reached after the last one."""
    positions = range(2, chains[kind][0] + 1)
    *middle, last = [results.steps_to(f"{kind}-multi", f"position_{v}", REACHED) for v in positions]
    return PerSeed({seed: float(any(m[seed] > last[seed] for m in middle)) for seed in last})
