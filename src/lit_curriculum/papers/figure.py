"""What a figure is: data first, then a picture and claims that are computed from the data.

A target is a module below ``papers/<paper>/``. Its file name is its name (``fig1_left.py`` is
``fig1-left``), the first line of its docstring its title. It defines

    SETTINGS: dict[scale, ...]      everything that a scale changes, ``seeds`` among it; a scale that the
                                    target does not have is left out, and refused
    measure(lab, scale) -> rows     runs what is needed and returns plain rows
    draw(rows, scale) -> Figure     from the rows alone
    claims(rows, scale) -> claims   from the rows alone, by code that can say no
    cost(scale) -> str              what it takes, in words

and, if it is a table as well,

    table(rows, scale) -> rows      what table.csv and table.md show, from the rows alone
"""

from __future__ import annotations

import ast
import csv
import importlib
import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from lit_curriculum.errors import RunFailed, RunStopped, UsageError, bad_value, suggest
from lit_curriculum.files import write_json, write_text, write_with
from lit_curriculum.papers.report import SCHEMA, read_report
from lit_curriculum.reading import is_there, read_table

if TYPE_CHECKING:
    from lit_curriculum.runs.lab import Lab

Scale = Literal["smoke", "laptop", "paper"]
Status = Literal["holds", "fails", "not_evaluated", "not_shown_at_scale"]
Row = dict[str, Any]
SCALES: tuple[Scale, ...] = ("smoke", "laptop", "paper")

_HERE = Path(__file__).resolve().parent

# What code meets that takes a file's rows for its own: a column, a seed or a number that is not as it was.
_WRONG_DATA = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError),
    *(RuntimeError, StopIteration, TypeError, ValueError),
)


@dataclass(frozen=True)
class Claim:
    """One sentence of a paper, measured.

    Attributes:
        id: short name.
        statement: what is claimed, in words.
        paper_value: the paper's number, or None.
        measured: ours, the mean over seeds.
        spread: standard deviation over seeds.
        threshold: when it holds, in words.
        status: whether it does.
        note: why a claim is not shown at a scale and what was tried, or what else to know about the number.
    """

    id: str
    statement: str
    paper_value: float | str | None
    measured: float | None
    spread: float | None
    threshold: str
    status: Status
    note: str = ""


class Target(NamedTuple):
    """What a target defines beside its settings, where several share it."""

    cost: Callable[[Scale], str]
    measure: Callable[[Lab, Scale], list[Row]]
    draw: Callable[[Sequence[Row], Scale], Any]
    claims: Callable[[Sequence[Row], Scale], list[Claim]]


def judge(
    id: str,
    statement: str,
    values: Sequence[float],
    *,
    scale: Scale,
    threshold: str,
    holds: bool,
    paper_value: float | str | None = None,
) -> Claim:
    """Make a claim from one value a seed. At smoke scale nothing is evaluated."""
    if not all(map(math.isfinite, values)):
        raise ValueError(f"claim {id}: a value is not finite: {list(values)}")
    status: Status = "holds" if holds else "fails"
    if scale == "smoke":
        status = "not_evaluated"
    mean = statistics.fmean(values) if values else None
    spread = statistics.stdev(values) if len(values) > 1 else None
    return Claim(id, statement, paper_value, mean, spread, threshold, status)


def excused(claim: Claim, scale: Scale, note: str) -> Claim:
    """Return a claim that fails at laptop scale as not shown there, ``note`` saying what was tried.

    At any other scale, and where it holds, the claim stays as it is.
    """
    if scale == "laptop" and claim.status == "fails":
        return replace(claim, status="not_shown_at_scale", note=note)
    return claim


def listed(values: Iterable[float]) -> str:
    """Return values, one a seed, as a note of a claim tells them."""
    return ", ".join(f"{value:.2f}" for value in values)


