"""Curves lose points, never their ends or extremes."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.report.curves import charts, thinned

_VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300)


@given(values=_VALUES, most=st.integers(4, 60))
def test_thinning_keeps_ends_and_extremes(values: list[float], most: int) -> None:
    curve = [(float(step), value) for step, value in enumerate(values)]
    kept = thinned(curve, most)
    assert len(kept) <= max(most, 0)
    assert kept[0] == curve[0]
    assert kept[-1] == curve[-1]
    assert max(value for _, value in kept) == max(values)
    assert min(value for _, value in kept) == min(values)
    steps = [step for step, _ in kept]
    assert steps == sorted(set(steps))
    assert set(kept) <= set(curve)


def test_one_high_point_among_thousands_stays() -> None:
    curve = [(float(step), 0.0) for step in range(10_000)]
    curve[7777] = (7777.0, 1.0)
    assert (7777.0, 1.0) in thinned(curve)


def test_a_short_curve_stays_as_it_is() -> None:
    curve = [(float(step), step % 7.0) for step in range(500)]
    assert thinned(curve, 500) == curve


def table(folder: Path, header: str, *rows: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "data.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder


def test_a_condition_is_a_curve_for_every_seed(tmp_path: Path) -> None:
    rows = [
        f"a,{seed},{step},loss,{step + seed}.5,{w}" for w in (1, 2) for seed in (0, 1) for step in (3, 1, 2)
    ]
    (chart,) = charts(table(tmp_path, "arm,seed,step,metric,value,width", *rows))
    assert (chart["metric"], chart["x"]) == ("loss", "step")
    assert [(c["name"], c["seed"]) for c in chart["curves"]] == [
        ("a, width 1", 0),
        ("a, width 1", 1),
        ("a, width 2", 0),
        ("a, width 2", 1),
    ]
    assert chart["curves"][1]["x"] == [1, 2, 3]
    assert chart["curves"][1]["y"] == [2.5, 3.5, 4.5]


def test_a_chosen_rate_names_no_condition(tmp_path: Path) -> None:
    rows = ["a,0,0,loss,1,0.1", "a,0,1,loss,2,0.1", "a,0,2,loss,2,0.1", "b,0,0,loss,3,0.5"]
    (chart,) = charts(table(tmp_path, "arm,seed,step,metric,value,lr", *rows))
    assert [curve["name"] for curve in chart["curves"]] == ["a", "b"]


def test_without_steps_a_chart_is_drawn_over_an_axis(tmp_path: Path) -> None:
    rows = [f"a,0,0,variance,{1 / d},{d}" for d in (4, 6, 8)]
    (chart,) = charts(table(tmp_path, "arm,seed,step,metric,value,d", *rows))
    assert chart["x"] == "d"
    assert chart["curves"] == [{"name": "a", "seed": 0, "x": [4, 6, 8], "y": [0.25, 0.166667, 0.125]}]


def test_every_measurement_of_a_short_table_is_there(results: Path) -> None:
    with (results / "laptop" / "fig1-left" / "data.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    curves = [curve for chart in charts(results / "laptop" / "fig1-left") for curve in chart["curves"]]
    assert sum(len(curve["x"]) for curve in curves) == len(rows)
    shown = sorted(value for curve in curves for value in curve["y"])
    assert shown == pytest.approx(sorted(float(row["value"]) for row in rows), rel=1e-5)


def test_without_data_there_are_no_charts(tmp_path: Path) -> None:
    assert charts(tmp_path) == []


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"data\.csv"):
        charts(table(tmp_path, "arm,seed,step,metric,value", "a,0,0,loss,nan"))
