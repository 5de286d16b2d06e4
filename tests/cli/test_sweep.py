"""``lit sweep``: lists, trains one or all, collects, and refuses before anything is trained."""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from lit_curriculum.cli.checking import distinct
from lit_curriculum.cli.launching import LAUNCHING, make_launcher
from lit_curriculum.cli.main import main
from lit_curriculum.cli.sweep import _failed
from lit_curriculum.cli.sweep_table import collect, over, states_of
from lit_curriculum.errors import UsageError
from lit_curriculum.runs.graph import with_needs
from lit_curriculum.runs.launchers import failure_note, prepare
from lit_curriculum.runs.launchers.local import Local
from lit_curriculum.runs.sweep import Sweep
from lit_curriculum.runs.sweep_file import load_sweep

SETTINGS = {
    "configs": ["bit_subset_parity", "smoke/bit_subset_parity"],
    "points": [{"data.d": 8}, {"data.d": 4, "data.subtask_labels": False}],
    "grid": {"model.optimizer.lr": [0.01, 0.001]},
}


BANK = [{"class_path": "SwapTeacher", "init_args": {"bank": "{bank}", "strategy": {"class_path": "OneShot"}}}]
STUDENT_WITH_TYPO = {
    "teacher": {},
    "student": {"needs": "teacher", "points": [{"data.bacth_size": 3, "trainer.callbacks": BANK}]},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rates.yaml"
    path.write_text(yaml.safe_dump(SETTINGS))
    return path


def listed(file: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    assert main(["sweep", str(file), "status", "--json", "--out", str(out)]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


def test_it_lists_without_writing(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", str(file), "status", "--out", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("rates: 4 runs on bit_subset_parity, smoke/bit_subset_parity")
    row = next(line for line in lines if line.startswith("│   3"))
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == ["3", "new", "", "", "data.d=4, data.subtask_labels=False, model.optimizer.lr=0.001"]
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_one_of_an_array_then_the_rest_then_the_table(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["sweep", str(file), "--index", "2", "--out", str(out)]) == 0
    folder = Path(capsys.readouterr().out.strip())
    assert yaml.safe_load((folder / "config.yaml").read_text())["data"]["init_args"]["d"] == 4
    assert not (out / "rates").exists()
    assert [row["state"] for row in listed(file, out, capsys)] == ["new", "new", "finished", "new"]
    first = (folder / "provenance.json").read_text()

    assert main(["sweep", str(file), "--out", str(out)]) == 0
    assert (folder / "provenance.json").read_text() == first  # not trained twice
    assert list(folder.glob("events.out.*"))  # TensorBoard shows a sweep
    with (out / "rates" / "sweep.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["index"], row["data.d"], row["model.optimizer.lr"]) for row in rows] == [
        ("0", "8", "0.01"),
        ("1", "8", "0.001"),
        ("2", "4", "0.01"),
        ("3", "4", "0.001"),
    ]
    for row in rows:
        with (out / "runs" / row["run"] / "metrics.csv").open() as stream:
            last = list(csv.DictReader(stream))[-1]
        assert row["val/accuracy"] == last["val/accuracy"]
        assert row["step"] == last["step"]


@pytest.mark.slow
def test_a_run_that_fails_is_marked_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = [{"class_path": "StopWhenLearned", "init_args": {"metric": "val/nothing"}}]
    file, out = tmp_path / "mixed.yaml", tmp_path / "out"
    points = [{"data.d": 8, "trainer.callbacks": wrong}, {"data.d": 4}]
    file.write_text(yaml.safe_dump({"configs": SETTINGS["configs"], "points": points}))
    assert main(["sweep", str(file), "--out", str(out), "--jobs", "1"]) == 1
    captured = capsys.readouterr()
    assert "1 of 2 runs" in captured.out
    assert "lit: error: run mixed-" in captured.err
    assert [row["state"] for row in listed(file, out, capsys)] == ["failed", "finished"]
    assert main(["sweep", str(file), "status", "--out", str(out)]) == 0
    assert "StopWhenLearned.metric: got 'val/nothing'" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_to_the_command_stops_its_runs_resumably(tmp_path: Path, number: signal.Signals) -> None:
    file, out = tmp_path / "long.yaml", tmp_path / "out"
    point = {"data.d": 8, "data.num_steps": 1_000_000, "data.eval_every": 100}
    file.write_text(yaml.safe_dump({"configs": SETTINGS["configs"], "points": [point]}))
    words = [sys.executable, "-m", "lit_curriculum", "sweep", str(file), "--out", str(out)]
    # As in a terminal: a shell's background jobs are started deaf to Ctrl-C, and hand that on.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    command = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    folder = load_sweep(file).runs[0].folder(out / "runs")
    while not (folder / "metrics.csv").is_file():
        assert command.poll() is None
        time.sleep(0.1)
    command.send_signal(number)
    assert command.wait(60) == 75
    assert command.stderr is not None
    assert command.stderr.read().strip().splitlines()[-1] == (
        "lit: stopped: interrupted; run the same command again to go on"
    )
    assert not (folder / ".lease").exists()
    assert (folder / "checkpoints" / "last.ckpt").is_file()


def test_the_table_holds_what_is_finished(file: Path, tmp_path: Path) -> None:
    plan = load_sweep(file)
    for index, finished in ((1, True), (2, False)):
        folder = plan.runs[index].folder(tmp_path)
        folder.mkdir()
        (folder / "metrics.csv").write_text("step,val/accuracy\n5,0.5\n10,0.75\n")
        (folder / "provenance.json").write_text(json.dumps({"finished": finished, "wall_seconds": 3.5}))
    (row,) = collect(plan, tmp_path)
    assert row == {
        "index": 1,
        "run": plan.runs[1].folder(tmp_path).name,
        "data.d": 8,
        "model.optimizer.lr": 0.001,
        "step": "10",
        "val/accuracy": "0.75",
        "wall_seconds": 3.5,
    }


def test_the_table_names_a_students_teacher(tmp_path: Path) -> None:
    path = tmp_path / "taught.yaml"
    groups = {"teacher": {}, "student": {"needs": "teacher", "points": [{"trainer.callbacks": BANK}]}}
    path.write_text(yaml.safe_dump({"configs": SETTINGS["configs"], "groups": groups}))
    plan = load_sweep(path)
    for run in plan.runs:
        run.folder(tmp_path).mkdir()
        (run.folder(tmp_path) / "metrics.csv").write_text("step,val/accuracy\n5,0.5\n")
        (run.folder(tmp_path) / "provenance.json").write_text(json.dumps({"finished": True}))
    rows = {row["run"]: row for row in collect(plan, tmp_path)}
    teacher, student = (run.folder(tmp_path).name for run in plan.runs)
    assert rows[student]["teacher"] == teacher
    assert "teacher" not in rows[teacher]


def test_means_and_spread_over_seeds(tmp_path: Path) -> None:
    path = tmp_path / "seeds.yaml"
    grid = {"model.optimizer.lr": [0.1, 0.2], "data.data_seed, model.model_seed": [0, 1, 2]}
    path.write_text(yaml.safe_dump({"configs": SETTINGS["configs"], "grid": grid}))
    plan = load_sweep(path)
    rows = [
        {"index": i, "run": f"r{i}", **settings, "step": "10", "val/accuracy": str(0.1 * i), "note": "text"}
        for i, settings in enumerate(plan.settings)
    ]
    first, second = over(plan, rows, ["seed"])
    assert first == {
        "model.optimizer.lr": 0.1,
        "runs": 3,
        "step": 10.0,
        "step sd": 0.0,
        "val/accuracy": pytest.approx(0.2),  # of runs 0, 2 and 4
        "val/accuracy sd": pytest.approx(0.2),
    }
    assert second["val/accuracy"] == pytest.approx(0.3)
    assert len(over(plan, rows, ["data.data_seed"])) == 6  # the other seed still tells them apart
    (alone,) = over(plan, rows[:1], ["seed", "lr"])
    assert alone["runs"] == 1
    assert alone["val/accuracy sd"] is None  # no NaN, which is not JSON
    # Whole words only: neither "eed" nor "r" is one.
    for part in ("sede", "eed", "r"):
        with pytest.raises(UsageError, match=rf"--over: got '{part}'; allowed: a setting of the sweep: "):
            over(plan, rows, [part])


def test_two_settings_may_be_averaged_over(file: Path, tmp_path: Path, capsys: Any) -> None:
    words = ["sweep", str(file), "collect", "--out", str(tmp_path), "--over", "lr", "--over", "d"]
    assert main(words) == 2
    assert "a folder in which runs of rates are finished" in capsys.readouterr().err  # and not: given twice


def test_equal_runs_of_two_groups_are_two_runs(tmp_path: Path) -> None:
    path = tmp_path / "twin.yaml"
    groups = {"small": {"points": [{"data.data_seed": 1}]}, "control": {"points": [{"data.data_seed": 1}]}}
    path.write_text(yaml.safe_dump({"configs": SETTINGS["configs"], "groups": groups}))
    first, second = load_sweep(path).runs
    assert first.key == second.key
    assert [run.name for run in with_needs([first, second])] == [first.name, second.name]
    assert {first.folder(tmp_path), second.folder(tmp_path)} == {
        tmp_path / first.name,
        tmp_path / second.name,
    }


def two_groups(folder: Path) -> Sweep:
    """Return the plan of two teachers and two students, one of each for a seed."""
    path = folder / "groups.yaml"
    student = {"needs": "teacher", "points": [{"model.heads": 1, "trainer.callbacks": BANK}]}
    groups = {"teacher": {"points": [{"model.heads": 4}]}, "student": student}
    grid = {"data.data_seed": [0, 1]}
    path.write_text(yaml.safe_dump({"configs": SETTINGS["configs"], "grid": grid, "groups": groups}))
    return load_sweep(path)


def test_groups_are_never_averaged_together(tmp_path: Path) -> None:
    plan = two_groups(tmp_path)
    assert plan.groups_of_runs == ("teacher", "teacher", "student", "student")
    for index, run in enumerate(plan.runs):
        run.folder(tmp_path).mkdir()
        (run.folder(tmp_path) / "metrics.csv").write_text(f"step,samples,val/accuracy\n1,1,{index}\n")
        (run.folder(tmp_path) / "provenance.json").write_text(json.dumps({"finished": True}))
    rows = collect(plan, tmp_path)
    # As where both groups have the same settings: heads tell nothing apart any more.
    means = over(plan, rows, ["seed", "heads", "callbacks"])
    assert [(mean["group"], mean["runs"], mean["val/accuracy"]) for mean in means] == [
        ("teacher", 2, 0.5),
        ("student", 2, 2.5),
    ]


def test_retry_takes_students_that_were_never_begun(tmp_path: Path) -> None:
    plan = two_groups(tmp_path)
    note = failure_note(plan.runs[1], tmp_path)
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text("failed")
    assert states_of(plan, tmp_path) == ["new", "failed", "new", "new"]
    assert _failed(plan, tmp_path) == (plan.runs[1], plan.runs[3])


@pytest.mark.parametrize(
    ("change", "options", "expected"),
    [
        ({}, ("stauts",), ["action: got 'stauts'", "did you mean 'status'?"]),
        ({}, ("--launcher", "slrum"), ["--launcher: got 'slrum'", "did you mean 'slurm'?"]),
        ({}, ("--partition", "gpu"), ["--partition: goes with --launcher slurm only"]),
        ({}, ("--launcher", "slurm", "--jobs", "2"), ["--jobs: goes with --launcher local only"]),
        ({}, ("--devices-per-run", "0"), ["--devices-per-run: got 0", "at least 1"]),
        ({}, ("status", "--index", "0"), ["--index: got it with status", "with run"]),
        ({}, ("--over", "seed"), ["--over: got it with run", "with collect"]),
        ({}, ("retry",), ["retry: no run of rates", "failed or stopped"]),
        ({}, ("collect",), ["--out: got", "runs of rates are finished"]),
        ({}, ("status", "--launcher", "slurm"), ["--launcher: got it with status", "with run, retry"]),
        ({}, ("collect", "--jobs", "2"), ["--jobs: got it with collect"]),
        ({}, ("--wait",), ["--wait: goes with --launcher slurm only"]),
        ({}, ("cancel",), ["cancel: no run of rates", "had a job"]),
        ({}, ("collect", "--over", " "), ["--over: got ' '"]),
        ({}, ("--devices-per-run", "3"), ["run 0 of rates", "data.batch_size", "a multiple of 3"]),
        (
            {"configs": ["sparse_parity_mlp"], "points": [{}], "grid": {}},
            ("--devices-per-run", "2"),
            ["trainer.devices: got 2", "follow one another"],
        ),
        (
            {"points": None, "grid": {}, "groups": STUDENT_WITH_TYPO},
            (),
            ["run 1 of rates", "data.bacth_size"],
        ),
        ({}, ("--index", "4"), ["--index: got 4", "0 to 3"]),
        ({}, ("--jobs", "0"), ["--jobs: got 0", "at least 1"]),
        ({"grid": {"model.rate": [0.1]}}, (), ["run 0 of rates", "model.rate", "unknown key"]),
        # The first run is right, a later one is not: nothing is trained.
        ({"points": [{"data.d": 8}, {"data.d": 12}]}, (), ["run 2 of rates", "d: got 12", "power of two"]),
        ({"configs": ["nothing"]}, (), ["config: got 'nothing'"]),
        # Of seeds, one right one stands for others, and for none that is wrong.
        (
            {"points": [{}], "grid": {"data.data_seed": [0, 1, -1]}},
            (),
            ["run 2 of rates", "data.data_seed: got -1"],
        ),
    ],
)
def test_wrong_input_is_one_line_and_trains_nothing(
    file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, Any],
    options: tuple[str, ...],
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # One process checks, which takes seconds to start.
    monkeypatch.setattr("lit_curriculum.runs.launchers.local._cores", lambda: 1)
    content = {key: value for key, value in {**SETTINGS, **change}.items() if value is not None}
    file.write_text(yaml.safe_dump(content))
    assert main(["sweep", str(file), *options, "--out", str(tmp_path / "out")]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(lines) == 1
    for part in expected:
        assert part in lines[0]
    assert not (tmp_path / "out").exists()


def test_new_runs_that_differ_in_what_cannot_be_wrong_are_checked_once(tmp_path: Path) -> None:
    file, root = tmp_path / "seeds.yaml", tmp_path / "runs"
    seeds = {"data.data_seed, model.model_seed": [0, 1, 2, "3", -1]}
    file.write_text(
        yaml.safe_dump({**SETTINGS, "grid": {"data.data_seed": [0, 1, 2], "data.length": [1, 2]}})
    )
    assert len(distinct(load_sweep(file).runs, root)) == 4  # two points at two lengths
    rates = {"model.optimizer.lr": [0.1, 0.2, -0.1, 0.0, "right", 1.0e39], "model.width": [1, 2]}
    file.write_text(yaml.safe_dump({**SETTINGS, "points": [{}], "grid": rates}))
    runs = load_sweep(file).runs
    assert len(runs) == 12
    assert distinct(runs, root) == [*runs[:2], *runs[4:]]  # of the right rates the first stands for both
    file.write_text(yaml.safe_dump({**SETTINGS, "points": [{}], "grid": seeds}))
    runs = load_sweep(file).runs
    assert distinct(runs, root) == [runs[0], runs[3], runs[4]]  # no seeds: a word, a negative number
    runs[1].folder(root).mkdir(parents=True)
    assert distinct(runs, root) == [runs[0], runs[1], runs[3], runs[4]]


def test_an_out_that_is_a_file_is_refused(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", str(file), "--out", str(file)]) == 2
    assert "--out" in capsys.readouterr().err


def test_an_action_may_follow_the_options(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", str(file), "--out", str(tmp_path / "out"), "status"]) == 0
    assert "4 new" in capsys.readouterr().out
    assert main(["sweep", str(file), "--out", "status", "--index", "9"]) == 2  # a folder of that name
    assert main(["sweep", str(file), "--out", ""]) == 2
    assert "--out: got ''; allowed: a folder" in capsys.readouterr().err


def test_a_run_that_fails_before_it_has_a_folder_is_failed_as_well(tmp_path: Path, file: Path) -> None:
    plan, root = load_sweep(file), tmp_path / "runs"
    assert states_of(plan, root) == ["new"] * 4
    failure_note(plan.runs[2], root).parent.mkdir(parents=True)
    failure_note(plan.runs[2], root).write_text("out of luck")
    assert states_of(plan, root) == ["new", "new", "failed", "new"]
    prepare(plan.runs[2], root)  # it is tried again
    assert states_of(plan, root) == ["new"] * 4


def test_a_local_sweep_inside_of_a_job_of_several_tasks_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_NTASKS", "4")
    monkeypatch.setenv("SLURM_NTASKS_PER_NODE", "4")
    options = argparse.Namespace(**dict.fromkeys(LAUNCHING))
    assert isinstance(make_launcher(options, []), Local)
    assert "SLURM_NTASKS" not in os.environ
