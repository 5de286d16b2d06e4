"""Words of a command line before any parser."""

from __future__ import annotations

import io
import sys
from argparse import Namespace
from pathlib import Path

import pytest
import yaml

from lit_curriculum.cli.main import main
from lit_curriculum.cli.parsing import parse_and_run
from lit_curriculum.cli.words import check_path, check_words, expand_home, lists_as_overlays, write_any_letter
from lit_curriculum.errors import UsageError
from tests.support import config


@pytest.mark.parametrize(
    "words",
    [
        ["--config", "a", "--config", "b", "-c", "c", "--trust", "x", "--trust=y"],
        ["--model.lr", "1", "--model.lr_scheduler", "2"],
        # Each about the entry that is appended just before.
        [
            "--trainer.callbacks+=A",
            "--trainer.callbacks.x=1",
            "--trainer.callbacks+=B",
            "--trainer.callbacks.x=2",
        ],
        ["-1", "-1", "--"],
    ],
)
def test_these_are_right(words: list[str]) -> None:
    check_words(words)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--model.lr=1", "--model.lr=2"], "--model.lr: given twice"),
        (["--model.lr", "1", "--model.lr=2"], "--model.lr: given twice"),
        (["--run_dir=a\0b"], "NUL"),
    ],
)
def test_these_are_wrong(words: list[str], expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        check_words(words)


def test_only_lists_of_classes_become_overlays() -> None:
    listed = "[{class_path: A, init_args: {n: [1, 2]}}]"
    words = [
        "fit",
        "--data.support",
        "[0, 1]",
        "--trainer.callbacks",
        listed,
        "--x=[1",
        f"--trainer.callbacks+={listed}",
    ]
    found = lists_as_overlays(words)
    assert [*found[:3], *found[5:]] == [*words[:3], *words[5:]]
    assert found[3] == "--config"
    assert yaml.safe_load(found[4]) == {"trainer": {"callbacks": yaml.safe_load(listed)}}


def test_a_home_is_expanded_wherever_a_path_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    callback = Namespace(class_path="SwapTeacher", init_args=Namespace(bank="~/bank", tau=0.1))
    options = Namespace(
        run_dir="~/run", trainer=Namespace(callbacks=[callback]), name="~", other="~x", n=None
    )
    found = expand_home(options)
    assert found.run_dir == "/home/me/run"
    assert found.trainer.callbacks[0].init_args.bank == "/home/me/bank"
    assert (found.name, found.other) == ("/home/me", "~x")


def test_nobodys_home_is_named() -> None:
    with pytest.raises(UsageError, match=r"fit\.run_dir: got '~nobody-here/run'"):
        expand_home({"fit": {"run_dir": "~nobody-here/run"}})


def test_a_run_goes_to_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    names = ("sparse_parity_mlp", "smoke/sparse_parity_mlp")
    words = [word for name in names for word in ("--config", config(name))]
    for option in ("--run_dir=~/run", "--trainer.default_root_dir=~/run"):
        assert parse_and_run(["fit", *words, option], run=False).folder.path == tmp_path / "run"
    (tmp_path / "own.yaml").write_text("model: {init_args: {lr: 0.25}}")
    cli = parse_and_run(["fit", *words, "--config=~/own.yaml"], run=False)
    assert cli.config.fit.model.init_args.lr == 0.25


def test_home_in_the_other_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", "fig2", "--redraw", "--out", "~/out"]) == 2
    assert str(tmp_path / "me" / "out") in capsys.readouterr().err
    assert main(["probe", "~/run"]) == 2
    assert str(tmp_path / "me" / "run") in capsys.readouterr().err


@pytest.mark.parametrize("path", ["", "a\0b", "x" * 300, "y/" * 3000])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(UsageError, match=r"run_dir: got "):
        check_path("run_dir", path)


def test_letters_that_the_file_systems_encoding_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    def ascii_only(path: str) -> bytes:
        return path.encode("ascii")

    monkeypatch.setattr("lit_curriculum.cli.words.os.fsencode", ascii_only)
    with pytest.raises(UsageError, match="PYTHONUTF8=1"):
        check_path("run_dir", "runs/η")


def test_output_never_fails_over_a_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    write_any_letter()
    print("rate η", flush=True)
    assert written.getvalue() == b"rate \\u03b7\n"


@pytest.mark.parametrize("name", ["RANK", "LOCAL_RANK", "WORLD_SIZE", "SLURM_PROCID", "SLURM_NTASKS"])
def test_a_launchers_variables_are_numbers(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, "two")
    assert main(["fit", "--config", config("sparse_parity_minibatch")]) == 2
    assert capsys.readouterr().err.startswith(f"lit: error: {name}: got 'two'; allowed: an integer")
