"""The one exception for wrong input, its message and its suggestions."""

from __future__ import annotations

import pytest

from lit_curriculum.errors import UsageError, bad_value, suggest


def test_message_names_key_value_and_what_is_allowed():
    error = bad_value("width", -3, "an integer of at least 1")
    assert isinstance(error, UsageError)
    assert str(error) == "width: got -3; allowed: an integer of at least 1"


def test_a_text_value_is_quoted_so_that_spaces_show():
    assert str(bad_value("name", " a\nb", "a word")) == r"name: got ' a\nb'; allowed: a word"


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("widht", " (did you mean 'width'?)"),
        ("Wdth", " (did you mean 'width'?)"),
        ("dpth", " (did you mean 'depth'?)"),
        ("zzzzz", ""),
        ("", ""),
    ],
)
def test_nearest_name_is_suggested_or_none(word, hint):
    assert suggest(word, ["width", "depth"]) == hint


def test_suggestion_takes_any_iterable_of_names():
    assert suggest("fig3", (name for name in ("fig2", "table1"))) == " (did you mean 'fig2'?)"
    assert suggest("x", []) == ""
