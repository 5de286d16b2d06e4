"""What leases, seals and digests cost a run: their share of its time.

    python benchmarks/run_records.py [--configs NAME ...] [--min_seconds S] [--out FILE]

Trains one run and times, beside it, what it would do without them: for every checkpoint the same file written
without a seal. The share is (sealed - plain writes + lease + reading back at a resume) / time of the run.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from lit_curriculum.callbacks import exact_resume
from lit_curriculum.cli.main import main as lit
from lit_curriculum.files import write_with
from lit_curriculum.runs import provenance
from lit_curriculum.runs.configs import shipped
from lit_curriculum.runs.folder import RunFolder
from lit_curriculum.runs.lease import Lease
from lit_curriculum.sealed import write_sealed


def measure(configs: list[str], min_seconds: float, folder: Path) -> dict[str, Any]:
    """Train a run and return its times in seconds."""
    spent = {"sealed": 0.0, "plain": 0.0, "lease": 0.0}
    saves = 0

    def both(path: Path, write: Callable[[Any], None]) -> str:
        nonlocal saves
        saves += 1
        began = time.perf_counter()
        write_with(folder / "plain.ckpt", lambda temporary: _plain(temporary, write))
        between = time.perf_counter()
        digest = write_sealed(path, write)
        spent["plain"] += between - began
        spent["sealed"] += time.perf_counter() - between
        return digest

    exact_resume.write_sealed = both  # type: ignore[attr-defined]
    overlay = folder / "resume.yaml"
    overlay.write_text(
        "trainer: {callbacks+: [{class_path: ExactResume, init_args: "
        f"{{min_seconds: {min_seconds}}}}}]}}\n",
        encoding="utf-8",
    )
    words = ["fit", *(w for name in configs for w in ("--config", str(shipped(name))))]
    words += ["--config", str(overlay), "--run_dir", str(folder / "run")]
    began = time.perf_counter()
    code = lit([*words, "--trainer.enable_progress_bar=false"])
    whole = time.perf_counter() - began - spent["plain"]
    assert code == 0, code
    began = time.perf_counter()
    Lease.take(folder / "other").release()
    RunFolder(folder / "run").verify_checkpoint()
    spent["lease"] = time.perf_counter() - began
    size = (folder / "run" / "checkpoints" / "last.ckpt").stat().st_size
    extra = spent["sealed"] - spent["plain"] + spent["lease"]
    return {
        "configs": configs,
        "seconds": round(whole, 2),
        "checkpoints": saves,
        "checkpoint_bytes": size,
        **{name: round(seconds, 4) for name, seconds in spent.items()},
        "share": round(extra / whole, 5),
    }


def _plain(path: Path, write: Callable[[Any], None]) -> None:
    with path.open("wb") as stream:
        write(stream)


def main() -> None:
    """Measure and print or write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--configs", nargs="+", default=["sparse_parity_mlp"])
    parser.add_argument("--min_seconds", type=float, default=10.0, help="spacing of checkpoints (default 10)")
    parser.add_argument("--out", help="JSON file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        result = measure(options.configs, options.min_seconds, Path(folder))
    result = {"device": provenance.device_name("cpu"), "commit": provenance.commit(), **result}
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        Path(options.out).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
