"""What a reproduction leaves, and what is drawn again."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import jsonschema
import pytest

from lit_curriculum.errors import UsageError
from lit_curriculum.files import sha256_of
from lit_curriculum.reproduce import figure
from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure
from lit_curriculum.reproduce.panels import panels
from lit_curriculum.reproduce.predicates import AtLeast
from lit_curriculum.reproduce.results import Results
from lit_curriculum.runs.provenance import processor_name

NUMBER = {"type": ["number", "null"]}
CLAIM = {
    "id": {"type": "string", "pattern": "^[a-z0-9-]+$"},
    "statement": {"type": "string", "minLength": 10},
    "paper_value": {"type": ["number", "string", "null"]},
    "measured": NUMBER,
    "spread": NUMBER,
    "values": {"type": "array", "items": NUMBER, "minItems": 1},
    "rule": {"type": "string", "minLength": 3},
    "status": {"enum": ["holds", "fails", "inconclusive", "not_evaluated"]},
    "expected": {"type": "string", "pattern": "^$|^(fails|inconclusive): "},
    "note": {"type": "string"},
}
EVIDENCE = {
    **{key: {"type": "number"} for key in ("low", "high", "effect", "p")},
    "seeds_needed": {"type": "integer", "minimum": 2},
}
TOP = {
    "schema": {"const": 2},
    "target": {"type": "string"},
    "paper": {"enum": ["progressive", "implicit", "subtask", "across", "examples"]},
    "scale": {"enum": ["smoke", "quick", "laptop", "paper"]},
    "seeds": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "uniqueItems": True},
    "commit": {"type": ["string", "null"]},
    "wall_seconds": {"type": "number", "minimum": 0},
    "data_sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    "claims": {
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": list(CLAIM),
            "properties": {**CLAIM, **EVIDENCE},
        },
    },
}
# Reports of version 0.1, those of the committed results among them, do not say where they were made.
MACHINE = {"machine": {"type": "string", "minLength": 1}}
# Nor do those of 0.2.0 and before say how long their runs took.
COST = {"run_seconds": {"type": "number", "minimum": 0}}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": list(TOP),
    "properties": {**TOP, **MACHINE, **COST},
}


def stand_in(measured=(0.5, 1.0, 1.5), seeds=(3,), table=None) -> Figure:
    """Return a figure that trains nothing."""

    def rows(of):
        return [
            {"arm": "a", "seed": seed, "step": i, "metric": "level", "value": value}
            for seed in of
            for i, value in enumerate(measured)
        ]

    def draw(results):
        picture, (axis,) = panels(1)
        axis.plot(*zip(*results.curves("a", "level")[0], strict=True))
        return picture

    claim = Claim("level", "The level is high.", lambda r: r.final("a", "level"), AtLeast(1))
    return Figure(
        cost="nothing", seeds=seeds, measure=rows, draw=draw, claims=lambda results: [claim], table=table
    )


def test_what_is_known_is_recorded_and_is_of_a_claim_of_the_figure():
    made = stand_in(measured=(0.5,))
    results = Results.of(made.measure((3,)), (3,))
    said = replace(made, known={"level": "fails: it is low"})
    (record,) = figure.judged(said, results, "laptop")
    assert (record["status"], record["expected"]) == ("fails", "fails: it is low")
    with pytest.raises(ValueError, match="no claims of this figure: levle"):
        figure.judged(replace(made, known={"levle": "fails: it is low"}), results, "laptop")


@pytest.fixture
def reproduced(tmp_path, monkeypatch):
    def make(name="fig2", scale="laptop", commit="abc", out=tmp_path, seeds=None, **settings):
        monkeypatch.setattr(figure, "load", lambda name, scale: stand_in(**settings))
        return figure.reproduce(name, stand_in(**settings).with_seeds(seeds), scale, None, out, commit)

    return make


def measured_as(tmp_path, content: bytes) -> str:
    """Put other data where fig2's are, as if they had been measured; return their SHA-256."""
    data, claims = tmp_path / "fig2" / "data.csv", tmp_path / "fig2" / "claims.json"
    data.write_bytes(content)
    claims.write_text(json.dumps({**json.loads(claims.read_text()), "data_sha256": sha256_of(data)}))
    return sha256_of(data)


