"""Results as `lit reproduce` left them, checked: reports, claims, pictures, the words beside them."""

from __future__ import annotations

import hashlib
import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.reading import MAX_TABLE_BYTES, is_there, read_bytes, read_json, read_text
from lit_curriculum.reproduce.figure import ALL_SCALES, targets, title
from lit_curriculum.reproduce.report import read_report

KEY = "--results"
STATUSES = ("holds", "fails", "inconclusive", "not_evaluated")

_DEPTHS = ("", "*/", "*/*/")
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Claim:
    """One judged claim of claims.json, under the names that it has there; see `reproduce.claim`.

    Attributes:
        values: one a seed; None where it has none.
        low, high: one-sided 95 % bounds of the mean, where the rule takes them.
        effect: mean in standard deviations.
    """

    id: str
    statement: str
    paper_value: float | str | None
    measured: float | None
    spread: float | None
    values: tuple[float | None, ...]
    rule: str
    status: str
    expected: str
    note: str
    low: float | None = None
    high: float | None = None
    effect: float | None = None
    p: float | None = None
    seeds_needed: int | None = None

    @property
    def numbers(self) -> list[float]:
        """Values of the seeds that have one."""
        return [value for value in self.values if value is not None]

    @property
    def as_expected(self) -> bool:
        """Whether it is what its author knew of this scale, and not that it holds."""
        return bool(self.expected) and self.expected.startswith(self.status)


@dataclass(frozen=True)
class Outcome:
    """What one target at one scale has left.

    Attributes:
        folder: where it lies.
        id: unique on a page: the folder's path below that of the results.
        finding: one sentence on it, from ``findings.json`` beside the folder, or empty.
        wall_seconds: of the call that wrote it; runs that were there already took part of no call.
        run_seconds: of training of all its runs, added up, whenever they were trained; None if not recorded.
        place: of that sentence in its file; those without come last.
        machine: where it was made, as it was recorded, or empty.
        changes: settings that are not the target's own, as ``lit reproduce --set`` takes them.
    """

    folder: Path
    id: str
    target: str
    paper: str
    scale: str
    seeds: tuple[int, ...]
    commit: str | None
    wall_seconds: float
    run_seconds: float | None
    claims: tuple[Claim, ...]
    title: str
    finding: str
    place: int
    machine: str
    changes: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """The line that makes it again."""
        if self.target in targets():
            changed = "".join(f" --set {shlex.quote(change)}" for change in self.changes)
            if changed:
                changed += f" --out {shlex.quote(self.folder.parent.as_posix())}"
            return f"lit reproduce {self.target} --scale {self.scale} --seeds {len(self.seeds)}{changed}"
        return f"python {self.target.replace('-', '_')}.py {self.scale} --seeds {len(self.seeds)}"

    def picture(self) -> bytes | None:
        """Return figure.png; None if there is none. Raises UsageError if it is something else."""
        path = self.folder / "figure.png"
        if not is_there(path):
            return None
        content = read_bytes(path, KEY)
        if not content.startswith(_PNG):
            raise bad_value(KEY, str(path), "a PNG image")
        return content

    def counts(self) -> dict[str, int]:
        """Return how many claims have each status."""
        return {status: sum(claim.status == status for claim in self.claims) for status in STATUSES}


def _finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _optional(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


def _text(value: Any) -> bool:
    return isinstance(value, str)


_FORM: dict[str, tuple[Callable[[Any], bool], str]] = {
    "id": (_text, "a text"),
    "statement": (_text, "a text"),
    "paper_value": (_optional(lambda value: _text(value) or _finite(value)), "a number, a text, or null"),
    "measured": (_optional(_finite), "a finite number, or null"),
    "spread": (_optional(_finite), "a finite number, or null"),
    "values": (
        lambda value: isinstance(value, list) and all(map(_optional(_finite), value)),
        "a list of finite numbers or nulls",
    ),
    "rule": (_text, "a text"),
    "status": (lambda value: value in STATUSES, ", ".join(STATUSES)),
    "expected": (_text, "a text"),
    "note": (_text, "a text"),
}
_EVIDENCE: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("low", "high", "effect", "p"), (_finite, "a finite number")),
    "seeds_needed": (lambda value: type(value) is int, "a whole number"),
}


