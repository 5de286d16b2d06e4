"""Where two nested settings differ first, named as people write it."""

from __future__ import annotations

from typing import Any


def first_difference(
    ours: Any, theirs: Any, key: str = "", shared: bool = False
) -> tuple[str, Any, Any] | None:
    """Return (key, our value, their value) of the first setting in which two configurations differ.

    Args:
        ours: nested dicts and lists.
        theirs: the same.
        key: where they stand.
        shared: compare only what both name.
    """
    if isinstance(ours, dict) and isinstance(theirs, dict):
        names = ours.keys() & theirs.keys() if shared else ours.keys() | theirs.keys()
        for name in sorted(names):
            path = f"{key}.{name}" if key else name
            found = first_difference(ours.get(name), theirs.get(name), path, shared)
            if found:
                return found
        return None
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            found = first_difference(a, b, f"{key}[{i}]", shared)
            if found:
                return found
        return None
    return None if ours == theirs else (key, ours, theirs)
