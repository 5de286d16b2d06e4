"""``lit reproduce``: figures and tables with one command."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from lit_curriculum.cli.checking import check_runs
from lit_curriculum.cli.interruption import stopping_by_exception
from lit_curriculum.cli.launching import check_options, devices_of, make_launcher
from lit_curriculum.cli.progress import GraphBar
from lit_curriculum.cli.trust import all_names
from lit_curriculum.errors import UsageError, bad_value, suggest
from lit_curriculum.reading import is_there, read_json
from lit_curriculum.reproduce import figure
from lit_curriculum.reproduce.claim import surprising, unexpected
from lit_curriculum.reproduce.measuring import everything
from lit_curriculum.reproduce.variation import varied
from lit_curriculum.runs.folder import check_writable
from lit_curriculum.runs.graph import with_needs
from lit_curriculum.runs.lab import Lab
from lit_curriculum.runs.launchers import Launcher
from lit_curriculum.runs.provenance import commit

ALL = "all"
MOST_SEEDS = 50
_STYLES = {"holds": "green", "fails": "bold red", "inconclusive": "yellow", "not_evaluated": "dim"}


def reproduce(options: argparse.Namespace) -> int:
    """Run ``lit reproduce`` and return its exit code: 1 if a claim fails that was not expected to.

    Raises:
        UsageError: for an unknown target or scale, or a folder that cannot be written.
    """
    if options.list:
        for name in ("target", "set", "redraw", "dry_run", "fresh", "seeds", "jobs", "launcher"):
            if getattr(options, name):
                told = "a target" if name == "target" else f"--{name.replace('_', '-')}"
                raise UsageError(f"--list: got {told} with it; allowed: --list alone, or with --json")
        _list(options.json)
        return 0
    return carried_out(_figures(options), options, check=bool(options.set))


def carried_out(figures: dict[str, figure.Figure], options: argparse.Namespace, check: bool = False) -> int:
    """Make figures as the options say; return the exit code, see `reproduce`.

    Args:
        figures: by name.
        options: of the command line.
        check: check the runs' settings before the first one starts; those of the suite's figures are right.

    Raises:
        UsageError: for a folder that cannot be written, a launcher that does not fit, or wrong settings.
    """
    out = Path(options.out)
    check_writable("--out", out)
    if not options.redraw:
        for name in figures:
            _check_kept(out / name, getattr(options, "set", []))
    if options.dry_run:
        from lit_curriculum.cli.estimate import costs, show

        check_options(options)
        trusted = all_names(options.trust)
        if check:
            # In this process: it reads configurations for their costs anyway.
            _check_settings(figures.values(), out / "runs", options)
        found = costs(figures, out / "runs", trusted)
        if options.json:
            print(json.dumps([cost._asdict() for cost in found], indent=1))
        else:
            show(found)
        return 0
    reports = []
    made = _redrawn(figures, options, out) if options.redraw else _measured(figures, options, out, check)
    for report in made:
        reports.append(report)
        if not options.json:
            _show(report, Console())
            print(f"figure: {out / report['target'] / 'figure.png'}", flush=True)
    if options.json:
        print(json.dumps(reports[0] if len(reports) == 1 else reports, indent=1))
    elif len(reports) > 1:
        _show_all(reports, Console())
    return 1 if any(unexpected(claim) for report in reports for claim in report["claims"]) else 0


def _figures(options: argparse.Namespace) -> dict[str, figure.Figure]:
    """Return the figures that are asked for, by name: wrong ones are told before the hours of others."""
    if not options.target:
        raise UsageError(f"target: missing; allowed: {ALL}, {', '.join(figure.targets())}")
    check_size("--scale", options, figure.ALL_SCALES)
    for name in ("fresh", "jobs", "seeds", "dry_run", "launcher"):
        if options.redraw and getattr(options, name):
            raise UsageError(f"--redraw: got --{name.replace('_', '-')} with it; allowed: one of the two")
    if ALL in options.target and len(options.target) > 1:
        raise bad_value("target", " ".join(options.target), f"{ALL} alone, or names from --list")
    names = options.target
    if names == [ALL]:
        names = [name for name in figure.targets() if options.scale in figure.scales_of(name)]
    if options.set and len(names) > 1:
        raise bad_value("--set", options.set[0], "one target; each has its own arms")
    if options.set and options.redraw:
        raise UsageError("--redraw: got --set with it; allowed: one of the two, the data know their changes")
    figures = {name: varied(partial(figure.load, name, options.scale), options.set) for name in names}
    if options.set and Path(options.out).resolve() == Path("out").resolve():
        raise bad_value("--set", options.set[0], "an --out of its own: out is for the figures as they are")
    return {name: made.with_seeds(options.seeds) for name, made in figures.items()}


def check_size(key: str, options: argparse.Namespace, scales: Sequence[str]) -> None:
    """Check what says how large figures become, and where they go.

    Args:
        key: of the scale, in the command at hand.
        options: with ``out``, ``scale`` and ``seeds``.
        scales: what the scale may be.

    Raises:
        UsageError: naming the option.
    """
    if not options.out.strip():
        raise bad_value("--out", options.out, "a folder")
    if options.scale not in scales:
        raise bad_value(key, options.scale, f"{', '.join(scales)}{suggest(options.scale, scales)}")
    if options.seeds is not None and not 1 <= options.seeds <= MOST_SEEDS:
        raise bad_value("--seeds", options.seeds, f"an integer from 1 to {MOST_SEEDS}")


def _measured(
    figures: dict[str, figure.Figure], options: argparse.Namespace, out: Path, check: bool
) -> Iterator[dict[str, Any]]:
    console, trusted = Console(stderr=True), all_names(options.trust)
    launcher = make_launcher(options, trusted)
    with (
        stopping_by_exception(),
        GraphBar(console) as bar,
        Lab(out / "runs", launcher, options.fresh, bar) as lab,
    ):
        for name, made in figures.items():
            console.print(f"[bold]{name}[/] at {options.scale} scale: {made.cost}")
            if check:
                _check_settings([made], lab.root, options, lab.launcher)
            changes = getattr(options, "set", [])
            yield figure.reproduce(name, made, options.scale, lab, out, commit(), changes)
        for note in lab.notes:
            console.print(f"note: {note}", markup=False)


def _check_settings(
    figures: Iterable[figure.Figure],
    root: Path,
    options: argparse.Namespace,
    launcher: Launcher | None = None,
) -> None:
    """Check the settings of all runs as `lit fit` would."""
    for made in figures:
        # Teachers that are no arm are trained as well.
        runs, trusted = with_needs(everything(made.studies)), all_names(options.trust)
        check_runs(runs, root, trusted, devices_of(options), lambda run: f"run {run.kind}", launcher)


def _check_kept(folder: Path, changes: Sequence[str]) -> None:
    """Check that a folder does not hold the same figure with other changes, or with some, or without.

    Raises:
        UsageError: if it does.
    """
    path = folder / "claims.json"
    if not is_there(path):
        return
    kept = read_json(path, "--out")
    found = kept.get("changes", []) if isinstance(kept, dict) else []
    if found != list(changes):
        told = f"changed by {', '.join(map(str, found))}" if found else "as it is"
        raise bad_value("--out", str(folder.parent), f"another folder: {folder} holds the figure {told}")


def _redrawn(names: Iterable[str], options: argparse.Namespace, out: Path) -> Iterator[dict[str, Any]]:
    for name in names:
        figure.earlier(name, options.scale, out)  # all of them, before the first is written
    for name in names:
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
    took = f"{report['wall_seconds']:.0f} s"
    if report.get("run_seconds", 0) > report["wall_seconds"]:
        took += f" for {report['run_seconds']:.0f} s of runs"
    table = Table(title=f"{report['target']}, {report['scale']} scale, {took}")
    for column in ("claim", "paper", "measured", "holds if", "status"):
        table.add_column(column, overflow="fold")
    for claim in report["claims"]:
        measured = "" if claim["measured"] is None else f"{claim['measured']:.3g}"
        if claim["spread"] is not None:
            measured += f" ± {claim['spread']:.2g}"
        paper = "" if claim["paper_value"] is None else str(claim["paper_value"])
        table.add_row(claim["statement"], paper, measured, claim["rule"], _status(claim))
    console.print(table)


def _status(claim: dict[str, Any]) -> str:
    text = f"[{_STYLES[claim['status']]}]{claim['status']}[/]"
    if surprising(claim):
        return f"{text} (unexpectedly)"
    return f"{text} (as expected)" if claim["expected"].startswith(claim["status"]) else text


def _show_all(reports: list[dict[str, Any]], console: Console) -> None:
    table = Table(title="all of them")
    for column in ("target", "claims", "hold", "inconclusive", "fail", "of these expected", "seconds"):
        table.add_column(column, justify="left" if column == "target" else "right")
    for report in reports:
        claims = report["claims"]
        counts = [sum(c["status"] == status for c in claims) for status in ("holds", "inconclusive", "fails")]
        expected = sum(c["status"] == "fails" and not unexpected(c) for c in claims)
        row = [len(claims), *counts, expected, round(report["wall_seconds"])]
        table.add_row(report["target"], *map(str, row))
    console.print(table)
