"""Signals while a run trains: a flag now, a checkpoint at the next update, exit code 75."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from lightning import Callback, LightningModule, Trainer

from lit_curriculum.callbacks.stop_request import StopRequest

_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


class GracefulStop(Callback):
    """Turns SIGTERM, SIGINT and SIGUSR1 into a `StopRequest`; a second SIGINT ends the process at once.

    Lightning has handlers of its own for these signals. They would end a run in the middle of a batch, or
    write a second checkpoint that is later loaded without a word, so they are replaced when training starts.
    """

    def __init__(self, request: StopRequest) -> None:
        self._request = request
        self._trainer: Trainer | None = None

    @contextmanager
    def installed(self, trainer: Trainer) -> Iterator[None]:
        """Handle the signals inside the block; elsewhere than in the main thread, leave them alone."""
        self._trainer = trainer
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in _STOPPING}
        self._install()
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signals back from Lightning, which registers its handlers just before."""
        self._trainer = trainer
        if threading.current_thread() is threading.main_thread():
            self._install()

    def _install(self) -> None:
        for number in _STOPPING:
            if signal.getsignal(number) is not signal.SIG_IGN:  # whoever started this process may ignore some
                signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self._request.reason is not None:
            raise KeyboardInterrupt
        self._request.reason = signal.Signals(number).name
        # Processes that this one started for its other devices; a terminal's Ctrl-C reaches them by itself.
        launcher: Any = self._trainer.strategy.launcher if self._trainer is not None else None
        if launcher is not None and number != signal.SIGINT:
            launcher.kill(signal.Signals(number))
