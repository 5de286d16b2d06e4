"""A figure or table: studies, what is drawn of their results, and claims.

A target is a file of `papers/<paper>/` whose name does not begin with an underscore. Its docstring's first
line is its title, and its function ``figure(scale)`` returns a `Figure`. One that has other scales than
every figure states them as its ``SCALES``. `reproduce` writes

    data.csv       what was measured, see `results`
    figure.png     and figure.pdf
    claims.json    the judged claims, see `report`
    table.csv      and table.md, where it has a table
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from lit_curriculum.errors import RunFailed, RunStopped, UsageError, bad_value, suggest
from lit_curriculum.files import sha256_of, write_json, write_rows, write_text, write_with
from lit_curriculum.reading import MAX_TABLE_BYTES, is_there, read_bytes
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.measuring import measure
from lit_curriculum.reproduce.report import SCHEMA, read_report
from lit_curriculum.reproduce.results import Results, Row
from lit_curriculum.reproduce.study import ALL_SCALES, SCALES, Scale, Study, extended
from lit_curriculum.runs.lab import Lab
from lit_curriculum.runs.provenance import processor_name

__all__ = [
    "ALL_SCALES",
    "SCALES",
    "Figure",
    "Known",
    "Scale",
    "load",
    "redraw",
    "reproduce",
    "scales_of",
    "targets",
    "title",
]

Known = Mapping[Scale, Mapping[str, str]]
"""What is known of a figure's claims, by scale, see `Figure.known`."""

OWN = "own"
"""Stands for the paper of a figure that is no target."""

_PAPERS = Path(__file__).resolve().parents[1] / "papers"

# What code meets that takes a file's rows for its own: a column, a seed or a number that is not as it was.
_WRONG_DATA = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError),
    *(RuntimeError, StopIteration, TypeError, ValueError),
)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One scale of a target.

    Attributes:
        cost: what it takes, in words.
        studies: what is trained; may be empty.
        seeds: those that are reported, where there are no studies.
        measure: rows beside those of the studies.
        draw: makes the picture of results.
        claims: what is judged, from the results where it depends on them.
        known: ids of claims -> ``fails: reason`` or ``inconclusive: reason``, where that is known of this
            scale. Such a claim counts as what it is all the same, and an unexpected success is said.
        fixed: settings of its runs that ``measure`` takes for granted: no change of them is taken
            (`variation`).
        table: rows of a table, with equal keys.
        own_seeds: whether its seeds stay what they are, where nothing is drawn at random.
    """

    cost: str
    draw: Callable[[Results], Any]
    claims: Callable[[Results], Sequence[Claim]]
    known: Mapping[str, str] = field(default_factory=dict)
    studies: tuple[Study, ...] = ()
    seeds: tuple[int, ...] = ()
    measure: Callable[[tuple[int, ...]], Iterable[Row]] | None = None
    fixed: tuple[str, ...] = ()
    table: Callable[[Results], list[Row]] | None = None
    own_seeds: bool = False

    @property
    def reported(self) -> tuple[int, ...]:
        """Seeds that are reported."""
        return self.studies[0].seeds if self.studies else self.seeds

    def with_seeds(self, count: int | None) -> Figure:
        """Return the figure with as many seeds; with its own for None, or where they are its own."""
        if count is None or self.own_seeds or count == len(self.reported):
            return self
        seeds = extended(self.seeds, count) if self.seeds else ()
        return replace(self, studies=tuple(study.with_seeds(count) for study in self.studies), seeds=seeds)


def targets() -> dict[str, Path]:
    """Return every target's name and file, without importing any."""
    files = sorted(_PAPERS.glob("*/[!_]*.py"))
    return {path.stem.replace("_", "-"): path for path in files}


