"""What one process decides for all processes of a run: rank 0 looks at the run folder, the others follow.

Looked at by each for itself, the folder would tell those that come late what rank 0 has begun to write, and
on a shared file system what was there seconds ago.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from lightning import Trainer
from lightning.pytorch.strategies.launchers.subprocess_script import _SubprocessScriptLauncher

from lit_curriculum.errors import RunFailed, RunStopped, UsageError
from lit_curriculum.runs.folder import State

_DECIDED = "LIT_CURRICULUM_START"


@dataclass(frozen=True)
class Start:
    """Where a run starts.

    Attributes:
        state: what its folder holds.
        checkpoint: that it goes on from, None for a new run.
        step: of that checkpoint.
    """

    state: State
    checkpoint: str | None = None
    step: int | None = None


def agreed_start(trainer: Trainer, decide: Callable[[], Start]) -> Start:
    """Return what ``decide`` returns to rank 0, where alone it is called, to all processes of a run.

    Raises:
        UsageError, RunFailed, RunStopped: as ``decide`` does, to rank 0. The others leave by SystemExit with
            the same exit code, so that the line is told once.
    """
    if trainer.world_size == 1:
        return decide()
    launcher = trainer.strategy.launcher
    if launcher is not None and not isinstance(launcher, _SubprocessScriptLauncher):
        return decide()  # the processes will be copies of this one
    if trainer.is_global_zero and not trainer.strategy.cluster_environment.creates_processes_externally:  # type: ignore[attr-defined]
        start = decide()
        os.environ[_DECIDED] = json.dumps(asdict(start))  # for the processes that Lightning will start
        return start
    if _DECIDED in os.environ:
        return Start(**json.loads(os.environ[_DECIDED]))
    return _broadcast(trainer, decide)


def _broadcast(trainer: Trainer, decide: Callable[[], Start]) -> Start:
    """Let rank 0 tell processes that another program, such as srun or torchrun, has started."""
    trainer.strategy.setup_environment()  # Trainer does so later, and finds it done
    found: Start | None = None
    failure: UsageError | RunFailed | RunStopped | None = None
    if trainer.is_global_zero:
        try:
            found = decide()
        except (UsageError, RunFailed, RunStopped) as error:
            failure = error
    told: dict[str, Any] = trainer.strategy.broadcast(
        {"start": found, "code": None if failure is None else failure.exit_code}
    )
    if failure is not None:
        raise failure
    if told["code"] is not None:
        sys.exit(told["code"])
    start: Start = told["start"]
    return start
