"""What does a sweep cost beside the runs themselves?

    python benchmarks/launcher.py --points 100

The points of one sweep, which differ in their learning rate, by `lit sweep --jobs 1` and by one bare process
that trains one after the other. Both write the same run folders; what the sweep adds is checking every run
before the first starts, its worker process, its table. Given are the ratios of wall and of processor
times; a busy machine disturbs the second less.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from common import described

_BARE = """
import sys
from lit_curriculum.cli.workers import fit_in_worker
from lit_curriculum.runs.graph import Run
from lit_curriculum.runs.launchers import prepare
from lit_curriculum.runs.sweep_file import load_sweep
from pathlib import Path
for run in load_sweep(Path(sys.argv[1])).runs:
    fit_in_worker(*prepare(run, Path(sys.argv[2])), events=True)
"""


def sweep_file(points: int, steps: int) -> str:
    """Return a sweep over learning rates of a run that takes about a second."""
    rates = [round(0.01 + 0.0001 * i, 6) for i in range(points)]
    grid = {"model.lr": rates}
    settings = {"data.num_steps": steps, "data.eval_every": 10_000}
    plan = {"configs": ["sparse_parity_mlp", "smoke/sparse_parity_mlp"], "points": [settings], "grid": grid}
    return yaml.safe_dump(plan)


def seconds(command: list[str]) -> tuple[float, float]:
    """Return a command's wall and processor seconds, those of its children with it."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(points: int, steps: int) -> dict[str, float]:
    """Return seconds of both, a point, and the sweep's over the bare loop's."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "points.yaml"
        file.write_text(sweep_file(points, steps))
        lit = [sys.executable, "-m", "lit_curriculum", "sweep", str(file), "--jobs", "1"]
        sweep = seconds([*lit, "--out", f"{folder}/sweep"])
        bare = seconds([sys.executable, "-c", _BARE, str(file), f"{folder}/bare"])
    return {
        "points": points,
        "bare_seconds_a_point": bare[0] / points,
        "sweep_seconds_a_point": sweep[0] / points,
        "wall_ratio": sweep[0] / bare[0],
        "processor_ratio": sweep[1] / bare[1],
    }


def main() -> None:
    """Print what was measured."""
    parser = described(__doc__)
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--steps", type=int, default=20_000, help="of a run, a multiple of 10000")
    options = parser.parse_args()
    result = measure(options.points, options.steps)
    told = ", ".join(f"{name} {value:.3g}" for name, value in result.items())
    print(json.dumps(result, indent=1) if options.json else told)


if __name__ == "__main__":
    main()
