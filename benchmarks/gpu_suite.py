"""What a GPU that is lent for a while should do first, by value, in one command.

    python benchmarks/gpu_suite.py --minutes 30 --out out/gpu

Each step is a command that goes on where it was stopped. When the time is nearly up the step under way is
told by SIGUSR1, saves and ends; the next call goes on with it. What has finished is not done again. Prints and
writes a table, OUT/suite.json, with the device's name.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

LIT = (sys.executable, "-m", "lit_curriculum")
GRACE_SECONDS = 60.0


def steps(out: Path) -> list[tuple[str, list[str]]]:
    """Return the names and commands, the most valuable first."""
    paper = ["--scale", "paper", "--out", str(out)]

    def figures(seeds: int, *names: str) -> list[tuple[str, list[str]]]:
        made = [*LIT, "reproduce"]
        return [(f"{name}-{seeds}", [*made, name, *paper, "--seeds", str(seeds)]) for name in names]

    return [
        ("tests", [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests"]),
        *figures(1, "fig4", "fig1-right"),
        *figures(3, "fig4", "fig1-right"),
        *figures(1, "fig2", "fig1-middle", "fig30"),
        *figures(3, "fig2", "fig1-middle", "fig30", "subtask-table1"),
    ]


def run(
    commands: Sequence[tuple[str, list[str]]], seconds: float, out: Path, grace: float = GRACE_SECONDS
) -> dict[str, dict[str, object]]:
    """Run commands one after another; return each one's exit code and seconds.

    Args:
        commands: names and commands. One that ends with a code other than 75 is not run again.
        seconds: in all, the time to save included.
        out: folder of the table.
        grace: seconds that a command is given to save.
    """
    table = out / "suite.json"
    done: dict[str, dict[str, object]] = json.loads(table.read_text()) if table.is_file() else {}
    deadline = time.monotonic() + seconds - grace
    out.mkdir(parents=True, exist_ok=True)
    for name, command in commands:
        if done.get(name, {}).get("code") not in (None, 75):
            continue
        if time.monotonic() >= deadline:
            break
        code, took = _within(command, deadline - time.monotonic(), grace)
        earlier = float(str(done.get(name, {}).get("seconds", 0.0)))
        done[name] = {"code": code, "seconds": round(earlier + took, 1), "device": _device()}
        table.write_text(json.dumps(done, indent=1))
    return done


def _within(command: list[str], seconds: float, grace: float) -> tuple[int, float]:
    """Run a command; told to stop when the time is up, it counts as one that goes on (75)."""
    began = time.monotonic()
    process = subprocess.Popen(command)
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGUSR1)
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        code = 75
    return code, time.monotonic() - began


def _device() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"


def main() -> int:
    """Run the suite; the exit code is 75 if something is left to do, else 1 if something failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--out", type=Path, default=Path("out/gpu"))
    parser.add_argument("--list", action="store_true", help="print the commands; run nothing")
    options = parser.parse_args()
    commands = steps(options.out)
    if options.list:
        for name, command in commands:
            print(f"{name:<18} {' '.join(command)}")
        return 0
    done = run(commands, options.minutes * 60, options.out)
    for name, _ in commands:
        print(f"{name:<18} {done.get(name, 'not begun')}")
    codes = [done.get(name, {}).get("code", 75) for name, _ in commands]
    return 75 if 75 in codes else int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
