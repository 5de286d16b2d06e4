"""What is read of the theory figure's batches, on curves whose answers are known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lit_curriculum.papers.implicit._theory import SETTINGS, needed, slopes
from lit_curriculum.reproduce.results import MissingData, Results


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([0.4, 0.2, 0.05], 10 ** (2 + 2 / 3)),  # linear in the logarithm between 100 and 1,000
        ([0.4, 0.05, 0.2], math.inf),  # not for good
        ([0.4, 0.1, 0.05], 100.0),
        ([0.05, 0.04, 0.03], math.nan),  # fewer may do
        ([0.05, 0.2, 0.05], 10 ** (2 + 2 / 3)),
    ],
)
def test_what_is_needed_is_the_first_batch_that_suffices_for_good(losses, expected) -> None:
    curve = list(zip([10, 100, 1000], losses, strict=True))
    assert needed(curve, 0.1) == pytest.approx(expected, nan_ok=True)


def of_power(power: float, seeds=(0, 1)) -> Results:
    """Return results whose loss falls to 0.1 at a batch of 100 / p^power."""
    rows = []
    for p in (0.1, 0.01):
        middle = 100 / p**power
        for seed in seeds:
            for batch, loss in ((middle / 10, 0.2), (middle, 0.1), (middle * 10, 0.0)):
                row = {"arm": "learning", "seed": seed, "step": 0, "metric": "loss", "value": loss}
                rows.append({**row, "n": 6, "p": p, "samples": batch})
    return Results.of(rows, seeds=(0, 1))


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_the_slope_is_the_power_of_one_over_p(power: float) -> None:
    setting = replace(SETTINGS["smoke"], epsilon=0.1)
    found = slopes(of_power(power), setting, (0.1, 0.01))
    assert list(found.values()) == pytest.approx([power, power])


def test_a_lost_seed_raises() -> None:
    with pytest.raises(MissingData, match=r"lacks the seeds \[1\]"):
        slopes(of_power(2.0, seeds=(0,)), SETTINGS["smoke"], (0.1, 0.01))