def redraw_refused(tmp_path):
    """Return the message with which fig2 is not drawn again, its files as they were."""
    before = {path: path.read_bytes() for path in (tmp_path / "fig2").iterdir() if path.is_file()}
    with pytest.raises(UsageError) as caught:
        figure.redraw("fig2", "laptop", tmp_path)
    assert {path: path.read_bytes() for path in before} == before
    assert str(caught.value).isprintable()
    return str(caught.value)


# --- targets -------------------------------------------------------------------------------------------


def test_a_target_is_a_file_without_an_underscore(tmp_path, monkeypatch):
    folder = tmp_path / "progressive"
    folder.mkdir()
    (folder / "fig_9_b.py").write_text('"""Ninth.\n\nMore."""\n')
    (folder / "_shared.py").write_text("")
    (folder / "__init__.py").write_text("")
    (tmp_path / "top.py").write_text("")
    monkeypatch.setattr(figure, "_PAPERS", tmp_path)
    assert figure.targets() == {"fig-9-b": folder / "fig_9_b.py"}
    assert figure.title(folder / "fig_9_b.py") == "Ninth."


def test_an_unknown_target_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match=r"target: got 'fig22x'; allowed: all, .*did you mean 'fig22'"):
        figure.load("fig22x", "smoke")


def test_seeds_are_added_after_those_of_a_figure():
    assert stand_in(seeds=(27, 67)).with_seeds(4).reported == (27, 67, 68, 69)
    assert stand_in(seeds=(27, 67)).with_seeds(1).reported == (27,)
    assert stand_in(seeds=(27, 67)).with_seeds(None).reported == (27, 67)


# --- a whole target ------------------------------------------------------------------------------------


def test_a_target_leaves_data_picture_and_claims(tmp_path, reproduced):
    report = reproduced()
    folder = tmp_path / "fig2"
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["claims.json", "data.csv", "figure.pdf", "figure.png"]
    assert (folder / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "figure.pdf").read_bytes().startswith(b"%PDF")
    assert Results.read(folder / "data.csv").final("a", "level") == {3: 1.5}
    assert json.loads((folder / "claims.json").read_text()) == report


def test_a_figure_of_ones_own_is_of_no_paper(tmp_path):
    report = figure.reproduce("my-figure", stand_in(), "smoke", None, tmp_path, None)
    assert (report["target"], report["paper"]) == ("my-figure", figure.OWN)
    assert json.loads((tmp_path / "my-figure" / "claims.json").read_text()) == report


def test_more_seeds_are_measured_and_drawn_again(tmp_path, reproduced):
    assert reproduced(seeds=3)["seeds"] == [3, 4, 5]
    assert figure.redraw("fig2", "laptop", tmp_path)["claims"][0]["values"] == [1.5, 1.5, 1.5]


def test_a_target_with_a_table_leaves_it_as_csv_and_markdown(tmp_path, reproduced):
    reproduced(table=lambda results: [{"size": 2, "best": 1.5}])
    assert (tmp_path / "fig2" / "table.csv").read_text() == "size,best\n2,1.5\n"
    assert (tmp_path / "fig2" / "table.md").read_text() == "| size | best |\n| --- | --- |\n| 2 | 1.5 |\n"


@pytest.mark.parametrize("scale", figure.ALL_SCALES)
@pytest.mark.parametrize("commit", ["abc+changes", None])
def test_claims_json_has_the_agreed_form(reproduced, scale, commit):
    report = reproduced(scale=scale, commit=commit)
    jsonschema.validate(report, SCHEMA)
    assert report["paper"] == "progressive"
    assert report["commit"] == commit
    assert report["claims"][0]["status"] == ("not_evaluated" if scale == "smoke" else "holds")


def test_claims_json_says_where_it_was_made_and_may_not(tmp_path, reproduced):
    report = reproduced()
    assert report.pop("machine") == processor_name() != ""
    (tmp_path / "fig2" / "claims.json").write_text(json.dumps(report))
    assert "machine" not in figure.redraw("fig2", "laptop", tmp_path)


