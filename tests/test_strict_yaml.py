"""YAML as the library reads it, but for what it would take without a word."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lit_curriculum.strict_yaml import parse_yaml
from tests.support import CONFIGS


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: key 'a' is given twice; allowed: once"),
        ("{x: {on: 1, true: 2}}", "key 'true' is given twice"),
        ("1: a\n0x1: b", "key '0x1' is given twice"),
        ("a: 1\n'a': 2", "key 'a' is given twice"),
        ("[" * 5000, "nested deeper than 100"),
        ("- " * 5000, "nested deeper than 100"),
        ("a: !!python/object/apply:os.system [ls]", "tag 'tag:yaml.org,2002:python/object/apply:os.system'"),
        ("a: !mine 1", "tag '!mine'"),
        *(
            (f"a: !!{tag} x", f"tag 'tag:yaml.org,2002:{tag}'")
            for tag in ("binary", "set", "omap", "timestamp")
        ),
        ("a: " + "9" * 1001, "a number of more than 1000 characters"),
        ("a: 0x" + "f" * 5000, "a number of more than 1000 characters"),
        ("a: " + "1:" * 10**5 + "1", "a number of more than 1000 characters"),
        ("a: " + "1:" * 300 + "1.5", "a value that cannot be read"),
        ("!!int ''", "a value that cannot be read"),
        ("!!float ''", "a value that cannot be read"),
        ("!!bool x", "a value that cannot be read"),
        ('"\\Uffffffff"', "a value that cannot be read"),
        ("%YAML 1." + "1" * 5000 + "\n---\na", "a value that cannot be read"),
        ("&a [*a]", "an alias stands for what it is part of"),
        ("a: 1\n---\nb: 2", "expected a single document"),
        ("a: \0", "special characters are not allowed"),
        ("? [1]\n: 2", "unhashable key"),
    ],
)
def test_what_no_setting_is_is_refused(text: str, reason: str) -> None:
    with pytest.raises(yaml.YAMLError) as caught:
        parse_yaml(text)
    assert reason in " ".join(str(caught.value).split())


def test_aliases_of_aliases_are_counted_before_they_are_written_out() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(yaml.YAMLError, match="more than 1,000,000 values"):
        parse_yaml("\n".join(lines))
    lines = ["a0: &a0 {x: 1}", *(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}" for i in range(1, 40))]
    with pytest.raises(yaml.YAMLError, match="more than 1,000,000 values"):
        parse_yaml("\n".join(lines))


def test_a_key_that_a_merged_mapping_has_too_is_there_once() -> None:
    """Whichever of the two the library comes to first."""
    text = "base: &b {lr: 1}\ndeep: {inner: {mid: &mid {<<: *b, lr: 2}}}\ntop: {<<: *mid, <<: *b}\n"
    assert parse_yaml(text) == {"base": {"lr": 1}, "deep": {"inner": {"mid": {"lr": 2}}}, "top": {"lr": 2}}


def test_a_date_is_text() -> None:
    assert parse_yaml("name: 2001-01-01\nnone: 2001-99-99") == {"name": "2001-01-01", "none": "2001-99-99"}
    assert yaml.safe_load("2001-01-01") != "2001-01-01"  # the library's own table is as it was


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_files_are_read_as_by_the_library(path: Path) -> None:
    assert parse_yaml(path.read_text(encoding="utf-8")) == yaml.safe_load(path.read_text(encoding="utf-8"))
