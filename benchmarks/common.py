"""What the benchmarks' command lines share."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any


def described(text: str | None) -> argparse.ArgumentParser:
    """Return a parser that shows a module's docstring as it is written, with ``--json``."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def show(result: Mapping[str, Any], as_json: bool) -> None:
    """Print a result: as JSON, or a line for each of its numbers."""
    print(json.dumps(result, indent=1) if as_json else "\n".join(f"{k}: {v}" for k, v in result.items()))
