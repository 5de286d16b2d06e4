"""Strings a second of the compiled sampler, and how many times a plain-Python one that is.

    python benchmarks/pcfg_sampler.py --json
    python benchmarks/pcfg_sampler.py --grammar cfg3f --count 50000

Both run in one process on one core, in turns, and the best round of each counts, so the ratio holds on a busy
machine as well. The plain sampler expands lists with Python's own random numbers; it draws the same
distribution, not the same strings.
"""

from __future__ import annotations

import json
import platform
import random
import time
from collections.abc import Callable

from common import described

from lit_curriculum.tasks.pcfg import MaskedPCFG, load_grammar


def plain_sample(
    rules: dict[int, tuple[tuple[int, ...], ...]], root: int, generator: random.Random
) -> list[int]:
    """Draw one string level by level."""
    level = [root]
    while level[0] in rules:
        level = [child for symbol in level for child in generator.choice(rules[symbol])]
    return level


def rate(run: Callable[[int], object], count: int) -> float:
    """Return strings a second of ``run(count)``."""
    start = time.perf_counter()
    run(count)
    return count / (time.perf_counter() - start)


def measure(name: str, count: int, rounds: int) -> dict[str, object]:
    """Measure one grammar: best of ``rounds`` for each sampler."""
    task = MaskedPCFG(load_grammar(name))
    generator = random.Random(0)

    def plain(n: int) -> None:
        for _ in range(n):
            plain_sample(task.grammar.rules, task.grammar.roots[0], generator)

    contestants: dict[str, tuple[Callable[[int], object], int]] = {
        "compiled": (lambda n: task.sample(0, "train", 0, n), count),
        "compiled_with_ancestry": (lambda n: task.sample(0, "train", 0, n, ancestry=True), min(count, 512)),
        "compiled_and_masked": (lambda n: task.batch(0, "train", 0, n), min(count, 512)),
        "plain_python": (plain, max(1, min(count // 50, 400))),
    }
    best = dict.fromkeys(contestants, 0.0)
    for run, _ in contestants.values():
        run(2)  # compiles, or reads the compiled code from the cache
    for _ in range(rounds):
        for key, (run, n) in contestants.items():
            best[key] = max(best[key], rate(run, n))
    return {
        "grammar": name,
        "strings_per_second": {key: round(value) for key, value in best.items()},
        "compiled_over_plain": round(best["compiled"] / best["plain_python"], 1),
        "padding_share_at_512": round(task.batch(0, "train", 0, 512).padding_share, 4),
    }


def main() -> None:
    """Parse the arguments and print the result."""
    parser = described(__doc__)
    parser.add_argument("--grammar", default="cfg3b", help="shipped name or file")
    parser.add_argument("--count", type=int, default=20_000, help="strings a round of the compiled sampler")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    result = measure(arguments.grammar, arguments.count, arguments.rounds)
    if arguments.json:
        print(
            json.dumps(
                {**result, "python": platform.python_version(), "machine": platform.machine()}, indent=1
            )
        )
        return
    for key, value in result.items():
        print(f"{key}: {value}")


if __name__ == "__main__":
    main()
