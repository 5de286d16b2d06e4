"""What a figure is made of: targets, judged claims, rows, files."""

from __future__ import annotations

import json
import math
import os
import shutil
import statistics
from dataclasses import asdict
from types import SimpleNamespace

import jsonschema
import pytest

from lit_curriculum.errors import UsageError
from lit_curriculum.papers import figure
from lit_curriculum.papers.figure import Claim, judge, read_rows, write_rows
from lit_curriculum.papers.style import panels
from tests.support import RESULTS

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["schema", "target", "paper", "scale", "seeds", "commit", "wall_seconds", "claims"],
    "properties": {
        "schema": {"const": 1},
        "target": {"type": "string"},
        "paper": {"enum": ["progressive", "implicit", "subtask"]},
        "scale": {"enum": ["smoke", "laptop", "paper"]},
        "seeds": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "uniqueItems": True},
        "commit": {"type": ["string", "null"]},
        "wall_seconds": {"type": "number", "minimum": 0},
        "claims": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": [
                    "id",
                    "statement",
                    "paper_value",
                    "measured",
                    "spread",
                    "threshold",
                    "status",
                    "note",
                ],
                "properties": {
                    "id": {"type": "string", "pattern": "^[a-z0-9-]+$"},
                    "statement": {"type": "string", "minLength": 10},
                    "paper_value": {"type": ["number", "string", "null"]},
                    "measured": {"type": ["number", "null"]},
                    "spread": {"type": ["number", "null"]},
                    "threshold": {"type": "string", "minLength": 3},
                    "status": {"enum": ["holds", "fails", "not_evaluated", "not_shown_at_scale"]},
                    "note": {"type": "string"},
                },
            },
        },
    },
}
NAMES = (
    *("fig1-left", "fig2", "fig2-full", "fig7-left", "fig8", "fig8-full", "fig9"),
    *("fig15", "fig17", "fig18", "fig19"),
)


# --- targets -------------------------------------------------------------------------------------------


def test_targets_are_the_files_that_measure_draw_and_claim():
    known = figure.targets()
    assert set(NAMES) <= set(known)
    assert "parity" not in known  # shared settings, no figure
    assert all(path.parent.name in ("progressive", "implicit", "subtask") for path in known.values())


def test_a_file_becomes_a_target_by_its_three_functions(tmp_path, monkeypatch):
    folder = tmp_path / "progressive"
    folder.mkdir()
    functions = "def measure(lab, scale): ...\ndef draw(rows, scale): ...\n"
    (folder / "fig_9_b.py").write_text(
        '"""Ninth.\n\nMore."""\n' + functions + "def claims(rows, scale): ...\n"
    )
    (folder / "half.py").write_text(functions)
    (folder / "shared.py").write_text("cost, measure, draw, claims = target(SETTINGS)\n")
    (folder / "part.py").write_text("cost, measure, draw = target(SETTINGS)\n")
    (tmp_path / "top.py").write_text(functions + "def claims(rows, scale): ...\n")
    monkeypatch.setattr(figure, "_HERE", tmp_path)
    assert figure.targets() == {"fig-9-b": folder / "fig_9_b.py", "shared": folder / "shared.py"}
    assert figure.title(folder / "fig_9_b.py") == "Ninth."


@pytest.mark.parametrize("name", NAMES)
def test_every_target_has_a_title_a_cost_and_settings_at_every_scale(name):
    module = figure.load(name)
    title = figure.title(figure.targets()[name])
    assert title == module.__doc__.split("\n")[0]
    assert title.endswith(".")
    assert set(module.SETTINGS) == set(figure.SCALES)
    for scale in figure.SCALES:
        assert module.cost(scale)
        assert len(module.SETTINGS[scale].seeds) >= 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", ["laptop", "paper"])
def test_seeds_that_tune_are_never_reported(name, scale):
    setting = figure.load(name).SETTINGS[scale]
    parity = getattr(setting, "parity", setting)
    assert not set(parity.tuning_seeds) & set(setting.seeds)
    # The run of published length is too long for more than one.
    assert len(setting.seeds) >= (1 if name.endswith("-full") and scale == "laptop" else 3)