def test_the_same_data_gives_the_same_files(tmp_path, reproduced):
    for name in ("a", "b"):
        reproduced(out=tmp_path / name)
    for file in ("data.csv", "figure.png", "figure.pdf"):
        first, second = ((tmp_path / name / "fig2" / file).read_bytes() for name in ("a", "b"))
        assert first == second, file


# --- results that are there ----------------------------------------------------------------------------


def test_drawn_again_the_data_and_what_is_known_of_them_stay(tmp_path, reproduced):
    first = reproduced()
    first["data_sha256"] = measured_as(tmp_path, b"arm,seed,step,metric,value\na,3,0,level,4.5\n")
    (tmp_path / "fig2" / "figure.png").unlink()
    again = figure.redraw("fig2", "laptop", tmp_path)
    assert again["claims"][0]["measured"] == 4.5
    assert {**again, "claims": None} == {**first, "claims": None}
    assert json.loads((tmp_path / "fig2" / "claims.json").read_text()) == again
    assert (tmp_path / "fig2" / "figure.png").exists()


def test_data_that_were_altered_are_not_judged(tmp_path, reproduced):
    reproduced()
    data = tmp_path / "fig2" / "data.csv"
    data.write_text(data.read_text().replace("1.5", "4.5"))
    assert "data.csv is altered" in redraw_refused(tmp_path)


def test_what_is_not_there_is_not_drawn_again(tmp_path, reproduced):
    with pytest.raises(UsageError, match=r"--redraw: got '.*fig2'; allowed: .*; data.csv is missing"):
        figure.redraw("fig2", "laptop", tmp_path)
    reproduced()
    with pytest.raises(UsageError, match="--scale: got 'paper'; allowed: laptop, the scale of "):
        figure.redraw("fig2", "paper", tmp_path)


def test_a_scale_that_nobody_gave_is_told_as_the_default(tmp_path, reproduced):
    reproduced()
    claims = tmp_path / "fig2" / "claims.json"
    claims.write_text(claims.read_text().replace('"scale": "laptop"', '"scale": "smoke"'))
    with pytest.raises(UsageError, match="--scale: got 'laptop', the default; allowed: smoke, the scale of "):
        figure.redraw("fig2", "laptop", tmp_path)


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
        *(("schema", 1), ("schema", True), ("target", "fig8"), ("scale", 3), ("seeds", [0, "1"])),
        *(("seeds", 3), ("seeds", []), ("commit", 3), ("wall_seconds", -1), ("wall_seconds", "long")),
        *(("run_seconds", -1), ("run_seconds", None)),
        *(("claims", {}), ("data_sha256", 1), ("machine", 3)),
    ],
)
def test_a_report_with_a_wrong_value_is_not_drawn_again(tmp_path, reproduced, key, wrong):
    report = reproduced()
    (tmp_path / "fig2" / "claims.json").write_text(json.dumps({**report, key: wrong}))
    assert key in redraw_refused(tmp_path)


HEAD = b"arm,seed,step,metric,value\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "has no column 'arm'"),
        (HEAD, "has no row"),
        (HEAD + b"a,0\n", "line 2 has 2 cells, not 5"),
        (HEAD + b"a,3,0,level,\xff\n", "is not UTF-8"),
        (HEAD + b"a,3,0,level,\0\n", "a NUL"),
        (b"arm,arm\na,1\n", "named twice"),
        (b"arm,seed,step,metric\na,3,0,level\n", "'value'"),
        (HEAD + b"a,3,0,level,high\n", "value: not a finite number"),
        (HEAD + b"a,3,0,level,nan\n", "value: not a finite number"),
        (HEAD + b"a,x,0,level,1\n", "seed: not a finite number"),
        (HEAD + b"b,3,0,level,1\n", "no 'level' of 'a'"),
        (HEAD + b"a,4,0,level,1\n", "lacks the seeds [3]"),
    ],
)
def test_data_that_cannot_be_judged_are_refused_by_their_name(tmp_path, reproduced, text, reason):
    reproduced()
    measured_as(tmp_path, text)
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
