"""The one exception for wrong input, its message and its suggestions."""

from __future__ import annotations

import pickle

import pytest

from lit_curriculum.errors import NotFinite, RunFailed, RunStopped, UsageError, bad_value, suggest


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


@pytest.mark.parametrize("kind", [UsageError, RunFailed, NotFinite, RunStopped])
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", r"a\nb"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\ud800", r"\ud800"),
        ("\u202eü", r"\u202eü"),
        ("plain", "plain"),
    ],
)
def test_a_message_is_one_line_whatever_it_quotes(kind, text, shown):
    assert str(kind(text)) == shown
    assert str(pickle.loads(pickle.dumps(kind(text)))) == shown  # as a worker's error comes back


def test_a_very_long_message_keeps_its_ends():
    message = str(UsageError("begin" + "x" * 10**6 + "end"))
    assert len(message) < 4001
    assert message.startswith("begin")
    assert message.endswith("end")


def test_a_very_long_value_is_not_written_out():
    assert len(str(bad_value("key", "x" * 10**7, "less"))) < 300
