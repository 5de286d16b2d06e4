"""Every gate is a polynomial of one projection: Lemmas 2 and 3, and what is misprinted (subtask).

The paper has no figure of them. Left: Lemma 2's polynomial and equation 21's, which is printed
wrongly, with the three points that it has to meet. Right: how the largest coefficient that any gate of N
inputs needs grows with N: what "O(1)" means.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import COLOURS, legend, panels
from lit_curriculum.reproduce.predicates import AtLeast, AtMost
from lit_curriculum.reproduce.results import PerSeed, Results, Row, largest
from lit_curriculum.theory import gates

HELD, PRINTED = "as it holds", "as printed"
LEMMA_2, LEMMA_3 = "Lemma 2", "Lemma 3"
_INPUTS: dict[Scale, tuple[int, ...]] = {"smoke": (1, 2), "laptop": (1, 2, 3), "paper": (1, 2, 3, 4)}
_POINTS = ((0.0, 1), (2**-0.5, -1), (2**0.5, 1))


def figure(scale: Scale) -> Figure:
    """Return every gate of up to so many inputs."""
    inputs = _INPUTS[scale]
    cost = "a minute on one core" if scale == "paper" else "seconds"
    return Figure(
        cost=cost,
        # Nothing is drawn at random.
        seeds=(0,),
        own_seeds=True,
        measure=lambda seeds: list(_measure(inputs)),
        draw=lambda results: _draw(results, inputs),
        claims=lambda results: _claims(inputs),
    )


def _measure(inputs: tuple[int, ...]) -> Iterator[Row]:
    z = gates.bits(2)
    parity = np.where(z[:, 0] == z[:, 1], 1, -1)
    for name, coefficients in ((HELD, gates.LEMMA_2), (PRINTED, gates.LEMMA_2_PRINTED)):
        found = gates.evaluate(coefficients, gates.lemma2_weights(), z)
        yield _row(LEMMA_2, "error", float(np.abs(found - parity).max()), 2, name)
        yield _row(LEMMA_2, "coefficient", max(map(abs, coefficients)), 2, name)
        for i, a in enumerate(coefficients):
            yield _row(LEMMA_2, f"a_{i}", a, 2, name)
    for N in inputs:
        weights, z = gates.lemma3_weights(N), gates.bits(N)
        errors = [
            np.abs(gates.evaluate(gates.lemma3_polynomial(gate), weights, z) - gate).max()
            for gate in gates.gates(N, low=-1)
        ]
        yield _row(LEMMA_3, "gates", len(errors), N, HELD)
        yield _row(LEMMA_3, "error", float(max(errors)), N, HELD)
        yield _row(LEMMA_3, "coefficient", gates.largest_coefficient(N), N, HELD)


def _row(arm: str, metric: str, value: float, N: int, form: str) -> Row:
    return {"arm": arm, "seed": 0, "step": 0, "metric": metric, "value": value, "N": N, "form": form}


def _of(results: Results, arm: str, metric: str, N: int, form: str = HELD) -> PerSeed:
    return results.where(N=N, form=form).final(arm, metric)


def _draw(results: Results, inputs: tuple[int, ...]) -> Any:
    picture, axes = panels(2, width=4.4, height=3.5)
    x = np.linspace(-0.2, 1.6, 200)
    for form, colour in ((HELD, COLOURS["two-shot"]), (PRINTED, COLOURS["one-shot"])):
        coefficients = [_of(results, LEMMA_2, f"a_{i}", 2, form)[0] for i in range(3)]
        axes[0].plot(x, np.polynomial.polynomial.polyval(x, coefficients), color=colour, label=form)
    axes[0].plot(*zip(*_POINTS, strict=True), "o", color="#333333", label="has to be")
    axes[0].set(xlabel="<w, one-hot bits>", title="parity of two bits", ylim=(-2, 4))
    legend(axes[0])
    sizes = [_of(results, LEMMA_3, "coefficient", N)[0] for N in inputs]
    axes[1].plot(inputs, sizes, "o-", color=COLOURS["two-shot"])
    axes[1].set(xlabel="inputs N of a gate", yscale="log", title="largest coefficient of any gate")
    axes[1].set_xticks(inputs)
    return picture


def _claims(inputs: tuple[int, ...]) -> list[Claim]:
    return [
        Claim(
            "lemma-2",
            "The corrected polynomial is the parity of two bits (largest difference).",
            lambda results: _of(results, LEMMA_2, "error", 2),
            AtMost(1e-9),
            paper=0,
        ),
        Claim(
            "lemma-2-coefficients",
            "Its coefficients are below 10 (the largest).",
            lambda results: _of(results, LEMMA_2, "coefficient", 2),
            AtMost(10),
            paper="below 10",
        ),
        Claim(
            "equation-21-is-misprinted",
            "Equation 21 as printed misses a point by 2 (largest difference).",
            lambda results: _of(results, LEMMA_2, "error", 2, PRINTED),
            AtLeast(1.99),
            paper=0,
        ),
        Claim(
            "lemma-3",
            f"Every gate of {inputs[0]} to {inputs[-1]} inputs is a polynomial of one projection (largest "
            "difference over all gates and inputs).",
            lambda results: largest(*(_of(results, LEMMA_3, "error", N) for N in inputs)),
            AtMost(1e-4),
            paper=0,
        ),
    ]