def test_title_of_a_file_without_docstring_is_empty(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    assert figure.title(tmp_path / "a.py") == ""


def test_an_unknown_target_is_refused_with_the_nearest():
    with pytest.raises(UsageError) as caught:
        figure.load("fig1-lft")
    message = str(caught.value)
    assert message.startswith("target: got 'fig1-lft'; allowed: ")
    assert message.endswith("(did you mean 'fig1-left'?)")
    assert all(name in message for name in NAMES)
    assert "\n" not in message


# --- claims --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", ["laptop", "paper"])
@pytest.mark.parametrize(("holds", "status"), [(True, "holds"), (False, "fails")])
def test_a_claim_holds_or_fails(scale, holds, status):
    assert judge("a", "b", [1.0], scale=scale, threshold="t", holds=holds).status == status


@pytest.mark.parametrize("holds", [True, False])
def test_at_smoke_scale_nothing_is_evaluated(holds):
    assert judge("a", "b", [1.0], scale="smoke", threshold="t", holds=holds).status == "not_evaluated"


@pytest.mark.parametrize("scale", figure.SCALES)
@pytest.mark.parametrize("holds", [True, False])
def test_only_what_fails_on_a_laptop_is_excused(scale, holds):
    claim = judge("a", "b", [1.0], scale=scale, threshold="c", holds=holds)
    found = figure.excused(claim, scale, "tried")
    if scale == "laptop" and not holds:
        assert (found.status, found.note, found.measured) == ("not_shown_at_scale", "tried", 1.0)
    else:
        assert found == claim


def test_a_claim_reports_mean_and_standard_deviation_over_seeds():
    values = [1.0, 2.0, 4.0]
    claim = judge("a", "b", values, scale="laptop", threshold="t", holds=True, paper_value=0.5)
    assert claim == Claim("a", "b", 0.5, 7 / 3, statistics.stdev(values), "t", "holds", "")


def test_one_seed_has_no_spread_and_no_seed_no_value():
    assert judge("a", "b", [1.0], scale="laptop", threshold="t", holds=True).spread is None
    nothing = judge("a", "b", [], scale="laptop", threshold="t", holds=False)
    assert (nothing.measured, nothing.spread, nothing.status) == (None, None, "fails")


# --- rows ----------------------------------------------------------------------------------------------


def test_rows_are_read_back_with_numbers_as_numbers(tmp_path):
    rows = [
        {"method": "one-shot tau=1e-4", "seed": 0, "lr": 1e-3, "value": 0.1 + 0.2, "note": ""},
        {"method": "x, y", "seed": -1, "lr": 5.0, "value": -0.0, "note": "a"},
    ]
    write_rows(tmp_path / "deep" / "data.csv", iter(rows))
    found = read_rows(tmp_path / "deep" / "data.csv")
    assert found == rows
    assert [type(value) for value in found[0].values()] == [str, int, float, float, str]


def test_what_is_not_a_finite_number_is_read_back_too(tmp_path):
    write_rows(tmp_path / "data.csv", [{"a": math.inf, "b": math.nan}])
    (row,) = read_rows(tmp_path / "data.csv")
    assert row["a"] == math.inf
    assert math.isnan(row["b"])


def test_no_rows_are_refused_and_an_older_file_stays(tmp_path):
    write_rows(tmp_path / "data.csv", [{"a": 1}])
    with pytest.raises(UsageError) as caught:
        write_rows(tmp_path / "data.csv", [])
    assert str(caught.value) == f"{tmp_path}/data.csv: no data; allowed: at least one row"
    assert read_rows(tmp_path / "data.csv") == [{"a": 1}]


def test_rows_that_differ_in_columns_are_refused_and_an_older_file_stays(tmp_path):
    write_rows(tmp_path / "data.csv", [{"a": 1}])
    with pytest.raises(ValueError, match="'b'"):
        write_rows(tmp_path / "data.csv", [{"a": 2}, {"a": 3, "b": 4}])
    assert read_rows(tmp_path / "data.csv") == [{"a": 1}]


# --- a whole target ------------------------------------------------------------------------------------


def stand_in(measured: list[float], holds: bool) -> SimpleNamespace:
    """Return a target that trains nothing."""

    def draw(rows, scale):
        picture, (axis,) = panels(1)
        axis.plot([row["step"] for row in rows], [row["value"] for row in rows])
        return picture

    def claims(rows, scale):
        values = [row["value"] for row in rows]
        return [judge("level", "The level is high.", values, scale=scale, threshold=">= 1", holds=holds)]

    return SimpleNamespace(
        SETTINGS=dict.fromkeys(figure.SCALES, SimpleNamespace(seeds=(3, 4))),
        measure=lambda lab, scale: [{"step": i, "value": value} for i, value in enumerate(measured)],
        draw=draw,
        claims=claims,
    )


@pytest.fixture
def reproduced(tmp_path, monkeypatch):
    def make(name="fig2", scale="laptop", holds=True, commit="abc", out=tmp_path):
        monkeypatch.setattr(figure, "load", lambda _: stand_in([0.5, 1.0, 1.5], holds))
        return figure.reproduce(name, scale, None, out, commit)

    return make


def test_a_target_leaves_data_picture_and_claims(tmp_path, reproduced):
    report = reproduced()
    folder = tmp_path / "fig2"
    assert sorted(path.name for path in folder.iterdir()) == [
        "claims.json",
        "data.csv",
        "figure.pdf",
        "figure.png",
    ]
    assert (folder / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "figure.pdf").read_bytes().startswith(b"%PDF")
    assert read_rows(folder / "data.csv")[2] == {"step": 2, "value": 1.5}
    assert json.loads((folder / "claims.json").read_text()) == report


def test_a_target_with_a_table_leaves_it_as_csv_and_markdown(tmp_path, monkeypatch):
    target = stand_in([0.5, 1.5], holds=True)
    target.table = lambda rows, scale: [{"size": len(rows), "best": max(row["value"] for row in rows)}]
    monkeypatch.setattr(figure, "load", lambda _: target)
    figure.reproduce("fig2", "laptop", None, tmp_path, None)
    assert (tmp_path / "fig2" / "table.csv").read_text() == "size,best\n2,1.5\n"
    assert (tmp_path / "fig2" / "table.md").read_text() == "| size | best |\n| --- | --- |\n| 2 | 1.5 |\n"


@pytest.mark.parametrize("scale", figure.SCALES)
@pytest.mark.parametrize("commit", ["abc+changes", None])
def test_claims_json_has_the_agreed_form(reproduced, scale, commit):
    report = reproduced(scale=scale, commit=commit)
    jsonschema.validate(report, SCHEMA)
    assert report["target"] == "fig2"
    assert report["paper"] == "progressive"
    assert report["scale"] == scale
    assert report["seeds"] == [3, 4]
    assert report["commit"] == commit


def test_the_agreed_form_says_no_to_a_wrong_status(reproduced):
    report = reproduced()
    report["claims"][0]["status"] = "maybe"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(report, SCHEMA)


def test_the_same_data_gives_the_same_files(tmp_path, reproduced):
    for name in ("a", "b"):
        reproduced(out=tmp_path / name)
    for file in ("data.csv", "figure.png", "figure.pdf"):
        first, second = ((tmp_path / name / "fig2" / file).read_bytes() for name in ("a", "b"))
        assert first == second, file


def test_picture_and_claims_come_from_the_file_and_not_from_memory(tmp_path, reproduced, monkeypatch):
    monkeypatch.setattr(figure, "read_rows", lambda path: [{"step": 0, "value": 42.0}])
    assert reproduced()["claims"][0]["measured"] == 42.0


# --- results that are there ----------------------------------------------------------------------------


def test_drawn_again_the_data_and_what_is_known_of_them_stay(tmp_path, reproduced):
    first = reproduced()
    data = tmp_path / "fig2" / "data.csv"
    data.write_text(data.read_text().replace("1.5", "4.5"))
    (tmp_path / "fig2" / "figure.png").unlink()
    again = figure.redraw("fig2", "laptop", tmp_path)
    assert again["claims"][0]["measured"] == 2.0
    assert {**again, "claims": None} == {**first, "claims": None}
    assert json.loads((tmp_path / "fig2" / "claims.json").read_text()) == again
    assert (tmp_path / "fig2" / "figure.png").exists()


def test_what_is_not_there_is_not_drawn_again(tmp_path, reproduced):
    with pytest.raises(UsageError, match=r"--redraw: got '.*fig2'; allowed: .*; data.csv is missing"):
        figure.redraw("fig2", "laptop", tmp_path)
    reproduced()
    with pytest.raises(UsageError, match="--scale: got 'paper'; allowed: laptop, the scale of "):
        figure.redraw("fig2", "paper", tmp_path)


def redraw_refused(tmp_path):
    """Return the message with which fig2 is not drawn again, its files as they were."""
    before = {path: path.read_bytes() for path in (tmp_path / "fig2").iterdir() if path.is_file()}
    with pytest.raises(UsageError) as caught:
        figure.redraw("fig2", "laptop", tmp_path)
    assert {path: path.read_bytes() for path in before} == before
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"{", "claims.json cannot be read (Expecting property name"),
        (b"{}", "claims.json'; allowed: a report of lit reproduce with exactly schema, target"),
        (b"[]", "claims.json'; allowed: a report of lit reproduce"),
        (b"\xff", "claims.json is not UTF-8"),
        (b"[" * 10_000, "claims.json cannot be read (nested deeper"),
    ],
)
def test_a_report_that_is_none_is_not_drawn_again(tmp_path, reproduced, text, reason):
    reproduced()
    (tmp_path / "fig2" / "claims.json").write_bytes(text)
    message = redraw_refused(tmp_path)
    assert message.startswith("--redraw: ")
    assert reason in message


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("schema", 2),
        ("schema", True),
        ("target", "fig8"),
        ("scale", 3),
        ("seeds", [0, "1"]),
        ("seeds", 3),
        ("commit", 3),
        ("wall_seconds", -1),
        ("wall_seconds", "long"),
        ("claims", {}),
    ],
)
def test_a_report_with_a_wrong_value_is_not_drawn_again(tmp_path, reproduced, key, wrong):
    report = reproduced()
    (tmp_path / "fig2" / "claims.json").write_text(json.dumps({**report, key: wrong}))
    assert key in redraw_refused(tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "has no row"),
        (b"step,value\n", "has no row"),
        (b"step,value\n0\n", "line 2 has 1 cells, not 2"),
        (b"step,value\n0,\xff\n", "is not UTF-8"),
        (b"step,value\n0,\0\n", "a NUL"),
        (b"step,step\n0,1\n", "named twice"),
        (b"step,valu\n0,1\n", "KeyError: 'value'"),
        (b"step,value\n0,high\n", "TypeError"),
        (b"step,value\n0,nan\n", "not finite"),
        (b"step,value\n0," + b"9" * 400 + b"\n", "OverflowError"),
    ],
)
def test_data_that_cannot_be_judged_are_refused_by_their_name(tmp_path, reproduced, text, reason):
    reproduced()
    (tmp_path / "fig2" / "data.csv").write_bytes(text)
    message = redraw_refused(tmp_path)
    assert f"{tmp_path}/fig2/data.csv" in message
    assert reason in message, message


