"""Batch-1 SGD: microseconds a step, and how many times faster than the bare PyTorch loop in the same run.

    python benchmarks/online_sgd.py [--json] [--profile] [--widths 100 1000 50000] [--threads 2]

The bare loop is two `nn.Linear`, `cross_entropy`, `torch.optim.SGD`, batch size 1, d = 100, two classes. All
loops of a width have the same number of threads and take turns, repetition by repetition, so that another
process on the machine slows all of them; each figure is a median. The floor of the products is W X' and G' X
at the backend's block size by `torch.mm`; at inputs of +-1 the backend need not multiply, and may stay below
it. The answers of a wide teacher are timed too. With --profile: the parts of the blocked backend, on one
thread, beside two floors, the bytes of a block at the speed of a copy and its multiplications and additions
at the speed of a product of small matrices.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from online_sgd_profile import profile

from lit_curriculum.models.mlp import MLP
from lit_curriculum.online_sgd import BACKENDS, answers_of, train_population, train_samples
from lit_curriculum.online_sgd.blocked import BLOCK

D, CLASSES, RATE = 100, 2, 1e-3
Call = Callable[[], object]


def draw(steps: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return inputs of +-1, one-hot targets and rates."""
    x = torch.randint(0, 2, (steps, D)).float() * 2 - 1
    return x, torch.eye(CLASSES)[torch.randint(0, CLASSES, (steps,))], torch.full((steps,), RATE)


def steps_of(name: str, width: int) -> int:
    """Return how many steps make a repetition of 0.02 to 0.5 seconds."""
    if name in ("bare", "reference"):
        return max(16, 200 - width // 250)
    if name == "numba":
        return max(64, 4_000_000 // (width + 200))
    return max(512, min(65_536, 20_000_000 // (width + 100)))


def bare_loop(width: int, steps: int) -> Call:
    """Return the loop that everything is compared with."""
    network = torch.nn.Sequential(torch.nn.Linear(D, width), torch.nn.ReLU(), torch.nn.Linear(width, CLASSES))
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE)
    x, targets, _ = draw(steps)
    y = targets.argmax(dim=1)

    def run() -> None:
        for i in range(steps):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(x[i : i + 1]), y[i : i + 1]).backward()
            optimizer.step()

    return run


def backend_loop(name: str, width: int, steps: int) -> Call:
    """Return a call that takes ``steps`` steps with a backend."""
    model, (x, targets, rates) = MLP(D, width, CLASSES), draw(steps)
    return lambda: train_samples(model, x, targets, rates, backend=name)


def products(width: int, block: int, blocks: int) -> Call:
    """Return the two products of some blocks by torch."""
    W, X, G = torch.randn(width, D + 1), torch.randn(block, D + 1), torch.randn(width, block)
    H, transposed = torch.empty(width, block), X.T.contiguous()

    def run() -> None:
        for _ in range(blocks):
            torch.mm(W, transposed, out=H)
            W.addmm_(G, X, alpha=-1e-9)

    return run


def medians(calls: dict[str, tuple[Call, int]], repetitions: int) -> dict[str, float]:
    """Return microseconds a step of each call; they take turns, and the first turn is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repetitions + 1):
        for name, (call, steps) in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append((time.perf_counter() - start) / steps)
    return {name: 1e6 * statistics.median(values[1:]) for name, values in seconds.items()}


def measure(width: int, repetitions: int) -> dict[str, Any]:
    """Return the figures of one width."""
    blocks = max(2, 4_000_000 // (width * BLOCK))
    calls: dict[str, tuple[Call, int]] = {}
    # On the processor triton has an interpreter only, and its time says nothing.
    for name in ("bare", *(name for name in BACKENDS if name != "triton")):
        steps = steps_of(name, width)
        calls[name] = (bare_loop(width, steps) if name == "bare" else backend_loop(name, width, steps), steps)
    calls["products"] = products(width, BLOCK, blocks), blocks * BLOCK
    times = medians(calls, repetitions)
    return {
        "width": width,
        "block": BLOCK,
        "us_per_step": times,
        "ratio_to_bare": {name: times["bare"] / value for name, value in times.items() if name != "bare"},
        "products_floor_over_blocked": times["products"] / times["blocked"],
    }


def measure_population(width: int, students: int, repetitions: int) -> dict[str, Any]:
    """Return the time of many students on one stream in times of one student's."""
    steps = steps_of("blocked", width)
    x, targets, rates = draw(steps)
    models = [MLP(D, width, CLASSES) for _ in range(students)]

    def call(count: int) -> Call:
        return lambda: train_population(models[:count], x, [targets] * count, [rates] * count)

    times = medians({"one": (call(1), steps), "many": (call(students), steps)}, repetitions)
    return {"width": width, "students": students, "times_one_student": times["many"] / times["one"]}


def measure_answers(width: int, samples: int, repetitions: int) -> dict[str, Any]:
    """Return microseconds an answer of a wide teacher, by tables of signed sums and by the model itself."""
    model, (x, _, _) = MLP(D, width, CLASSES), draw(samples)

    def by_itself() -> None:
        with torch.no_grad():
            model(x)

    times = medians(
        {"tables": (lambda: answers_of(model, x), samples), "model": (by_itself, samples)}, repetitions
    )
    return {"width": width, "us_an_answer": times, "model_over_tables": times["model"] / times["tables"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--profile", action="store_true", help="where the blocked backend's time goes")
    parser.add_argument("--widths", type=int, nargs="+", default=[100, 1_000, 50_000])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    report: dict[str, Any] = {"threads": options.threads, "torch": torch.__version__}
    report["machine"] = platform.machine()
    report["load_before"] = os.getloadavg()[0]
    report["widths"] = [measure(width, options.repetitions) for width in options.widths]
    report["population"] = measure_population(100, 8, options.repetitions)
    report["answers"] = measure_answers(max(options.widths), 4000, options.repetitions)
    if options.profile:
        report["profile"] = [profile(width, D, CLASSES) for width in options.widths]
    if options.json:
        print(json.dumps(report, indent=2))
        return
    # The bare loop's threads wait for each other at every step: beside other processes its ratio flatters us.
    print(f"load average before: {report['load_before']:.1f}, threads: {options.threads}")
    for row in report["widths"]:
        print(f"width {row['width']}, block {row['block']}: products / blocked = "
              f"{row['products_floor_over_blocked']:.2f}")  # fmt: skip
        for name, time_us in row["us_per_step"].items():
            print(f"  {name:10} {time_us:10.2f} us a step {row['ratio_to_bare'].get(name, 1):8.1f}x")
    print(f"8 students of width 100: {report['population']['times_one_student']:.2f} times one student")
    answers = report["answers"]
    print(f"answers at width {answers['width']}: {answers['us_an_answer']['tables']:.1f} us, "
          f"the model itself {answers['model_over_tables']:.1f} times as long")  # fmt: skip
    for row in report.get("profile", []):
        print(", ".join(f"{name} {value:.3g}" for name, value in row.items()))


if __name__ == "__main__":
    main()
