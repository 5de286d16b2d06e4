"""A manifest is what it should be, or is refused by the key that is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.distillation.manifest import Checkpoint, Manifest, check_file_name, marked, parse_manifest
from lit_curriculum.errors import UsageError

ENTRY = {"step": 20, "samples": 40, "file": "b", "sha256": "b" * 64, "metrics": {"val/loss": 0.5}}
FIRST = {"step": 10, "samples": 20, "file": "a", "sha256": "a" * 64, "metrics": {}}


def manifest(*entries: Any, **changes: Any) -> dict[str, Any]:
    return {"schema": 1, "model": {"name": "mlp"}, "task": {}, "checkpoints": list(entries), **changes}


def refusal(value: Any) -> str:
    with pytest.raises(UsageError) as caught:
        parse_manifest(value, "bank: m.json")
    message = str(caught.value)
    assert message.isprintable()
    assert message.startswith("bank: m.json")
    return message


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        *(("step", value) for value in (True, -1, 2**53 + 1, 10**400, 1.0, "10", None, [])),
        *(("samples", value) for value in (True, -1, 2**63, 40.0, "40", None)),
        *(
            ("file", value)
            for value in (
                "",
                ".",
                "..",
                "../a",
                "/etc/passwd",
                "a/b",
                "a\\b",
                "C:a",
                "a\0b",
                "a\nb",
                "x" * 256,
                3,
            )
        ),
        *(("sha256", value) for value in ("", "a" * 63, "a" * 65, "A" * 64, "g" * 64, "a" * 64 + "\n", 3)),
        *(("metrics", value) for value in (None, [], 3, "x")),
        *(("metrics", {"m": value}) for value in (None, True, "1", [], 10**400, float("inf"), float("nan"))),
        *(("same_as", value) for value in (True, -1, "10", 10, 20, 30)),
    ],
)
def test_a_wrong_value_of_an_entry_is_named_by_its_key(key: str, wrong: Any) -> None:
    assert key in refusal(manifest(FIRST, {**ENTRY, key: wrong}))


@pytest.mark.parametrize("key", ["step", "samples", "file", "sha256"])
def test_a_missing_key_of_an_entry_is_named(key: str) -> None:
    entry = {name: value for name, value in ENTRY.items() if name != key}
    assert f"checkpoints[1]: {key}: missing" in refusal(manifest(FIRST, entry))


@pytest.mark.parametrize(
    ("value", "part"),
    [
        (manifest({**ENTRY, "stepp": 1}), "checkpoints[0]: stepp: unknown"),
        (manifest(3), "checkpoints[0]: got 3"),
        (manifest(ENTRY, {**FIRST, "step": 20}), "distinct steps, it is there twice"),
        (manifest(ENTRY, {**FIRST, "file": "b"}), "file of step 20: got 'b'; allowed: another file"),
        (manifest({**FIRST, "samples": 50}, ENTRY), "samples of step 20: got 40; allowed: at least the 50"),
        (manifest(FIRST, {**ENTRY, "sha256": "a" * 64}), "steps 10 and 20 have the same weights"),
        (
            manifest(FIRST, {**ENTRY, "sha256": "a" * 64, "same_as": 9}),
            "steps 10 and 20 have the same weights",
        ),
        (manifest(ENTRY, model=[]), "model: got []"),
        (manifest(ENTRY, model={"name": "mlp", "init_args": 3}), "model: got"),
        (manifest(ENTRY, task=None), "task: got None"),
        (manifest(ENTRY, config_hash=3), "config_hash: got 3"),
        (manifest(ENTRY, commit=[]), "commit: got []"),
        (manifest(ENTRY, checkpoints={}), "checkpoints: got {}"),
        (manifest(ENTRY, schema=True), "schema True; allowed: 1"),
        (manifest(ENTRY, schema=2), "schema 2; allowed: 1"),
        (manifest(ENTRY, digest="0" * 64), "is damaged"),
        (manifest(ENTRY, digest=None), "is damaged"),
        (manifest(ENTRY, digset="0" * 64), "digset: unknown"),
        ([], "is not a bank manifest"),
        ({"schema": 1}, "'model' is missing"),
    ],
)
def test_a_wrong_manifest_is_named_by_its_key(value: Any, part: str) -> None:
    assert part in refusal(value)


def test_entries_come_by_step_however_they_are_listed() -> None:
    parsed = parse_manifest(manifest(ENTRY, FIRST), "m")
    assert [entry.step for entry in parsed.checkpoints] == [10, 20]
    assert parsed.checkpoints[1].metrics == {"val/loss": 0.5}


@given(st.lists(st.integers(0, 3), max_size=12))
def test_what_is_written_is_read_back_whatever_weights_are_equal(weights: list[int]) -> None:
    entries = [
        Checkpoint(step, step, f"{step}", f"{weight:064x}", {"m": step / 3})
        for step, weight in enumerate(weights)
    ]
    written = Manifest({"name": "mlp"}, {"task": "t"}, "hash", None, tuple(reversed(entries)))
    read = parse_manifest(json.loads(json.dumps(written.as_json())), "m")
    assert list(read.checkpoints) == marked(entries)
    for entry, weight in zip(read.checkpoints, weights, strict=True):
        first = weights.index(weight)
        assert entry.same_as == (None if first == entry.step else first)
    assert (read.model, read.task, read.config_hash, read.commit) == (
        {"name": "mlp"},
        {"task": "t"},
        "hash",
        None,
    )


@pytest.mark.parametrize("name", ["bank", "a.b", "..a", "ü", "-x", " "])
def test_plain_names_are_allowed(name: str) -> None:
    assert check_file_name("folder", name) == name
