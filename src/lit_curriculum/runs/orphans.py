"""No process of a run outlives the one that started it."""

from __future__ import annotations

import os
import threading
import time


def end_with_parent(parent: int | None = None) -> None:
    """End this process soon after another: a killed command leaves no workers, a killed launch no ranks.

    They would go on writing into folders that the next command wants to resume.

    Args:
        parent: the process that started this one; None for the present parent.
    """
    watched = os.getppid() if parent is None else parent

    def watch() -> None:
        while os.getppid() == watched:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()
