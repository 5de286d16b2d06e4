"""Where blocks of samples are cut: at fixed places, whoever drives the loop.

Rounding may depend on where a block ends. So a block never ends where a caller happens to pause, only on
multiples of the block size and at declared events (a harvest, a swap of teacher, a probe, a stop).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

NextEvent = Callable[[int], int | None]


def cut(start: int, stop: int, block: int, events: Sequence[NextEvent]) -> Iterator[tuple[int, int]]:
    """Yield consecutive (start, stop) that cover [start, stop) without crossing a cut.

    Args:
        start: steps done so far; must itself be a place where a cut is allowed.
        stop: steps done at the end.
        block: largest block, aligned to multiples of itself.
        events: each maps "steps done" to the next step count at which it is due, or None.
    """
    while start < stop:
        end = min(stop, (start // block + 1) * block)
        for next_event in events:
            due = next_event(start)
            if due is not None and start < due < end:
                end = due
        yield start, end
        start = end
