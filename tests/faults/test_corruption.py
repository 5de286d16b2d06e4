"""Damage to any file that a run reads back: one line, or the very result of the undamaged run."""

from __future__ import annotations

import contextlib
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lit_curriculum.cli.main import main
from lit_curriculum.errors import UsageError
from lit_curriculum.runs.folder import RunFolder
from tests.faults.drivers import Tally, report
from tests.faults.kinds import KINDS, assert_same_run
from tests.support import fit, in_child, killed_at_write

pytestmark = pytest.mark.slow

# TensorBoard's files are written for people alone.
_NOT_READ = ("events.out", "hparams.yaml", ".lease")
_EACH = 40


def damage(path: Path, others: list[Path], chance: random.Random) -> str:
    """Damage a file in one of many ways; return which."""
    content = bytearray(path.read_bytes())
    how = chance.choice(["flip", "flip", "cut", "empty", "gone", "longer", "doubled", "another", "zeros"])
    if how == "flip" and content:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    elif how == "cut":
        del content[chance.randrange(len(content) + 1) :]
    elif how == "empty":
        content.clear()
    elif how == "longer":
        content += chance.randbytes(chance.randrange(1, 50))
    elif how == "doubled":
        lines = content.splitlines(keepends=True)
        where = chance.randrange(len(lines) + 1)
        content = bytearray(b"".join([*lines[:where], *lines[max(0, where - 1) :]]))
    elif how == "another":
        content = bytearray(chance.choice(others).read_bytes())
    elif how == "zeros" and content:
        start = chance.randrange(len(content))
        content[start : start + 512] = bytes(len(content[start : start + 512]))
    path.unlink()
    if how != "gone":
        path.write_bytes(content)
    return how


def read_back(run: Path) -> list[Path]:
    """Return the files that a run may read again."""
    files = sorted(path for path in run.rglob("*") if path.is_file())
    return [path for path in files if not path.name.startswith(_NOT_READ)]


def damaged(run: Path, copy: Path, chance: random.Random) -> str:
    """Copy a run and damage one of its files; return what was done to which."""
    shutil.copytree(run, copy)
    files = read_back(copy)
    victim = chance.choice(files)
    return f"{damage(victim, files, chance)} of {victim.relative_to(copy)}"


def told(action: Callable[[], int], capfd: pytest.CaptureFixture[str], what: str) -> int:
    """Run a command in a child; its code is one of ours, and a refusal is one line."""
    capfd.readouterr()
    code = in_child(action)
    message = capfd.readouterr().err
    assert code in (0, 1, 2), f"{what}: exit code {code}\n{message}"
    assert "Traceback" not in message, f"{what}\n{message}"
    if code:
        errors = [line for line in message.splitlines() if line.startswith("lit: error: ")]
        assert len(errors) == 1, f"{what}\n{message}"
    return code


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_run_goes_on_exactly_or_not_at_all(
    kind: str,
    overlays: dict[str, list[str]],
    uninterrupted: dict[str, Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    chance = random.Random(f"damage {kind}")
    begun = tmp_path / "begun"
    in_child(killed_at_write(lambda: fit(begun, *overlays[kind]), 60))
    assert not RunFolder(begun).finished
    for number in range(_EACH):
        copy = tmp_path / str(number)
        what = damaged(begun, copy, chance)
        if told(lambda copy=copy: fit(copy, *overlays[kind]), capfd, what) == 0:
            try:
                assert_same_run(uninterrupted[kind], copy)
            except (AssertionError, UsageError, OSError) as error:
                raise AssertionError(f"silent: {what}") from error
        shutil.rmtree(copy)
    report(Tally("damaged files of interrupted runs, refused or bit-identical", _EACH, _EACH))


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_finished_run_is_evaluated_truly_or_not_at_all(
    kind: str, uninterrupted: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(f"damage finished {kind}")

    def evaluate(run: Path, *options: str) -> int:
        return main(["test", "--run_dir", str(run), "--trainer.enable_progress_bar=false", *options])

    def measured(run: Path) -> tuple[int, str]:
        out = tmp_path / "out.txt"

        def action() -> int:
            with out.open("w") as stream, contextlib.redirect_stdout(stream):
                return evaluate(run)

        code = told(action, capfd, what)
        return code, out.read_text()

    what = "whole"
    code, expected = measured(uninterrupted[kind])
    assert code == 0
    assert re.search(r"test/accuracy: ", expected)
    for number in range(_EACH // 4):
        copy = tmp_path / str(number)
        what = damaged(uninterrupted[kind], copy, chance)
        code, printed = measured(copy)
        assert code or printed == expected, f"silent: {what}"
        shutil.rmtree(copy)
    report(Tally("damaged files of finished runs, refused or the same number", _EACH // 4, _EACH // 4))
