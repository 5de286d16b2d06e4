"""Write what the drivers counted into docs/reliability.md: ``python -m tests.faults.table FOLDER PAGE``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lit_curriculum.runs.provenance import commit

HEADING = "## Tried\n"


def table(folder: Path, version: str | None) -> str:
    """Return the drivers' counts as Markdown, added up by name."""
    counts: dict[str, list[int]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            tally = json.loads(line)
            sums = counts.setdefault(tally["name"], [0, 0])
            sums[0] += tally["tried"]
            sums[1] += tally["survived"]
    lines = [f"`make test-faults` at commit {(version or 'unknown')[:12]}:\n", "| what | tried | survived |"]
    lines += ["|---|---:|---:|"]
    lines += [f"| {name} | {tried:,} | {survived:,} |" for name, (tried, survived) in sorted(counts.items())]
    return "\n".join(lines) + "\n"


def main(folder: str, page: str) -> None:
    """Replace everything below the page's last heading."""
    text = Path(page).read_text(encoding="utf-8")
    before = text[: text.index(HEADING) + len(HEADING)]
    Path(page).write_text(f"{before}\n{table(Path(folder), commit())}", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
