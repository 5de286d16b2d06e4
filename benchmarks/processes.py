"""Weak scaling: does a step take as long on two processes, each with the work that one had?

    python benchmarks/processes.py --rounds 3

PCFG-BERT by `lit fit` with one process on a batch of B and two on a batch of 2 B, one thread each, over gloo.
The seconds between two evaluations count, not the start. Contestants take turns and the median of the rounds'
ratios counts; with fewer idle cores than processes it says nothing. The third contestant are two runs of one
process beside each other, which tell each other nothing: what they lose, the machine takes and not DDP.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common import described

from lit_curriculum.reading import read_table
from lit_curriculum.runs.configs import shipped


def seconds_a_step(processes: int, batch: int, steps: int, options: list[str]) -> float:
    """Return the seconds of an update in the second half of a run."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "lit_curriculum", "fit", "--config", str(shipped("pcfg_bert"))]
        words += ["--run_dir", folder, "--trainer.callbacks=[]", "--trainer.logger=false"]
        words += [f"--data.num_steps={2 * steps}", f"--data.eval_every={steps}", "--data.eval_samples=2"]
        words += [f"--data.batch_size={processes * batch}", "--trainer.enable_progress_bar=false"]
        words += [f"--trainer.devices={processes}", "--trainer.accelerator=cpu", *options]
        words += ["--trainer.strategy=ddp"] if processes > 1 else []
        subprocess.run(words, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True)
        first, last = (float(row["seconds"]) for row in read_table(Path(folder) / "metrics.csv"))
    return (last - first) / steps


def seconds_beside(batch: int, steps: int, options: list[str]) -> float:
    """Return the seconds of an update of the slower of two runs of one process beside each other."""
    with ThreadPoolExecutor(2) as pool:
        return max(pool.map(lambda _: seconds_a_step(1, batch, steps, options), range(2)))


def main() -> None:
    """Print seconds a step and the ratio, one process's time over two's: 1 is perfect."""
    parser = described(__doc__)
    parser.add_argument("--batch-size", type=int, default=32, help="of one process")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    options, of_fit = parser.parse_known_args()  # what is left is for lit fit, e.g. --model.heads=4
    size = (options.batch_size, options.steps, of_fit)
    measured = [
        (seconds_a_step(1, *size), seconds_a_step(2, *size), seconds_beside(*size))
        for _ in range(options.rounds)
    ]
    one, two, beside = (statistics.median(seconds) for seconds in zip(*measured, strict=True))
    result = {
        "batch_size": options.batch_size,
        "seconds_one": one,
        "seconds_two": two,
        "seconds_beside": beside,
        "weak_scaling": statistics.median(alone / both for alone, both, _ in measured),
        "two_runs_beside": statistics.median(alone / other for alone, _, other in measured),
        "over_two_runs_beside": statistics.median(other / both for _, both, other in measured),
        "ratios": [alone / both for alone, both, _ in measured],
    }
    told = f"weak scaling {result['weak_scaling']:.2f}: {result}"
    print(json.dumps(result, indent=1) if options.json else told)


if __name__ == "__main__":
    main()
