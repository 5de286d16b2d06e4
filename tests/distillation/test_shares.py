"""Shares of several teachers against a table of every step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.distillation.shares import Shares, sums_to_one
from lit_curriculum.errors import UsageError

LENGTH = 40
changes = st.dictionaries(st.integers(1, LENGTH - 1), st.sampled_from((0.0, 0.25, 0.5, 1.0)), max_size=5)


@given(changes, st.sampled_from((0.0, 0.25, 1.0)))
def test_a_share_is_what_was_said_last(later: dict[int, float], first: float) -> None:
    said = {0: first, **dict(sorted(later.items()))}
    shares = Shares.of(said, "weight")
    table, now = [], first
    for step in range(LENGTH):
        now = said.get(step, now)
        table.append(now)
    assert [shares.at(step) for step in range(LENGTH)] == table
    for step in range(LENGTH):
        later_steps = [s for s in said if s > step]
        assert shares.next_change(step) == (min(later_steps) if later_steps else None)
    rest = Shares.of({step: 1 - share for step, share in said.items()}, "weight")
    assert sums_to_one([shares, rest])
    assert sums_to_one([shares]) == all(share == 1 for share in table)


@pytest.mark.parametrize(
    "weight",
    [0, 1.0, -0.5, True, {}, {1: 0.5}, {0: 2.0}, {0: -0.1}, {0: 0.5, 7: 0.5, 3: 0.5}, {0: float("nan")}],
)
def test_what_is_no_share_is_refused(weight: object) -> None:
    with pytest.raises(UsageError, match=r"SwapTeacher\.weight: got "):
        Shares.of(weight, "SwapTeacher.weight")  # type: ignore[arg-type]
