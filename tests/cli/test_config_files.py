"""How configurations overlay one another, and what is refused in one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonargparse import ArgumentParser, Namespace

from lit_curriculum.cli.config_files import (
    drops_harvest,
    forget_replaced_lists,
    record_classes_beside_paths,
)
from lit_curriculum.cli.main import main
from lit_curriculum.cli.parsing import parse_and_run
from lit_curriculum.cli.training import CurriculumCLI
from lit_curriculum.errors import UsageError
from tests.support import ROOT, config

PCFG = [config("pcfg_bert"), config("smoke/pcfg_bert")]
HARVEST = {"class_path": "HarvestCheckpoints", "init_args": {"every_n_steps": 10, "log_spaced": 4}}


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def file(name: str, settings: object) -> str:
    text = settings if isinstance(settings, str) else yaml.safe_dump(settings)
    Path(name).write_text(text, encoding="utf-8")
    return name


def callbacks(*entries: object) -> dict[str, Any]:
    return {"trainer": {"callbacks": list(entries)}}


def parsed(*configs: str, options: tuple[str, ...] = ()) -> CurriculumCLI:
    words = [word for name in configs for word in ("--config", name)]
    return parse_and_run(["fit", *words, "--run_dir=run", *options], run=False)


def test_an_entry_inherits_nothing_from_the_one_at_its_place() -> None:
    """every_n_steps of LogNgrams has no default, and stood at the same place of the earlier list."""
    first = file("first.yaml", callbacks(HARVEST))
    second = file("second.yaml", callbacks({"class_path": "LogNgrams", "init_args": {"ngrams": [3]}}))
    with pytest.raises(UsageError, match=r"trainer\.callbacks\.every_n_steps: missing"):
        parsed(*PCFG, first, second)


def test_an_entry_of_the_same_class_inherits_nothing_either() -> None:
    first = file("first.yaml", callbacks(HARVEST))
    second = file(
        "second.yaml", callbacks({"class_path": "HarvestCheckpoints", "init_args": {"at_steps": [7]}})
    )
    (found,) = parsed(*PCFG, first, second).config.fit.trainer.callbacks
    assert (found.init_args.at_steps, found.init_args.every_n_steps, found.init_args.log_spaced) == (
        [7],
        None,
        None,
    )


def test_a_list_on_the_command_line_replaces_the_files() -> None:
    given = '[{"class_path": "HarvestCheckpoints", "init_args": {"at_steps": [7]}}]'
    for options in ((f"--trainer.callbacks={given}",), ("--trainer.callbacks", given)):
        cli = parsed(*PCFG, file("first.yaml", callbacks(HARVEST)), options=options)
        (found,) = cli.config.fit.trainer.callbacks
        assert (found.init_args.at_steps, found.init_args.every_n_steps) == ([7], None)
        assert [str(path) for path in cli.config.fit.config] == [*PCFG, "first.yaml"]


def test_an_overlay_appends_with_a_plus() -> None:
    more = file("more.yaml", {"trainer": {"callbacks+": [{"class_path": "StopWhenLearned"}]}})
    names = [c.class_path.rpartition(".")[2] for c in parsed(*PCFG, more).config.fit.trainer.callbacks]
    assert names == ["HarvestCheckpoints", "StopWhenLearned"]


def test_settings_outside_of_lists_are_merged_key_by_key() -> None:
    cli = parsed(*PCFG, file("more.yaml", {"model": {"init_args": {"dropout": 0.5}}}))
    assert (cli.config.fit.model.init_args.dropout, cli.config.fit.model.init_args.layers) == (0.5, 1)


def test_lists_are_forgotten_at_any_depth() -> None:
    inner = Namespace(
        class_path="A", init_args=Namespace(parts=[Namespace(class_path="B")], size=3, deep={"list": [1]})
    )
    earlier = Namespace(model=inner, data=Namespace(keep=[1, 2]))
    forget_replaced_lists(earlier, {"model": {"init_args": {"parts": [], "deep": {"list": [2]}}}})
    assert earlier.model.init_args == Namespace(parts=None, size=3, deep={"list": None})
    assert earlier.data.keep == [1, 2]
    # Arguments may be written without init_args.
    earlier = Namespace(model=Namespace(class_path="A", init_args=Namespace(parts=[1])))
    forget_replaced_lists(earlier, {"model": {"parts": [2]}})
    assert earlier.model.init_args.parts is None


# --- the note on a bank that is not written ---------------------------------------------------------


@pytest.mark.parametrize(
    ("later", "dropped"),
    [
        (callbacks({"class_path": "StopWhenLearned"}), True),
        (callbacks(), True),
        (callbacks({"class_path": "StopWhenLearned"}, HARVEST), False),
        (callbacks("lit_curriculum.callbacks.HarvestCheckpoints"), False),
        ({"trainer": {"callbacks+": [{"class_path": "StopWhenLearned"}]}}, False),
        ({"trainer": {"max_time": "00:01:00:00"}}, False),
        ({}, False),
    ],
)
def test_who_drops_the_harvest(later: dict[str, Any], dropped: bool) -> None:
    assert drops_harvest(callbacks(HARVEST), later) is dropped
    assert not drops_harvest(callbacks({"class_path": "StopWhenLearned"}), later)


def test_an_overlay_that_drops_the_harvest_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    own = file("own.yaml", callbacks({"class_path": "StopWhenLearned"}))
    assert main(["check", *PCFG, own]) == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "HarvestCheckpoints" in line]
    assert "own.yaml" in line
    assert "callbacks+:" in line


def test_a_shipped_overlay_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    base = [config("sparse_parity_mlp"), config("smoke/sparse_parity_mlp")]
    assert main(["check", *base, config("distill/student")]) == 0
    assert capsys.readouterr().err == ""


# --- a student keeps its teachers -------------------------------------------------------------------

STUDENT = config("distill/live_teacher")
GPT2 = config("sparse_parity_gpt2")


@pytest.mark.parametrize(
    "configs",
    [
        [config("pcfg_bert"), config("distill/pcfg_student"), config("smoke/pcfg_bert")],
        [config("sparse_parity_mlp"), config("distill/progressive"), config("distill/student")],
        [GPT2, STUDENT, "own.yaml"],
        [GPT2, STUDENT, "between.yaml", "own.yaml"],
        [GPT2, STUDENT, "one.yaml"],
    ],
)
def test_a_later_file_that_drops_the_teachers_is_refused(configs: list[str]) -> None:
    file("own.yaml", callbacks({"class_path": "StopWhenLearned"}))
    file("between.yaml", {"trainer": {"callbacks+": [{"class_path": "StopWhenLearned"}]}})
    file("one.yaml", {"trainer": {"callbacks": {"class_path": "StopWhenLearned"}}})
    with pytest.raises(UsageError) as caught:
        parsed(*configs)
    message = str(caught.value)
    drops, has = configs[-1].removeprefix(config("")[:-5]).removesuffix(".yaml"), Path(configs[1]).stem
    assert message.startswith(f"config: {drops}")
    assert f"drops the SwapTeacher of distill/{has}, and" in message
    assert f"allowed: before distill/{has}, or, for labels alone, trainer.callbacks: []" in message


@pytest.mark.parametrize(
    "option",
    [
        '--trainer.callbacks=[{"class_path": "StopWhenLearned"}]',
        "--trainer.callbacks=[StopWhenLearned]",
        "--trainer.callbacks=StopWhenLearned",
    ],
)
def test_callbacks_on_the_command_line_that_drop_the_teachers_are_refused(option: str) -> None:
    with pytest.raises(UsageError, match=r"the command line: its trainer\.callbacks drops the SwapTeacher"):
        parsed(GPT2, STUDENT, options=(option,))


def test_no_callbacks_on_the_command_line_are_labels_alone() -> None:
    assert parsed(GPT2, STUDENT, options=("--trainer.callbacks=[]",)).config.fit.trainer.callbacks == []


@pytest.mark.parametrize(
    ("configs", "teaches"),
    [
        ([GPT2, STUDENT, config("smoke/live_teacher")], True),
        ([GPT2, config("smoke/sparse_parity_gpt2"), STUDENT], True),
        ([GPT2, STUDENT, "append.yaml"], True),
        ([GPT2, STUDENT, "none.yaml"], False),
        ([GPT2, STUDENT, "none.yaml", "own.yaml"], False),
        ([GPT2, STUDENT, "none.yaml", STUDENT], True),
    ],
)
def test_who_teaches_where_nothing_is_dropped_unsaid(configs: list[str], teaches: bool) -> None:
    file("none.yaml", callbacks())
    file("own.yaml", callbacks({"class_path": "StopWhenLearned"}))
    file("append.yaml", {"trainer": {"callbacks+": [{"class_path": "StopWhenLearned"}]}})
    called = parsed(*configs).config.fit.trainer.callbacks
    assert any(c.class_path.endswith(".SwapTeacher") for c in called) is teaches


# --- what is refused in a file ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"model:\n  init_args: {lr: 1, lr: 2}\n", ["config", "own.yaml", "line 2", "'lr' is given twice"]),
        (b"model: {init_args: {lr: 0.1}}\nmodel: {init_args: {lr: 0.2}}\n", ["'model' is given twice"]),
        (b"# caf\xe9\nmodel: {}\n", ["own.yaml", "not UTF-8"]),
        (b"[1, 2]\n", ["own.yaml", "list", "model, data, trainer"]),
        (b"just words\n", ["own.yaml", "str"]),
        (b"model: &a [*a]\n", ["own.yaml"]),
        (b"{" * 2000, ["config"]),
        (b"model: {init_args: {lr: 0.1\n", ["own.yaml"]),
        (b"\x00", ["own.yaml"]),
    ],
)
def test_a_wrong_file_is_one_line_with_its_name(
    content: bytes, expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("own.yaml").write_bytes(content)
    assert main(["check", *PCFG, "own.yaml"]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1, message
    for part in expected:
        assert part in message
    assert os.listdir() == ["own.yaml"]


def test_a_file_of_comments_alone_changes_nothing() -> None:
    assert parsed(*PCFG, file("empty.yaml", "# nothing\n")).config.fit.model.init_args.layers == 1


def test_a_key_given_twice_in_a_sweep_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    file("twice.yaml", "configs: [lego]\ngrid: {model.lr: [0.1], model.lr: [0.2]}\n")
    assert main(["sweep", "twice.yaml", "status"]) == 2
    assert "'model.lr' is given twice" in capsys.readouterr().err


# --- letters ----------------------------------------------------------------------------------------

_ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}


@pytest.mark.slow
def test_greek_letters_under_an_ascii_locale() -> None:
    comment = file("comment.yaml", "# rate η\nmodel: {init_args: {optimizer: {init_args: {lr: 0.01}}}}\n")
    value = file("value.yaml", "data: {init_args: {grammar: η}}\n")
    folder = file("folder.yaml", "run_dir: runs/η\n")
    code = "from lit_curriculum.cli.main import console; console()"
    environment = {**os.environ, **_ASCII, "PYTHONPATH": str(ROOT / "src")}

    def lit(*words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, env=environment, check=False
        )

    assert lit("check", *PCFG, comment).returncode == 0
    for other, expected in ((value, b"'\\u03b7'"), (folder, b"PYTHONUTF8=1")):
        done = lit("check", *PCFG, other)
        assert done.returncode == 2
        assert expected in done.stderr
        assert b"Traceback" not in done.stderr


# --- what is recorded ------------------------------------------------------------------------------------


class Shelf:
    def __init__(self, place: Path | Kind, other: str | Path | Kind) -> None:
        self.place, self.other = place, other


class Kind:
    def __init__(self, size: int) -> None:
        self.size = size


def test_a_class_that_stands_where_a_path_may_is_recorded_as_a_class() -> None:
    record_classes_beside_paths()
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Shelf, "shelf")
    kind = {"class_path": f"{__name__}.Kind", "init_args": {"size": 3}}
    for settings in ({"place": "a/b", "other": "c"}, {"place": kind, "other": kind}):
        read = parser.parse_object({"shelf": settings})
        assert yaml.safe_load(parser.dump(read)) == {"shelf": settings}
        assert yaml.safe_load(parser.dump(parser.parse_string(parser.dump(read)))) == {"shelf": settings}
    made = parser.instantiate(parser.parse_object({"shelf": {"place": "a/b", "other": kind}})).shelf
    assert (made.place, made.other.size) == (Path("a/b"), 3)