def require_seeds(rows: Sequence[Row], methods: Sequence[object], seeds: Sequence[int]) -> None:
    """Check that every method has every seed: a claim over "every seed" must not lose one.

    Raises:
        ValueError: naming the method and the seeds it lacks.
    """
    for method in methods:
        missing = set(seeds) - {row["seed"] for row in rows if row["method"] == method}
        if missing:
            raise ValueError(f"data of {method!r} lacks the seeds {sorted(missing)}")


def targets() -> dict[str, Path]:
    """Return every target's name and file, without importing any."""
    files = sorted(_HERE.glob("*/*.py"))
    return {path.stem.replace("_", "-"): path for path in files if _is_target(path)}


def title(path: Path) -> str:
    """Return the first line of a module's docstring, without importing it."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n", 1)[0]


def load(name: str) -> ModuleType:
    """Import a target.

    Raises:
        UsageError: for an unknown name.
    """
    known = targets()
    if name not in known:
        raise bad_value("target", name, f"{', '.join(known)}{suggest(name, known)}")
    path = known[name]
    return importlib.import_module(f"lit_curriculum.papers.{path.parent.name}.{path.stem}")


def reproduce(name: str, scale: Scale, lab: Lab, out: Path, commit: str | None) -> dict[str, Any]:
    """Run a target and write ``out/<name>/{data.csv, figure.png, figure.pdf, claims.json}``.

    Returns:
        The content of claims.json.
    """
    module = load(name)
    folder = out / name
    began = time.monotonic()
    write_rows(folder / "data.csv", module.measure(lab, scale))
    claims = _present(module, scale, folder)
    report = {
        "schema": SCHEMA,
        "target": name,
        "paper": targets()[name].parent.name,
        "scale": scale,
        "seeds": list(module.SETTINGS[scale].seeds),
        "commit": commit,
        "wall_seconds": round(time.monotonic() - began, 1),
        "claims": claims,
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
    report, folder = earlier(name, scale, out), out / name
    try:
        report["claims"] = _present(load(name), scale, folder)
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
        UsageError: if the folder holds no results, or those of another scale.
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
        raise bad_value("--scale", scale, f"{report['scale']}, the scale of {folder}")
    return report


def _present(module: ModuleType, scale: Scale, folder: Path) -> list[dict[str, Any]]:
    """Draw data.csv, write the table if there is one, and return the claims."""
    rows = read_rows(folder / "data.csv")
    # Before anything is written: rows that cannot be judged leave an older picture as it is.
    claims = [asdict(claim) for claim in module.claims(rows, scale)]
    figure = module.draw(rows, scale)
    shown = module.table(rows, scale) if hasattr(module, "table") else None
    for ending in ("png", "pdf"):
        # No creation date: the same data gives the same file.
        metadata = {"CreationDate": None} if ending == "pdf" else None
        write_with(
            folder / f"figure.{ending}",
            lambda path, ending=ending, metadata=metadata: figure.savefig(  # type: ignore[misc]
                path, format=ending, dpi=150, metadata=metadata
            ),
        )
    if shown is not None:
        write_rows(folder / "table.csv", shown)
        write_text(folder / "table.md", markdown(shown))
    return claims


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows with equal keys as CSV, atomically."""
    rows = list(rows)
    if not rows:
        raise UsageError(f"{path}: no data; allowed: at least one row")

    def write(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    write_with(path, write)


def markdown(rows: Sequence[Row]) -> str:
    """Return rows with equal keys as a Markdown table."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "".join(
        f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines
    )


def read_rows(path: Path) -> list[Row]:
    """Read rows back, with numbers as numbers.

    Raises:
        UsageError: if the file cannot be read, is no table, or has no row.
    """
    rows = read_table(path)
    if not rows:
        raise UsageError(f"table: {path} has no row; allowed: at least one")
    return [{name: _number(text) for name, text in row.items()} for row in rows]


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _is_target(path: Path) -> bool:
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            # Figures that differ in settings alone take their functions from one place.
            names |= {name.id for name in ast.walk(node.targets[0]) if isinstance(name, ast.Name)}
    return {"measure", "draw", "claims"} <= names
