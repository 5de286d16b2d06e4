"""Blocks are cut at fixed places and at declared events, whoever drives the loop."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.online_sgd import cut


def at(steps):
    """Return an event that is due at given step counts."""
    return lambda done: min((step for step in steps if step > done), default=None)


events_lists = st.lists(st.sets(st.integers(0, 320), max_size=6), max_size=3)


@given(start=st.integers(0, 100), length=st.integers(0, 200), block=st.integers(1, 60), events=events_lists)
def test_blocks_cover_the_range_once_and_in_order(start, length, block, events):
    stop = start + length
    pieces = list(cut(start, stop, block, [at(event) for event in events]))
    assert [step for a, b in pieces for step in range(a, b)] == list(range(start, stop))
    assert all(a < b for a, b in pieces)
    assert all(first[1] == second[0] for first, second in pairwise(pieces))


@given(start=st.integers(0, 100), length=st.integers(0, 200), block=st.integers(1, 60), events=events_lists)
def test_no_block_crosses_a_multiple_or_an_event(start, length, block, events):
    allowed = set().union(*events) if events else set()
    for a, b in cut(start, start + length, block, [at(event) for event in events]):
        assert b - a <= block
        inside = range(a + 1, b)
        assert not any(step % block == 0 or step in allowed for step in inside)


@given(start=st.integers(0, 100), length=st.integers(1, 200), block=st.integers(1, 60), events=events_lists)
def test_blocks_end_only_at_a_multiple_an_event_or_the_stop(start, length, block, events):
    allowed = set().union(*events) if events else set()
    stop = start + length
    for _, b in cut(start, stop, block, [at(event) for event in events]):
        assert b == stop or b % block == 0 or b in allowed


@given(length=st.integers(1, 300), block=st.integers(1, 60), events=events_lists, data=st.data())
def test_a_loop_begun_again_at_any_cut_makes_the_same_blocks(length, block, events, data):
    due = [at(event) for event in events]
    pieces = list(cut(0, length, block, due))
    k = data.draw(st.integers(0, len(pieces) - 1))
    assert list(cut(pieces[k][0], length, block, due)) == pieces[k:]


def test_an_empty_range_has_no_blocks():
    assert list(cut(5, 5, 10, [])) == []


def test_an_event_that_is_over_cuts_nothing():
    assert list(cut(10, 30, 20, [lambda done: 10, lambda done: 3, lambda done: None])) == [(10, 20), (20, 30)]


def test_an_example_by_hand():
    pieces = list(cut(0, 25, 10, [at({4, 10, 12}), at({4, 24})]))
    assert pieces == [(0, 4), (4, 10), (10, 12), (12, 20), (20, 24), (24, 25)]
