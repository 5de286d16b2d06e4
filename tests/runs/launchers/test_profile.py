"""A cluster's profile: what it may say, and what is told of a wrong one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from lit_curriculum.errors import UsageError
from lit_curriculum.runs.launchers.profile import Profile, load_profile


def write(folder: Path, content: Any) -> Path:
    path = folder / "mine.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def test_without_a_file_everything_has_a_value() -> None:
    assert load_profile(None) == Profile()
    assert load_profile(None).tasks == 1


def test_options_of_the_command_line_win(tmp_path: Path) -> None:
    path = write(tmp_path, {"partition": "gpu", "gpus_per_run": 2, "setup": ["module load cuda"]})
    profile = load_profile(path, partition="small", time=None, gpus_per_run=None)
    assert (profile.partition, profile.gpus_per_run, profile.setup) == ("small", 2, ("module load cuda",))
    assert profile.tasks == 2


@pytest.mark.parametrize(
    ("text", "minutes"), [("0:10:00", 10), ("4:00:00", 240), ("1-00:00:30", 1441), ("12:34:56", 755)]
)
def test_times_are_whole_minutes(text: str, minutes: int) -> None:
    assert load_profile(None, time=text).minutes == minutes


@pytest.mark.parametrize(
    ("content", "given", "expected"),
    [
        ({"partitoin": "gpu"}, {}, ["key: got 'partitoin'", "did you mean 'partition'?"]),
        ("time: 4:00:00", {}, ["time: got 14400", "in quotes (without them YAML reads a number)"]),
        ({}, {"time": "an hour"}, ["--time: got 'an hour'", "H:MM:SS"]),
        ({"gpus_per_run": -1}, {}, ["gpus_per_run: got -1", "at least 0"]),
        ({"cpus_per_run": True}, {}, ["cpus_per_run: got True", "at least 1"]),
        ({"setup": "module load cuda"}, {}, ["setup: got 'module load cuda'", "a list of lines"]),
        ({"options": {"exclusive": None}}, {}, ["options: got {'exclusive': None}"]),
        ({"options": {"comment": "a\nb"}}, {}, ["options: got"]),
        ({"gpus_per_run": 2, "tasks_per_run": 3}, {}, ["tasks_per_run: got 3", "gpus_per_run = 2"]),
        ({"partition": ""}, {}, ["partition: got ''"]),
        ({"time": "0:01:00"}, {}, ["time: got '0:01:00'", "more than grace_seconds = 120"]),
        ("[]", {}, ["holds no keys", "partition"]),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, content: Any, given: dict[str, Any], expected: list[str]
) -> None:
    with pytest.raises(UsageError) as caught:
        load_profile(write(tmp_path, content), **given)
    for part in expected:
        assert part in str(caught.value)
