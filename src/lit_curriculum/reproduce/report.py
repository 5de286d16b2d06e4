"""claims.json: what a reproduction says of itself, and the check of one that was read."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lit_curriculum.errors import bad_value
from lit_curriculum.reading import read_json

SCHEMA = 2


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _whole(value: Any) -> bool:
    return type(value) is int


def _seconds(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0


# Claims are judged anew; what else a report says is kept, and so has to be right.
_FORM: dict[str, tuple[Callable[[Any], bool], str]] = {
    "schema": (lambda value: _whole(value) and value == SCHEMA, str(SCHEMA)),
    "target": (_text, "a text"),
    "paper": (_text, "a text"),
    "scale": (_text, "a text"),
    "seeds": (
        lambda value: isinstance(value, list) and all(map(_whole, value)) and 0 < len(value) == len({*value}),
        "a list of different integers",
    ),
    "commit": (lambda value: value is None or _text(value), "a text, or null"),
    "wall_seconds": (_seconds, "a finite number of at least 0"),
    "run_seconds": (_seconds, "a finite number of at least 0"),
    "data_sha256": (_text, "a text"),
    "claims": (lambda value: isinstance(value, list), "a list"),
    "machine": (_text, "a text"),
    "changes": (lambda value: isinstance(value, list) and all(map(_text, value)), "a list of texts"),
}

# Reports of version 0.1 do not say the first, those of 0.2.0 not the second; the third only changed figures.
_OPTIONAL = {"machine", "run_seconds", "changes"}


def read_report(path: Path, key: str) -> dict[str, Any]:
    """Return the content of a claims.json.

    Args:
        path: the file.
        key: what errors call it, the option that named its folder.

    Raises:
        UsageError: if it cannot be read or is no report, naming what is wrong in it.
    """
    report = read_json(path, key)
    needed = _FORM.keys() - _OPTIONAL
    if not isinstance(report, dict) or not needed <= report.keys() <= _FORM.keys():
        raise bad_value(key, str(path), f"a report of lit reproduce with exactly {', '.join(_FORM)}")
    for name, (fits, allowed) in _FORM.items():
        if name in report and not fits(report[name]):
            raise bad_value(f"{key}: {path}: {name}", report[name], allowed)
    return report
