"""Where two settings differ first."""

from __future__ import annotations

from typing import Any

import pytest

from lit_curriculum.differences import first_difference


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ({"a": 1}, {"a": 1}, None),
        ({"a": 1, "b": 3}, {"a": 2, "b": 4}, ("a", 1, 2)),
        ({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 3}]}}, ("a.b[1].c", 2, 3)),
        ({"a": 1}, {}, ("a", 1, None)),
        ({}, {"a": 1}, ("a", None, 1)),
        ({"a": None}, {}, None),
        ({"a": [1]}, {"a": [1, 2]}, ("a", [1], [1, 2])),
        ({"a": {"b": 1}}, {"a": 3}, ("a", {"b": 1}, 3)),
        ([1, 2], [1, 3], ("[1]", 2, 3)),
    ],
)
def test_first_difference_is_named_by_its_key(
    ours: Any, theirs: Any, expected: tuple[str, Any, Any] | None
) -> None:
    assert first_difference(ours, theirs) == expected


def test_what_only_one_names_can_be_left_out() -> None:
    ours, theirs = {"a": 1, "b": [{"c": 1, "d": 2}]}, {"e": 3, "b": [{"c": 1}]}
    assert first_difference(ours, theirs, shared=True) is None
    assert first_difference(ours, {"b": [{"c": 2}]}, shared=True) == ("b[0].c", 1, 2)
