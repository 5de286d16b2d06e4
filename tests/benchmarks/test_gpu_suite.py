"""The list of what a GPU should do goes on where its time was up."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.gpu_suite import run, steps

from lit_curriculum.reproduce.figure import targets

SAVES = """
import pathlib, signal, sys, time
def leave(*_):
    pathlib.Path({file!r}).write_text("half")
    sys.exit(75)
signal.signal(signal.SIGUSR1, leave)
if not pathlib.Path({file!r}).exists():
    print("ready", flush=True)
    time.sleep(60)
"""


def test_every_figure_that_it_names_exists(tmp_path: Path) -> None:
    commands = dict(steps(tmp_path))
    assert next(iter(commands)) == "tests"
    for name, command in commands.items():
        if name != "tests":
            assert command[command.index("reproduce") + 1] in targets()


def test_a_step_that_was_stopped_goes_on_and_the_others_are_not_repeated(tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    quick = [sys.executable, "-c", f"open({str(note)!r}, 'a').write('q')"]
    long = [sys.executable, "-c", SAVES.format(file=str(tmp_path / "half"))]
    broken = [sys.executable, "-c", "raise SystemExit(3)"]
    commands = [("quick", quick), ("broken", broken), ("long", long), ("late", quick)]
    done = run(commands, 9.0, tmp_path / "out", grace=2.0)
    assert {name: row["code"] for name, row in done.items()} == {"quick": 0, "broken": 3, "long": 75}
    done = run(commands, 60.0, tmp_path / "out", grace=2.0)
    assert {name: row["code"] for name, row in done.items()} == {
        "quick": 0,
        "broken": 3,
        "long": 0,
        "late": 0,
    }
    assert note.read_text() == "qq"
    assert json.loads((tmp_path / "out" / "suite.json").read_text()) == done
