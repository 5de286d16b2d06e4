"""``lit sweep``: the runs of a sweep file, listed or trained one by one."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path

from lit_curriculum.runs.sweeps import load_sweep


def sweep(options: argparse.Namespace) -> int:
    """Run ``lit sweep`` and return its exit code.

    Without ``--run`` nothing is trained: each run is printed as the command that trains it.

    Raises:
        UsageError: for a wrong file, or a number of a run that there is not.
    """
    loaded = load_sweep(Path(options.file))
    root = Path(options.out) / "runs"
    if options.run is not None:
        # Imported here, because listing needs neither torch nor Lightning.
        words = loaded.words(options.run, root)
        from lit_curriculum.cli.training import train

        return train([*words, "--trainer.enable_progress_bar=false"])
    if options.count:
        print(len(loaded.points))
        return 0
    for index, point in enumerate(loaded.points):
        words = loaded.words(index, root)
        if options.json:
            print(json.dumps({"run": index, "settings": point, "folder": words[-1]}))
        else:
            print(shlex.join(["lit", *words]))
    return 0
