"""Helpers that several test modules share."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import lit_curriculum.files
from lit_curriculum.cli.main import main
from lit_curriculum.reading import read_table
from lit_curriculum.runs.configs import config_folder
from lit_curriculum.runs.folder import RunFolder

CONFIGS = config_folder()
ROOT = CONFIGS.parent
RESULTS = ROOT / "results" / "laptop"
COMMITTED = sorted(path.parent for path in (ROOT / "results").glob("*/*/claims.json"))
"""Folders of results, a target at a scale each."""
COUNTED = {path.name: path for path in sorted(COMMITTED, key=lambda path: path.parent.name == "laptop")}
"""Target -> the folder of the largest scale that it has results of: laptop takes the place of quick."""


def config(name: str) -> str:
    """Return the path of a shipped configuration."""
    return str(CONFIGS / f"{name}.yaml")


def fit(run_dir: Path, *configs: str, options: tuple[str, ...] = ()) -> int:
    """Run ``lit fit`` in this process and return its exit code."""
    words = ["fit", *(word for name in configs for word in ("--config", name))]
    return main([*words, "--run_dir", str(run_dir), "--trainer.enable_progress_bar=false", *options])


def in_child(action: Callable[[], int], kill_after: float | None = None) -> int:
    """Run an action in a forked process; SIGKILL it after some seconds. Return its exit code or -signal."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), 1)
            code = action()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def calls(action: Callable[[], object]) -> int:
    """Return how many functions an action calls, built-in ones too: its work, whatever the clock says."""
    count = 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count


def killed_at_write(action: Callable[[], int], nth: int) -> Callable[[], int]:
    """Return an action that dies by SIGKILL at its n-th fsync.

    Every atomic write syncs twice, before and after its rename, and so does every row of a table: the
    process dies inside harvests, checkpoints and rows alike.
    """

    def doomed() -> int:
        real, count = os.fsync, 0

        def counting(descriptor: int) -> None:
            nonlocal count
            count += 1
            if count == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            real(descriptor)

        lit_curriculum.files.os.fsync = counting
        return action()

    return doomed


def unfinish(run: Path) -> None:
    """Take back the last line that a run wrote, as if it had been killed just before."""
    folder = RunFolder(run)
    last = (
        "finished",
        "steps",
        "samples",
        "wall_seconds",
        "samples_per_second",
        "backend",
        "teachers",
        "tables",
    )
    folder.record({name: value for name, value in folder.provenance().items() if name not in last})


def without_times(path: Path) -> list[dict[str, str]]:
    """Return the rows of metrics.csv without the column of seconds."""
    return [{k: v for k, v in row.items() if k != "seconds"} for row in read_table(path)]
