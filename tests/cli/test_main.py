"""The ``lit`` command as a user meets it: help, lists, wrong input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lit_curriculum.cli.main import main
from lit_curriculum.cli.parser import COMMANDS, build_parser
from lit_curriculum.cli.training import default_run_dir
from lit_curriculum.reproduce import figure


def imported_by(*words: str) -> set[str]:
    """Return the modules that a fresh ``lit`` process has loaded when it exits."""
    code = (
        "import sys\n"
        "from lit_curriculum.cli.main import main\n"
        f"try: main({list(words)!r})\n"
        "except SystemExit: pass\n"
        "print('\\n' + ' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.rsplit("\n", 2)[-2].split())


@pytest.mark.parametrize(
    "words", [["--help"], ["reproduce", "--list"], ["completion", "bash"], ["--version"]]
)
def test_help_and_lists_answer_without_the_heavy_libraries(words: list[str]) -> None:
    assert not imported_by(*words) & {"torch", "lightning", "numba", "transformers", "matplotlib"}


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    code = "from lit_curriculum.cli.main import console; console()"
    words = [sys.executable, "-c", code, "sample", "cfg3b", "--count", "2000"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


def test_list_names_every_target_with_its_title(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "--list"]) == 0
    printed = capsys.readouterr().out
    for name, path in figure.targets().items():
        assert name in printed
        assert figure.title(path) in printed


def test_list_as_json_holds_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "--list", "--json"]) == 0
    assert {entry["target"] for entry in json.loads(capsys.readouterr().out)} == set(figure.targets())


@pytest.mark.parametrize("words", [["check", "--help"], ["check", "a.yaml", "-h"]])
def test_check_prints_its_own_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 0
    assert "usage: lit check" in capsys.readouterr().out


def test_no_command_prints_help_and_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "reproduce" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["fti"], ["command", "'fti'", "fit", "did you mean 'fit'"]),
        (["list"], ["command", "'list'", "did you mean configs, or reproduce --list?"]),
        (["reproduce", "fig1-lef"], ["target", "'fig1-lef'", "did you mean 'fig1-left'"]),
        (["reproduce", "fig2", "fig1-lef"], ["target", "'fig1-lef'", "did you mean 'fig1-left'"]),
        (["reproduce"], ["target: missing", "fig1-left"]),
        (["reproduce", "all", "fig2"], ["target", "'all fig2'", "all alone"]),
        (["reproduce", "fig2", "--scale", "laptpo"], ["--scale", "'laptpo'", "did you mean 'laptop'"]),
        (["reproduce", "fig2", "--jobs", "0"], ["--jobs", "0", "at least 1"]),
        (["reproduce", "fig2", "--redraw", "--fresh"], ["--redraw", "--fresh", "one of the two"]),
        (["reproduce", "fig2", "--redraw", "--jobs", "2"], ["--redraw", "--jobs", "one of the two"]),
        (
            ["reproduce", "fig2", "--redraw", "--out", "nowhere"],
            ["--redraw", "nowhere/fig2", "data.csv is missing"],
        ),
        (["check"], ["CONFIG", "at least one"]),
    ],
)
def test_wrong_words_give_one_line_and_exit_2(
    words: list[str], expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    for part in expected:
        assert part in captured.err


def test_an_output_folder_that_is_a_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["reproduce", "fig2", "--out", str(tmp_path / "file" / "below")]) == 2
    assert "--out" in capsys.readouterr().err


def test_completion_knows_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert "reproduce" in script
    assert "check" in script


def test_completion_of_an_unknown_shell_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "fish-and-chips"]) == 2
    assert "choose from" in capsys.readouterr().err


def test_the_default_folder_is_named_after_the_configurations() -> None:
    assert default_run_dir(["a/teacher.yaml", "b/student.yaml"]) == Path("runs/teacher+student")
    assert default_run_dir([]) == Path("runs/run")


def test_help_documents_every_command() -> None:
    text = build_parser().format_help()
    for command in COMMANDS:
        assert command in text
