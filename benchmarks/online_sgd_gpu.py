"""Batch-1 SGD on a GPU: microseconds a step, beside the bare PyTorch loop and two floors, in the same run.

    python benchmarks/online_sgd_gpu.py [--json] [--tilings] [--widths 100 1000 50000]

As `online_sgd.py`: d = 100, two classes, float32; the bare loop is two `nn.Linear`, `cross_entropy` and
`torch.optim.SGD`. Calls take turns; each figure is a median. The floors: W X' and G' X of a block by torch,
in a CUDA graph; and a graph of as many launches of a kernel that does nothing as a block has, since each step
waits for the one before. With --tilings: other ways to cut the work at the largest width.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import torch
import triton

import online_sgd
from lit_curriculum.models.mlp import MLP
from lit_curriculum.online_sgd import train_population, train_samples, triton_blocks
from lit_curriculum.online_sgd.triton_blocks import Tiling
from online_sgd import CLASSES, Call, D, bare_loop, draw

STEPS = 10_000  # of a call, as `steps_per_call` at paper scale
TILINGS = [
    Tiling(),
    Tiling(chunk=256, warps=4),
    Tiling(sub_block=16),
    Tiling(sub_block=16, chunk=256, warps=4),
    Tiling(block=256),
    Tiling(block=64),
    Tiling(chunk=1024),
]


@triton.jit
def _nothing(x):  # type: ignore[no-untyped-def]
    pass


def engine(width: int) -> Call:
    """Return a call that takes `STEPS` steps with backend triton."""
    model, (x, targets, rates) = MLP(D, width, CLASSES).cuda(), (tensor.cuda() for tensor in draw(STEPS))
    return lambda: train_samples(model, x, targets, rates, backend="triton")


def population(width: int, students: int) -> Call:
    """Return a call that takes `STEPS` steps with each of some students."""
    models = [MLP(D, width, CLASSES).cuda() for _ in range(students)]
    x, targets, rates = (tensor.cuda() for tensor in draw(STEPS))
    return lambda: train_population(models, x, [targets] * students, [rates] * students)


def products(width: int, block: int) -> Call:
    """Return the two products of a block."""
    W, X, G = (torch.randn(*shape, device="cuda") for shape in ((width, D), (block, D), (block, width)))
    H = torch.empty(block, width, device="cuda")

    def run() -> None:
        torch.mm(X, W.T, out=H)
        W.addmm_(G.T, X, alpha=-1e-9)

    return captured(run)


def launches(count: int) -> Call:
    """Return launches that do nothing, each after the one before."""
    x, launch = torch.zeros(1, device="cuda"), _nothing[(1,)]
    launch(x)
    return captured(lambda: [launch(x) for _ in range(count)])


def captured(run: Call) -> Call:
    """Return the replay of a call's CUDA graph; it keeps the call, whose tensors the graph works on."""
    run()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()

    def replay(_kept: Call = run) -> None:
        graph.replay()

    return replay


def medians(calls: dict[str, tuple[Call, int]], repetitions: int) -> dict[str, float]:
    """Return microseconds a step of each call, as `online_sgd.medians`, each waited for."""

    def waited_for(call: Call) -> Call:
        return lambda: (call(), torch.cuda.synchronize())

    torch.cuda.synchronize()
    return online_sgd.medians({name: (waited_for(call), n) for name, (call, n) in calls.items()}, repetitions)


def bare(width: int, steps: int) -> Call:
    """Return the bare loop on the GPU."""
    with torch.device("cuda"):
        return bare_loop(width, steps)


def measure(width: int, repetitions: int) -> dict[str, Any]:
    """Return the figures of one width."""
    block = triton_blocks.TILING.block
    times = medians(
        {
            "bare": (bare(width, 200), 200),
            "triton": (engine(width), STEPS),
            "products": (products(width, block), block),
            "launches": (launches(block), block),
        },
        repetitions,
    )
    return {"width": width, "us_per_step": times, "ratio_to_bare": times["bare"] / times["triton"]}


def tilings(width: int, repetitions: int) -> list[dict[str, Any]]:
    """Return the time of other ways to cut the work."""
    rows = []
    for tiling in TILINGS:
        triton_blocks.TILING = tiling
        times = medians({"triton": (engine(width), STEPS)}, repetitions)
        rows.append({**vars(tiling), "us_per_step": times["triton"]})
    triton_blocks.TILING = TILINGS[0]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--tilings", action="store_true", help="other ways to cut the work")
    parser.add_argument("--widths", type=int, nargs="+", default=[100, 1_000, 50_000])
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    torch.manual_seed(0)
    device = torch.cuda.get_device_name()
    report: dict[str, Any] = {"device": device, "torch": torch.__version__, "triton": triton.__version__}
    report |= {"tiling": vars(triton_blocks.TILING), "steps_per_call": STEPS}
    report["widths"] = [measure(width, options.repetitions) for width in options.widths]
    one_and_many = {f"{n}": (population(1000, n), STEPS) for n in (1, 8)}
    report["students_of_width_1000"] = medians(one_and_many, options.repetitions)
    if options.tilings:
        report["tilings"] = tilings(max(options.widths), options.repetitions)
    if options.json:
        print(json.dumps(report, indent=2))
        return
    print(f"{device}; microseconds a step")
    for row in report["widths"]:
        times = ", ".join(f"{name} {value:.2f}" for name, value in row["us_per_step"].items())
        print(f"width {row['width']:6}: {times}; {row['ratio_to_bare']:.0f} times the bare loop")
    print(f"students of width 1,000 side by side: {report['students_of_width_1000']}")
    for row in report.get("tilings", []):
        print(", ".join(f"{name} {value:.4g}" for name, value in row.items()))


if __name__ == "__main__":
    main()
