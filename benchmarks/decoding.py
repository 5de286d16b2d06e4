"""Time of greedy decoding against a teacher-forced evaluation of the same strings.

    python benchmarks/decoding.py --d 128
    python benchmarks/decoding.py --d 128 --width 768 --layers 12 --heads 12 --strings 32

    decoded / forced   bit-subset parity: d tokens are read, then d / 2 - 1 labels written one by one with a
                       key-value cache; against one pass over all 3 d / 2 - 2 tokens

Contestants take turns, and the median of the rounds' ratios counts, so that it holds on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable

import torch

from lit_curriculum.models import GPT2Decoder


def seconds(action: Callable[[], object], device: str) -> float:
    """Return how long an action takes, the device's queue emptied at both ends."""
    if device == "cuda":
        torch.cuda.synchronize()
    began = time.perf_counter()
    action()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, default in (("d", 128), ("width", 64), ("layers", 2), ("heads", 4), ("strings", 1024)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    given = parser.parse_args()
    length, n_labels = 3 * given.d // 2 - 2, given.d // 2 - 1
    model = GPT2Decoder(2, length, given.layers, given.heads, given.width).to(given.device).eval()
    tokens = torch.randint(2, (given.strings, length), device=given.device)
    forced, decoded = [], []
    with torch.no_grad():
        for turn in range(given.rounds + 1):
            times = (
                seconds(lambda: model(tokens, first=given.d - 1), given.device),
                seconds(lambda: model.decode(tokens[:, : given.d], n_labels), given.device),
            )
            if turn:  # the first warms up
                forced.append(times[0])
                decoded.append(times[1])
    report = {
        **{name: getattr(given, name) for name in ("d", "width", "layers", "heads", "strings", "device")},
        "machine": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "forced_seconds": round(statistics.median(forced), 4),
        "decoded_seconds": round(statistics.median(decoded), 4),
        "decoded / forced": round(statistics.median(b / a for a, b in zip(forced, decoded, strict=True)), 2),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
