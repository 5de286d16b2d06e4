"""What holds of every figure: its settings, its committed claims, and that chance does not please it."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest

from lit_curriculum.cli.main import main
from lit_curriculum.reproduce import figure
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.measuring import everything
from lit_curriculum.reproduce.predicates import MeanAbove, MeanBelow, Sooner
from lit_curriculum.reproduce.results import COLUMNS, MissingData, Results
from tests.reproduce.test_figure import SCHEMA
from tests.support import COMMITTED, COUNTED, RESULTS

NAMES = list(figure.targets())
# They train no network by Lightning: only what they measure.
EXACT = [name for name in NAMES if not figure.load(name, figure.scales_of(name)[0]).studies]
# Of all kinds of runs and of tables, in seconds.
QUICK = ("fig1-left", "subtask-table1", "implicit-theory", "subtask-variance")


def named(folder: Path) -> str:
    return f"{folder.parent.name}-{folder.name}"


def committed(folder: Path) -> tuple[Figure, Results, dict[str, Any]]:
    report = json.loads((folder / "claims.json").read_text(encoding="utf-8"))
    made = figure.load(folder.name, report["scale"]).with_seeds(len(report["seeds"]))
    return made, Results.read(folder / "data.csv", report["seeds"]), report


@pytest.mark.parametrize(("name", "scale"), [(n, s) for n in NAMES for s in figure.scales_of(n)])
def test_settings_are_whole_and_tuning_seeds_are_never_reported(name: str, scale: Scale) -> None:
    made = figure.load(name, scale)
    assert made.cost
    assert made.reported
    assert figure.title(figure.targets()[name]).endswith(".")
    for study in made.studies:
        assert len({arm.name for arm in study.arms}) == len(study.arms)
        assert not set(study.seeds) & set(study.tuning_seeds)
        students = {seed + arm.seed_offset for arm in study.arms for seed in study.seeds}
        assert not students & set(study.tuning_seeds)
    keys = [run.key for run in everything(made.studies)]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("folder", COMMITTED, ids=named)
def test_the_committed_claims_are_what_the_committed_data_say(folder: Path) -> None:
    """Under the present code: no claim can change without its result being judged again."""
    made, results, report = committed(folder)
    jsonschema.validate(report, SCHEMA)
    judged = figure.judged(made, results, report["scale"])
    assert len({claim["id"] for claim in judged}) == len(judged)
    assert _alike(json.loads(json.dumps(judged)), report["claims"])


def _alike(one: object, other: object) -> bool:
    """Compare, numbers up to the last digits: a fitted slope is rounded otherwise by another processor."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return one == pytest.approx(other, rel=1e-9, abs=1e-12, nan_ok=True)
    return one == other


@pytest.mark.parametrize("folder", COMMITTED, ids=named)
def test_the_picture_and_the_table_come_from_the_data_alone(folder: Path) -> None:
    made, results, _ = committed(folder)
    assert made.draw(results).axes
    if made.table is not None:
        rows = made.table(results)
        assert figure.markdown(rows) == (folder / "table.md").read_text(encoding="utf-8")


# Of what a teacher knows, the same with its candidates exchanged; of a slope and a bound; of two moments of a
# run: not of two arms.
NOT_OF_ARMS = ("higher-degrees-are-clearer", "steeper-init-0-02", "steeper-init-0-1", "past-the-peak")


def exchangeable(results: Results) -> list[dict[str, Any]]:
    """Return where the rows of arms that measure the same are, by arm: an entry for each seed and case."""
    frame = results.frame.reset_index(drop=True)
    axes = [name for name in frame.columns if name not in (*COLUMNS, "lr", "weight_decay")]
    found: list[dict[str, Any]] = []
    for _, group in frame.groupby(["seed", *axes], sort=True):
        kinds: dict[tuple[str, ...], dict[str, Any]] = {}
        for arm, rows in group.groupby("arm"):
            metrics = tuple(sorted(rows["metric"].unique()))
            kinds.setdefault(metrics, {})[str(arm)] = rows.index.to_numpy()
        found.extend(kinds.values())
    return found


def exchanged(results: Results, alike: list[dict[str, Any]], chance: np.random.Generator) -> Results:
    """Return results in which arms that measure the same exchange their names, seed by seed: no effect."""
    names = results.frame["arm"].to_numpy(dtype=object, copy=True)
    for arms in alike:
        for positions, name in zip(arms.values(), chance.permutation(list(arms)), strict=True):
            names[positions] = name
    return Results(results.frame.assign(arm=names), results.seeds)


