"""One table: what is asked for is there for every seed, or raises."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.reproduce.results import (
    COLUMNS,
    MissingData,
    PerSeed,
    Results,
    largest,
    mean_of,
    saved,
    smallest,
)

ACCURACY = {
    ("plain", 0): [0.5, 0.5, 0.6],
    ("plain", 1): [0.5, 0.7, 0.65],
    ("taught", 0): [0.5, 0.9, 1.0],
    ("taught", 1): [0.4, 0.8, 0.95],
}


def rows():
    return [
        {"arm": arm, "seed": seed, "step": 10 * i, "metric": "accuracy", "value": value, "heads": 2}
        for (arm, seed), values in ACCURACY.items()
        for i, value in enumerate(values)
    ]


@pytest.fixture
def results():
    return Results.of(rows(), seeds=(0, 1))


def test_selectors_answer_for_every_seed(results):
    assert results.final("plain", "accuracy") == {0: 0.6, 1: 0.65}
    assert results.first("taught", "accuracy") == {0: 0.5, 1: 0.4}
    assert results.best("plain", "accuracy") == {0: 0.6, 1: 0.7}
    assert results.at("taught", "accuracy", 15) == {0: 0.9, 1: 0.8}
    assert results.mean("plain", "accuracy")[0] == pytest.approx(1.6 / 3)
    assert results.steps_to("taught", "accuracy", 0.85) == {0: 10.0, 1: 20.0}
    assert results.steps_to("plain", "accuracy", 0.65) == {0: math.inf, 1: 10.0}
    assert results.steps_to("plain", "accuracy", 0.65, times=3)[1] == math.inf
    assert results.paired("taught", "plain", "accuracy")[0] == pytest.approx(0.4)
    assert results.curves("plain", "accuracy")[1] == [(0.0, 0.5), (10.0, 0.7), (20.0, 0.65)]


def test_the_order_of_rows_does_not_matter(results):
    backwards = Results.of(reversed(rows()), seeds=(0, 1))
    assert backwards.history("plain", "accuracy") == results.history("plain", "accuracy")


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (lambda r: r.final("other", "accuracy"), "no 'accuracy' of 'other'"),
        (lambda r: r.final("plain", "loss"), "no 'loss' of 'plain'"),
        (lambda r: r.where(heads=3), "no rows with"),
        (lambda r: r.where(width=3), "no axis 'width'"),
        (lambda r: r.at("plain", "accuracy", -1), "not measured until step -1"),
        (lambda r: Results(r.frame, seeds=(0, 1, 2)).final("plain", "accuracy"), r"lacks the seeds \[2\]"),
        (lambda r: Results.of([]), "no rows"),
        (lambda r: Results(r.frame.drop(columns="step")), r"without the columns \['step'\]"),
    ],
)
def test_what_is_missing_raises(results, ask, expected):
    with pytest.raises(MissingData, match=expected):
        ask(results)


def test_axes_select(results):
    assert results.where(heads=2).final("plain", "accuracy") == results.final("plain", "accuracy")
    assert results.values("heads") == [2]
    assert results.metrics() == ["accuracy"]
    assert results.metrics("loss") == []


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_numbers_are_read_back_as_they_were(tmp_path_factory, numbers):
    path = tmp_path_factory.mktemp("data") / "data.csv"
    made = [
        {"arm": "a", "seed": 3, "step": i, "metric": "m", "value": value, "at": "x+y"}
        for i, value in enumerate(numbers)
    ]
    Results.of(made).write(path)
    assert path.read_text().splitlines()[0] == ",".join([*COLUMNS, "at"])
    assert [value for _, value in Results.read(path).curves("a", "m")[0]] == numbers
    before = path.read_bytes()
    Results.read(path).write(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"arm,seed\n1,2,3,4\n", b"\xff\xfe", b'arm,"seed\n'])
def test_a_damaged_table_is_one_line(tmp_path, content):
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    with pytest.raises((UsageError, MissingData)) as caught:
        Results.read(path)
    assert "\n" not in str(caught.value)


def test_numbers_are_paired_by_seed():
    a, b = PerSeed({1: 4.0, 0: 2.0}), PerSeed({0: 1.0, 1: 8.0})
    assert a - b == {0: 1.0, 1: -4.0}
    assert a / b == {0: 2.0, 1: 0.5}
    assert a - 1.0 == {0: 1.0, 1: 3.0}
    assert list(a) == [0, 1]
    assert largest(a, b) == {0: 2.0, 1: 8.0}
    assert smallest(a, b) == {0: 1.0, 1: 4.0}
    with pytest.raises(MissingData, match=r"seeds \[2\]"):
        a - PerSeed({0: 1.0, 1: 2.0, 2: 3.0})


def test_steps_saved_are_infinite_where_one_arrives_and_none_where_neither_does():
    never = float("inf")
    slow, fast = PerSeed({0: 30, 1: never, 2: 10, 3: never}), PerSeed({0: 10, 1: 20, 2: never, 3: never})
    assert dict(saved(slow, fast)) == {0: 20, 1: never, 2: -never, 3: 0}


def test_means_are_taken_seed_by_seed():
    assert dict(mean_of(PerSeed({0: 1, 1: 5}), PerSeed({0: 3, 1: 6}))) == {0: 2, 1: 5.5}
