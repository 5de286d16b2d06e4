"""Pages of what has been reproduced, from the files that `lit reproduce` wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lit_curriculum.report import markdown
from lit_curriculum.report.numbers import shown
from lit_curriculum.report.scorecard import scorecard

RESULTS = "results/laptop"
"""Stands for the page of all results."""


def all_results(root: Path) -> str:
    """Return the page of all targets: how many claims hold, and the table that README has."""
    card = scorecard(root / "results")
    head = "# Results\n\nLaptop scale where no other is named. "
    head += "A click on a target shows its figure and every claim.\n\n"
    return head + markdown.summary(card) + "\n" + markdown.table(card, root / "results")


def by_paper(root: Path) -> dict[str, list[str]]:
    """Return the targets that have results, paper by paper, in the order of README's table.

    One at another scale than laptop is called by it: ``quick/<target>``.
    """
    found: dict[str, list[str]] = {}
    outcomes = scorecard(root / "results").outcomes
    for outcome in sorted(outcomes, key=lambda outcome: (outcome.folder.parent, outcome.place)):
        found.setdefault(outcome.paper, []).append(outcome.id.removeprefix("laptop/"))
    return found


def folders(root: Path) -> list[str]:
    """Return the folder of every target's results, from the root: each has a page, linked to or not."""
    return [path.parent.relative_to(root).as_posix() for path in sorted(root.glob("results/*/*/claims.json"))]


def one_result(root: Path, path: str) -> str:
    """Return the page of one target: its figure, and each claim beside the paper's value.

    Args:
        root: of the repository.
        path: its folder, from there.
    """
    folder, name = root / path, path.rsplit("/", maxsplit=1)[-1]
    said = json.loads((folder / "claims.json").read_text(encoding="utf-8"))
    findings = json.loads((folder.parent / "findings.json").read_text(encoding="utf-8"))
    parts = [f"# {name}", f"*{said['paper']}, {said['scale']} scale.* {_sentence(findings.get(name, ''))}"]
    if (folder / "figure.png").is_file():
        # From the folder of a scale, in which the page stands for the folder.
        parts.append(f"![{name}]({name}/figure.png)")
    rows = ["| claim | paper | here | rule | status |", "|---|---|---|---|---|"]
    parts.append("\n".join(rows + [_row(claim) for claim in said["claims"]]))
    if (folder / "table.md").is_file():
        parts.append((folder / "table.md").read_text(encoding="utf-8"))
    seeds = ", ".join(map(str, said["seeds"]))
    parts.append(f"Seeds {seeds}; commit `{said['commit'][:10]}`. A spread is the standard deviation.")
    parts.append(f"```sh\nlit reproduce {name} --scale {said['scale']}\n```")
    return "\n\n".join(parts) + "\n"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "." if text else ""


def _row(claim: dict[str, Any]) -> str:
    here = shown(claim["measured"])
    if claim.get("spread") is not None and len(claim.get("values") or ()) > 1:
        here += f" ± {shown(claim['spread'])}"
    status = claim["status"].replace("_", " ")
    if claim["expected"]:
        status += f" (expected: {claim['expected']})"
    cells = (claim["statement"], shown(claim["paper_value"]), here, claim["rule"], status)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
