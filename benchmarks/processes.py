"""Weak scaling: does a step take as long on two processes, each with the work that one had?

    python benchmarks/processes.py --rounds 3

PCFG-BERT by `lit fit` with one process on a batch of B and two on a batch of 2 B, one thread each, over gloo.
The seconds between two evaluations count, not the start. Contestants take turns and the median of the rounds'
ratios counts; with fewer idle cores than processes it says nothing.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
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


def main() -> None:
    """Print seconds a step and the ratio, one process's time over two's: 1 is perfect."""
    parser = described(__doc__)
    parser.add_argument("--batch-size", type=int, default=32, help="of one process")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    options, of_fit = parser.parse_known_args()  # what is left is for lit fit, e.g. --model.heads=4
    measured = [
        tuple(seconds_a_step(processes, options.batch_size, options.steps, of_fit) for processes in (1, 2))
        for _ in range(options.rounds)
    ]
    ratios = [one / two for one, two in measured]
    result = {
        "batch_size": options.batch_size,
        "seconds_one": statistics.median(one for one, _ in measured),
        "seconds_two": statistics.median(two for _, two in measured),
        "weak_scaling": statistics.median(ratios),
        "ratios": ratios,
    }
    told = f"weak scaling {result['weak_scaling']:.2f}: {result}"
    print(json.dumps(result, indent=1) if options.json else told)


if __name__ == "__main__":
    main()