def collect(root: Path) -> list[Outcome]:
    """Return what lies in a folder of results, or in one up to two levels below it.

    Raises:
        UsageError: if there is no such folder, nothing in it, or something damaged.
    """
    if not root.is_dir():
        raise bad_value(KEY, str(root), "a folder that holds results of lit reproduce")
    found = {path.parent for depth in _DEPTHS for path in root.glob(f"{depth}claims.json")}
    if not found:
        raise bad_value(KEY, str(root), "a folder that holds results of lit reproduce (no claims.json there)")
    return [_outcome(folder, root) for folder in sorted(found)]


def _outcome(folder: Path, root: Path) -> Outcome:
    path = folder / "claims.json"
    report = read_report(path, KEY)
    if report["scale"] not in ALL_SCALES:
        raise bad_value(f"{KEY}: {path}: scale", report["scale"], ", ".join(ALL_SCALES))
    _check_data(folder, report["data_sha256"])
    name, known, findings = report["target"], targets(), _findings(folder.parent)
    claims = tuple(_claim(entry, f"{KEY}: {path}: claim {i}") for i, entry in enumerate(report["claims"], 1))
    _check_together(claims, len(report["seeds"]), f"{KEY}: {path}")
    return Outcome(
        folder=folder,
        id=folder.relative_to(root).as_posix() if folder != root else name,
        target=name,
        paper=report["paper"],
        scale=report["scale"],
        seeds=tuple(report["seeds"]),
        commit=report["commit"],
        wall_seconds=report["wall_seconds"],
        run_seconds=report.get("run_seconds"),
        claims=claims,
        title=(title(known[name]) if name in known else name) + _changed(report),
        # What is said of the figure is not said of it with other settings.
        finding="" if report.get("changes") else findings.get(name, ""),
        place=[*findings, name].index(name),
        machine=report.get("machine") or _machine(folder.parent),
        changes=tuple(report.get("changes", ())),
    )


def _changed(report: dict[str, Any]) -> str:
    return f" - changed: {'; '.join(report['changes'])}" if report.get("changes") else ""


def _check_together(claims: Sequence[Claim], seeds: int, key: str) -> None:
    """Check what no claim shows alone, as a file that was edited by hand may have it.

    Raises:
        UsageError: for two claims of one id, or more values than seeds.
    """
    ids = [claim.id for claim in claims]
    for claim in claims:
        if ids.count(claim.id) > 1:
            raise bad_value(f"{key}: claim", claim.id, "each once")
        if len(claim.values) > seeds:
            allowed = f"at most one for each of {seeds} seeds"
            raise bad_value(f"{key}: {claim.id}: values", len(claim.values), allowed)


def _claim(entry: Any, key: str) -> Claim:
    allowed = _FORM.keys() | _EVIDENCE.keys()
    if not isinstance(entry, dict) or not _FORM.keys() <= entry.keys() <= allowed:
        needed = f"an object with {', '.join(_FORM)}, and as evidence {', '.join(_EVIDENCE)}"
        raise bad_value(key, entry, needed)
    for name, value in entry.items():
        fits, what = (_FORM | _EVIDENCE)[name]
        if not fits(value):
            raise bad_value(f"{key}: {name}", value, what)
    return Claim(**{**entry, "values": tuple(entry["values"])})


def _check_data(folder: Path, digest: str) -> None:
    """Refuse a data.csv that is not the one of which claims.json speaks; there may be none."""
    path = folder / "data.csv"
    if not is_there(path):
        return
    if hashlib.sha256(read_bytes(path, KEY, MAX_TABLE_BYTES)).hexdigest() != digest:
        raise UsageError(
            f"{KEY}: {path} is altered (its sha256 is not that in claims.json); allowed: as it was measured"
        )


def _findings(folder: Path) -> dict[str, str]:
    path = folder / "findings.json"
    if not is_there(path):
        return {}
    found = read_json(path, KEY)
    if not isinstance(found, dict) or not all(map(_text, found.values())):
        raise bad_value(KEY, str(path), "an object with a sentence for each target")
    return found


def _machine(folder: Path) -> str:
    path = folder / "machine.txt"
    return " ".join(read_text(path, KEY).split()) if is_there(path) else ""