@pytest.mark.parametrize("name", ["data.csv", "claims.json"])
def test_what_is_no_plain_file_is_not_drawn_again(tmp_path, reproduced, name):
    reproduced()
    path = tmp_path / "fig2" / name
    path.unlink()
    os.mkfifo(path)
    assert "a pipe or a device" in redraw_refused(tmp_path)


def test_data_of_other_settings_are_not_judged(tmp_path):
    """A seed that the present settings ask for is not in the data."""
    folder = tmp_path / "implicit-fig3"
    shutil.copytree(RESULTS / "implicit-fig3", folder)
    data, kept = folder / "data.csv", ("claims.json", "figure.png", "figure.pdf")
    written = [(folder / name).read_bytes() for name in kept]
    head, *lines = data.read_text().splitlines(keepends=True)
    data.write_text(head + "".join(line for line in lines if line.split(",")[1] != "2"))
    with pytest.raises(UsageError, match=r"data.csv'; allowed: data of the present settings; .*seeds \[2\]"):
        figure.redraw("implicit-fig3", "laptop", tmp_path)
    assert [(folder / name).read_bytes() for name in kept] == written


@pytest.mark.parametrize("folder", sorted(RESULTS.iterdir()), ids=lambda path: path.name)
def test_the_committed_claims_are_what_the_committed_data_say(folder):
    """Under the present code: no claim can change without its result being judged again."""
    report = json.loads((folder / "claims.json").read_text())
    jsonschema.validate(report, SCHEMA)
    module = figure.load(folder.name)
    judged = [asdict(claim) for claim in module.claims(read_rows(folder / "data.csv"), report["scale"])]
    assert [list(claim) for claim in judged] == [list(claim) for claim in report["claims"]]
    for ours, written in zip(judged, report["claims"], strict=True):
        for key, value in ours.items():
            number = isinstance(value, float) and isinstance(written[key], float)
            assert written[key] == (pytest.approx(value, rel=1e-6, abs=1e-9) if number else value), key