@pytest.mark.parametrize("folder", COMMITTED, ids=named)
def test_chance_alone_does_not_please_a_comparison(folder: Path) -> None:
    """Where arms are exchanged at random there is no effect: a comparison holds in one case of twenty."""
    made, results, _ = committed(folder)
    chance = np.random.default_rng(0)
    alike = exchangeable(results)
    if (exchanged(results, alike, chance).frame["arm"] == results.frame["arm"]).all():
        return  # no two arms that measure the same
    verdicts: dict[str, list[str]] = {}
    values: dict[str, set[str]] = {}
    for _ in range(40):
        drawn = exchanged(results, alike, chance)
        for claim in made.claims(drawn):
            compares = isinstance(claim.rule, MeanAbove | MeanBelow | Sooner)
            if compares and claim.id not in NOT_OF_ARMS:
                record = claim.judge(drawn)
                verdicts.setdefault(claim.id, []).append(record["status"])
                values.setdefault(claim.id, set()).add(str(record["values"]))
    for id, seen in verdicts.items():
        # A claim about one arm, with which nothing is exchanged, stays what it is.
        if len(values[id]) > 1:
            assert seen.count("holds") <= 6, f"{id} holds in {seen.count('holds')} of {len(seen)} draws"


@pytest.mark.parametrize("folder", COMMITTED, ids=named)
def test_a_lost_seed_is_noticed(folder: Path) -> None:
    made, results, report = committed(folder)
    if len(report["seeds"]) < 2:
        pytest.skip("one seed")
    lost = Results(results.frame[results.frame["seed"] != report["seeds"][-1]], results.seeds)
    with pytest.raises(MissingData):
        figure.judged(made, lost, report["scale"])


@pytest.mark.parametrize("name", QUICK)
def test_a_figure_is_measured_drawn_and_not_judged_at_smoke_scale(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", name, "--scale", "smoke", "--out", str(tmp_path), "--jobs", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    jsonschema.validate(report, SCHEMA)
    assert {claim["status"] for claim in report["claims"]} == {"not_evaluated"}
    assert (tmp_path / name / "figure.png").stat().st_size > 5000


@pytest.mark.parametrize("name", EXACT)
def test_a_figure_without_runs_takes_another_number_of_seeds(name: str) -> None:
    """Measured, judged and drawn; one that draws nothing at random keeps its seed."""
    made = figure.load(name, "smoke").with_seeds(2)
    assert made.measure is not None
    assert len(made.reported) == (1 if made.own_seeds else 2)
    results = Results.of(made.measure(made.reported), made.reported)
    assert len(figure.judged(made, results, "laptop")) == len(made.claims(results)) > 0
    assert made.draw(results).axes


@pytest.mark.slow
def test_all_figures_are_reproduced_at_smoke_scale(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", "all", "--scale", "smoke", "--out", str(tmp_path), "--json"]) == 0
    reports = json.loads(capsys.readouterr().out)
    assert [report["target"] for report in reports] == NAMES


def test_readme_counts_claims_as_they_are() -> None:
    """One that is expected to fail counts as what it is."""
    claims = [claim for folder in COUNTED.values() for claim in committed(folder)[2]["claims"]]
    counts = {s: sum(c["status"] == s for c in claims) for s in ("holds", "fails", "inconclusive")}
    readme = (RESULTS.parents[1] / "README.md").read_text(encoding="utf-8")
    sentence = f"{counts['holds']} of {len(claims)} claims hold, {counts['fails']} fail"
    assert f"{sentence}, {counts['inconclusive']} are inconclusive" in " ".join(readme.split())


def test_means_of_the_records_are_those_of_their_values() -> None:
    """An oracle beside the judge: pandas' means of what data.csv holds for a plain quantity."""
    _, results, report = committed(RESULTS / "fig1-left")
    frame = results.frame
    last = frame[(frame["arm"] == "plain") & (frame["metric"] == "accuracy")].sort_values("step")
    expected = last.groupby("seed")["value"].last()
    record = next(claim for claim in report["claims"] if claim["id"] == "plain-stuck")
    assert record["values"] == pytest.approx(list(expected))
    assert record["measured"] == pytest.approx(statistics.fmean(expected))
    assert isinstance(expected, pd.Series)
