"""Time a gate that reading a netlist takes, small against large: 1 where it is linear.

    python benchmarks/netlist.py
    python benchmarks/netlist.py --gates 1000000

    chain   every gate reads the one before: as deep as it is long
    upward  the same, its lines from the last gate to the first
    wide    one gate reads all inputs, and is split into a tree
    cycle   a chain that closes: the cycle is found, and told

Sizes take turns, and the median of the rounds' ratios counts, so that it holds on a busy machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial

from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.circuits import parse_netlist


def chain(gates: int) -> str:
    """Return a netlist as deep as it is long."""
    lines = (f"g{i} = and g{i - 1} x" for i in range(1, gates + 1))
    return "\n".join(["input g0 x", f"output g{gates}", *lines])


def upward(gates: int) -> str:
    """Return that chain, every gate before the one that it reads."""
    return "\n".join(reversed(chain(gates).splitlines()))


def wide(gates: int) -> str:
    """Return a gate of many inputs."""
    inputs = " ".join(f"x{i}" for i in range(gates + 1))
    return f"input {inputs}\noutput y\ny = and {inputs}"


def cycle(gates: int) -> str:
    """Return a chain whose first gate reads its last."""
    return chain(gates).replace("input g0 x", f"input x\ng0 = not g{gates}")


SHAPES = {"chain": chain, "upward": upward, "wide": wide, "cycle": cycle}


def seconds(action: Callable[[], object]) -> float:
    """Return how long reading takes, to its end or to its refusal."""
    began = time.perf_counter()
    with contextlib.suppress(UsageError):
        action()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--gates", type=int, default=100_000)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    report = {"gates": given.gates, "small": given.small, "machine": platform.machine()}
    for name, make in SHAPES.items():
        small, large = make(given.small), make(given.gates)
        times = [
            tuple(seconds(partial(parse_netlist, text, max_fan_in=2)) for text in (small, large))
            for _ in range(given.rounds)
        ]
        report[f"{name}_seconds"] = round(statistics.median(b for _, b in times), 3)
        ratios = [(b / given.gates) / (a / given.small) for a, b in times]
        report[f"{name}: time a gate, large / small"] = round(statistics.median(ratios), 2)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