def title(path: Path) -> str:
    """Return the first line of a module's docstring, without importing it."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n", 1)[0]


def load(name: str, scale: Scale) -> Figure:
    """Return a target's figure at a scale.

    Raises:
        UsageError: for an unknown name, and a scale that the target does not have.
    """
    if scale not in (has := scales_of(name)):
        raise bad_value("--scale", scale, f"{', '.join(has)}, the scales of {name}")
    made: Figure = _module(name).figure(scale)
    return made


def scales_of(name: str) -> tuple[Scale, ...]:
    """Return the scales of a target. Raises UsageError for an unknown name."""
    found: tuple[Scale, ...] = getattr(_module(name), "SCALES", SCALES)
    return found


def _module(name: str) -> ModuleType:
    known = targets()
    if name not in known:
        raise bad_value("target", name, f"all, {', '.join(known)}{suggest(name, known)}")
    path = known[name]
    return importlib.import_module(f"lit_curriculum.papers.{path.parent.name}.{path.stem}")


def reproduce(
    name: str,
    figure: Figure,
    scale: Scale,
    lab: Lab,
    out: Path,
    commit: str | None,
    changes: Sequence[str] = (),
) -> dict[str, Any]:
    """Run a target's figure at a scale and write its files below ``out/<name>``.

    A figure that is no target, of a script of one's own, is written under the paper's name `OWN`. ``changes``
    are those that made the figure (`variation.varied`), for claims.json.

    Returns:
        The content of claims.json.
    """
    folder, known = out / name, targets()
    began = time.monotonic()
    rows: list[Row] = []
    if figure.studies:
        lab.begin_account()
        rows += measure(lab, figure.studies)
    if figure.measure is not None:
        rows += figure.measure(figure.reported)
    data = folder / "data.csv"
    Results.of(rows).write(data)
    claims = _present(figure, figure.reported, scale, folder)
    report = {
        "schema": SCHEMA,
        "target": name,
        "paper": known[name].parent.name if name in known else OWN,
        "scale": scale,
        "seeds": list(figure.reported),
        "commit": commit,
        "wall_seconds": (took := round(time.monotonic() - began, 1)),
        "run_seconds": round(sum(lab.seconds.values()), 1) if figure.studies else took,
        "data_sha256": sha256_of(data),
        "claims": claims,
        "machine": ", ".join(sorted(lab.devices)) if figure.studies else processor_name(),
        **({"changes": list(changes)} if changes else {}),
    }
    write_json(folder / "claims.json", report)
    return report


def redraw(name: str, scale: Scale, out: Path) -> dict[str, Any]:
    """Draw and judge again what ``out/<name>/data.csv`` holds, without a run.

    claims.json keeps the seeds, the commit and the time of the data. Titles and thresholds are those of the
    present settings, so data that were measured under others have to be measured again.

    Returns:
        The content of claims.json.

    Raises:
        UsageError: see `earlier`; and if the data lack what the present settings ask for.
    """
    # Imported here because it makes figures of this module.
    from lit_curriculum.reproduce.variation import varied

    report, folder = earlier(name, scale, out), out / name
    try:
        figure = varied(lambda: load(name, scale), report.get("changes", [])).with_seeds(len(report["seeds"]))
        report["claims"] = _present(figure, report["seeds"], scale, folder)
    except (UsageError, RunFailed, RunStopped):
        raise
    except _WRONG_DATA as error:
        reason = f"{type(error).__name__}: {error}"
        allowed = f"data of the present settings; measure again without --redraw ({reason})"
        raise bad_value("--redraw", str(folder / "data.csv"), allowed) from error
    write_json(folder / "claims.json", report)
    return report


def earlier(name: str, scale: Scale, out: Path) -> dict[str, Any]:
    """Return the content of ``out/<name>/claims.json``.

    Raises:
        UsageError: if the folder holds no results, altered ones, or those of another scale.
    """
    folder = out / name
    for needed in ("data.csv", "claims.json"):
        if not is_there(folder / needed):
            allowed = "a folder with the data.csv and claims.json of an earlier reproduction"
            raise bad_value("--redraw", str(folder), f"{allowed}; {needed} is missing")
    report = read_report(folder / "claims.json", "--redraw")
    if report["target"] != name:
        raise bad_value(f"--redraw: {folder / 'claims.json'}: target", report["target"], name)
    if report["scale"] != scale:
        told = f"{scale!r}, the default" if scale == "laptop" else repr(scale)
        raise UsageError(f"--scale: got {told}; allowed: {report['scale']}, the scale of {folder}")
    data = read_bytes(folder / "data.csv", "--redraw", MAX_TABLE_BYTES)
    if hashlib.sha256(data).hexdigest() != report["data_sha256"]:
        raise UsageError(
            f"--redraw: {folder / 'data.csv'} is altered (its sha256 is not that in claims.json); "
            "allowed: the file as it was measured"
        )
    return report


def judged(figure: Figure, results: Results, scale: Scale) -> list[dict[str, Any]]:
    """Return the records of a figure's claims; nothing is evaluated at smoke scale.

    Raises:
        ValueError: if something is known of a claim that the figure does not have.
    """
    claims = figure.claims(results)
    if strangers := sorted(figure.known.keys() - {claim.id for claim in claims}):
        raise ValueError(f"Figure.known: no claims of this figure: {', '.join(strangers)}")
    return [claim.judge(results, scale != "smoke", figure.known.get(claim.id, "")) for claim in claims]


def _present(figure: Figure, seeds: Sequence[int], scale: Scale, folder: Path) -> list[dict[str, Any]]:
    """Draw data.csv, write the table if there is one, and return the judged claims."""
    results = Results.read(folder / "data.csv", seeds)
    # Before anything is written: rows that cannot be judged leave an older picture as it is.
    claims = judged(figure, results, scale)
    picture = figure.draw(results)
    shown = figure.table(results) if figure.table is not None else None
    for ending in ("png", "pdf"):
        # No creation date: the same data gives the same file.
        metadata = {"CreationDate": None} if ending == "pdf" else None
        write_with(
            folder / f"figure.{ending}",
            lambda path, ending=ending, metadata=metadata: picture.savefig(  # type: ignore[misc]
                path, format=ending, dpi=150, metadata=metadata
            ),
        )
    if shown is not None:
        write_rows(folder / "table.csv", shown)
        write_text(folder / "table.md", markdown(shown))
    return claims


def markdown(rows: Sequence[Row]) -> str:
    """Return rows with equal keys as a Markdown table."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "".join(
        f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines
    )
