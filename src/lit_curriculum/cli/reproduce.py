"""``lit reproduce``: figures and tables with one command."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from rich.console import Console
from rich.table import Table

from lit_curriculum.cli.interruption import stopping_by_exception
from lit_curriculum.cli.progress import GraphBar
from lit_curriculum.cli.trust import all_names
from lit_curriculum.errors import UsageError, bad_value, suggest
from lit_curriculum.papers import figure
from lit_curriculum.runs.folder import check_writable
from lit_curriculum.runs.lab import Lab
from lit_curriculum.runs.provenance import commit

_STYLES = {"holds": "green", "fails": "bold red", "not_evaluated": "dim", "not_shown_at_scale": "yellow"}


def reproduce(options: argparse.Namespace) -> int:
    """Run ``lit reproduce`` and return its exit code: 1 if a claim fails.

    Raises:
        UsageError: for an unknown target, a scale that it lacks, or a folder that cannot be written.
    """
    if options.list:
        _list(options.json)
        return 0
    if not options.target:
        raise UsageError(f"target: missing; allowed: {', '.join(figure.targets())}")
    if options.scale not in figure.SCALES:
        allowed = f"{', '.join(figure.SCALES)}{suggest(options.scale, figure.SCALES)}"
        raise bad_value("--scale", options.scale, allowed)
    if options.jobs is not None and options.jobs < 1:
        raise bad_value("--jobs", options.jobs, "an integer of at least 1")
    if options.redraw and (options.fresh or options.jobs):
        other = "--fresh" if options.fresh else "--jobs"
        raise UsageError(f"--redraw: got {other} with it; allowed: one of the two, there are no runs")
    # All of them first: a wrong name is told before the hours that the others take.
    modules = {name: figure.load(name) for name in options.target}
    for name, module in modules.items():
        if options.scale not in module.SETTINGS:
            raise bad_value("--scale", options.scale, f"{', '.join(module.SETTINGS)} for {name}")
    out = Path(options.out)
    check_writable("--out", out)

    reports = []
    for report in _redrawn(options, out) if options.redraw else _measured(options, modules, out):
        reports.append(report)
        if not options.json:
            _show(report, Console())
            print(f"figure: {out / report['target'] / 'figure.png'}", flush=True)
    if options.json:
        print(json.dumps(reports[0] if len(reports) == 1 else reports, indent=1))
    failed = any(claim["status"] == "fails" for report in reports for claim in report["claims"])
    return 1 if failed else 0


def _measured(
    options: argparse.Namespace, modules: dict[str, ModuleType], out: Path
) -> Iterator[dict[str, Any]]:
    from lit_curriculum.cli.training import fit_in_worker

    console = Console(stderr=True)
    fit = partial(fit_in_worker, trusted=all_names(options.trust))
    with (
        stopping_by_exception(),
        GraphBar(console) as bar,
        Lab(out / "runs", fit, options.jobs, options.fresh, bar) as lab,
    ):
        for name, module in modules.items():
            console.print(f"[bold]{name}[/] at {options.scale} scale: {module.cost(options.scale)}")
            yield figure.reproduce(name, options.scale, lab, out, commit())


def _redrawn(options: argparse.Namespace, out: Path) -> Iterator[dict[str, Any]]:
    for name in options.target:
        figure.earlier(name, options.scale, out)  # all of them, before the first is written
    for name in options.target:
        yield figure.redraw(name, options.scale, out)


def _list(as_json: bool) -> None:
    titles = {name: (path.parent.name, figure.title(path)) for name, path in figure.targets().items()}
    if as_json:
        print(json.dumps([{"target": n, "paper": p, "title": t} for n, (p, t) in titles.items()], indent=1))
        return
    width = max(len(name) for name in titles)
    for name, (paper, text) in titles.items():
        print(f"{name:<{width}}  {paper:<12} {text}")


def _show(report: dict[str, Any], console: Console) -> None:
    table = Table(title=f"{report['target']}, {report['scale']} scale, {report['wall_seconds']:.0f} s")
    for column in ("claim", "paper", "measured", "holds if", "status"):
        table.add_column(column, overflow="fold")
    for claim in report["claims"]:
        measured = "" if claim["measured"] is None else f"{claim['measured']:.3g}"
        if claim["spread"] is not None:
            measured += f" ± {claim['spread']:.2g}"
        status = f"[{_STYLES[claim['status']]}]{claim['status']}[/]"
        paper = "" if claim["paper_value"] is None else str(claim["paper_value"])
        table.add_row(claim["statement"], paper, measured, claim["threshold"], status)
    console.print(table)
