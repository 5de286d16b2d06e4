"""metrics.csv: one row an evaluation, continued and not begun again by a resumed run."""

from __future__ import annotations

from pathlib import Path

import pytest

from lit_curriculum.reading import read_table
from lit_curriculum.runs.metrics_csv import MetricsCSV, trained_for
from lit_curriculum.tables import RunTables


def new(folder: Path) -> MetricsCSV:
    return MetricsCSV(RunTables(folder))


def log(logger: MetricsCSV, *steps: int) -> MetricsCSV:
    for step in steps:
        logger.log_metrics({"samples": 2.0 * step, "val/accuracy": step / 8}, step)
    return logger


def rows(folder) -> list[dict[str, str]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in read_table(folder / "metrics.csv")]


def row(step: int) -> dict[str, str]:
    return {"step": str(step), "samples": str(2 * step), "val/accuracy": str(step / 8)}


def test_a_row_holds_step_samples_metrics_and_seconds(tmp_path):
    log(new(tmp_path), 1, 2)
    header = (tmp_path / "metrics.csv").read_text().split("\n", 1)[0]
    assert header == "step,samples,val/accuracy,seconds"
    assert rows(tmp_path) == [row(1), row(2)]
    assert all(float(line["seconds"]) >= 0 for line in read_table(tmp_path / "metrics.csv"))


def test_what_other_code_logs_is_left_to_other_loggers(tmp_path):
    logger = new(tmp_path)
    logger.log_metrics({"epoch": 0.0}, 3)
    logger.log_metrics({"samples": 3.0})
    logger.log_hyperparams({"a": 1})
    assert list(tmp_path.iterdir()) == []


def test_a_new_run_begins_a_new_file(tmp_path):
    log(new(tmp_path), 1, 2)
    log(new(tmp_path), 5)
    assert rows(tmp_path) == [row(5)]


def test_a_resumed_run_goes_on_after_its_checkpoint(tmp_path):
    first = log(new(tmp_path), 1, 2)
    marks = first.tables.marks()
    log(first, 3, 4)
    with (tmp_path / "metrics.csv").open("a") as stream:
        stream.write("5,1")
    resumed = RunTables(tmp_path)
    resumed.resume(2, marks)
    log(MetricsCSV(resumed), 3, 4, 5)
    assert rows(tmp_path) == [row(step) for step in (1, 2, 3, 4, 5)]


def test_the_logger_has_the_run_folder_and_no_folders_of_its_own(tmp_path):
    logger = new(tmp_path)
    assert (logger.name, logger.version, logger.save_dir) == ("", "", str(tmp_path))


def test_a_metric_without_an_observation_leaves_an_empty_cell_and_keeps_its_column(tmp_path):
    """Also in the first row, which says what columns there are."""
    logger = new(tmp_path)
    logger.reserve(["train/loss"])
    log(logger, 1)
    logger.reserve([])
    logger.log_metrics({"samples": 4.0, "val/accuracy": 0.25, "train/loss": 0.5}, 2)
    logger.reserve(["train/loss"])
    log(logger, 3)
    assert [line["train/loss"] for line in read_table(tmp_path / "metrics.csv")] == ["", "0.5", ""]
    assert [line["val/accuracy"] for line in read_table(tmp_path / "metrics.csv")] == [
        "0.125",
        "0.25",
        "0.375",
    ]


@pytest.mark.parametrize(
    ("until", "seconds"), [(0, 0.0), (1, 4.0), (2, 9.0), (3, 10.0), (5, 13.5), (9, 13.5)]
)
def test_the_time_of_a_run_is_that_of_all_its_processes(tmp_path, until, seconds):
    """Three processes: one to step 2, at 9 s; one to step 3, of 1 s; one to step 5, of 3.5 s."""
    times = {1: 4.0, 2: 9.0, 3: 1.0, 4: 0.5, 5: 3.5}
    lines = "".join(f"{step},{time}\n" for step, time in times.items())
    (tmp_path / "metrics.csv").write_text(f"step,seconds\n{lines}")
    assert trained_for(tmp_path / "metrics.csv", until) == seconds


def test_a_run_without_rows_was_trained_for_no_time_that_is_known(tmp_path):
    assert trained_for(tmp_path / "metrics.csv", 3) == 0.0
