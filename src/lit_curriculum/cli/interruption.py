"""Signals to a command that only waits for its workers."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from lit_curriculum.errors import RunStopped


@contextmanager
def stopping_by_exception() -> Iterator[None]:
    """Let SIGTERM and SIGUSR1 do what Ctrl-C does: raise KeyboardInterrupt where the command waits."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGUSR1)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stopping_before_training() -> None:
    """Let SIGTERM and SIGUSR1 end the process with exit code 75 as long as no run has begun.

    Training replaces these handlers by its own, see `cli.signals`. Elsewhere than in the main thread they are
    left alone.
    """
    if threading.current_thread() is not threading.main_thread():
        return

    def leave(number: int, frame: FrameType | None) -> None:
        by = signal.Signals(number).name
        said = f"lit: stopped: {by} before the run began; run the same command again to go on\n"
        os.write(2, said.encode("ascii"))
        os._exit(RunStopped.exit_code)

    for number in (signal.SIGTERM, signal.SIGUSR1):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, leave)
