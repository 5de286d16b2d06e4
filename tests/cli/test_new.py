"""A skeleton runs as it is written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lit_curriculum.cli.main import main

FILES = ["majority.py", "majority.yaml", "majority_smoke.yaml", "test_majority.py"]


def python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *words]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=environment, timeout=300, check=False
    )


def test_a_new_experiment_passes_its_own_tests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "experiment", "majority", "--out", str(tmp_path)]) == 0
    *written, then = capsys.readouterr().out.splitlines()
    assert written == [str(tmp_path / name) for name in FILES]
    assert then.startswith(f"next: cd {tmp_path} && lit fit --config majority.yaml --trust majority")
    done = python(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_majority.py")
    assert "3 passed" in done.stdout, done.stdout
    assert sum(len((tmp_path / name).read_text().splitlines()) for name in FILES) < 200


@pytest.mark.slow
def test_a_new_figure_is_drawn(tmp_path: Path) -> None:
    assert main(["new", "figure", "my_figure", "--out", str(tmp_path)]) == 0
    done = python(tmp_path, "my_figure.py", "smoke")
    assert done.returncode == 0, done.stderr
    assert {"data.csv", "figure.png", "claims.json"} <= {
        p.name for p in (tmp_path / "out/my_figure").iterdir()
    }


@pytest.mark.slow
def test_a_new_figure_of_a_new_experiment_is_drawn(tmp_path: Path) -> None:
    assert main(["new", "experiment", "majority", "--out", str(tmp_path)]) == 0
    assert main(["new", "figure", "my_figure", "--out", str(tmp_path)]) == 0
    script = tmp_path / "my_figure.py"
    text = script.read_text().replace('CONFIG = "sparse_parity_minibatch"', 'CONFIG = "majority.yaml"')
    script.write_text(text.replace("TRUST = ()", 'TRUST = ("majority",)'))
    done = python(tmp_path, "my_figure.py", "smoke", "--jobs", "1", "--out", "mine")
    assert done.returncode == 0, done.stderr
    assert {"data.csv", "figure.png", "claims.json"} <= {
        p.name for p in (tmp_path / "mine/my_figure").iterdir()
    }


def test_files_that_are_there_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "majority.yaml").write_text("mine")
    assert main(["new", "experiment", "majority", "--out", str(tmp_path)]) == 2
    assert "majority.yaml is there already; allowed: another name" in capsys.readouterr().err
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["experment", "a"],
            "KIND: got 'experment'; allowed: experiment or figure (did you mean 'experiment'?)",
        ),
        (["figure", "Big"], "NAME: got 'Big'; allowed: a module's name"),
        (["figure", "class"], "NAME: got 'class'"),
        (["figure", "json"], "NAME: got 'json'; allowed: a name that no module of Python's"),
        (["experiment", "pandas"], "NAME: got 'pandas'"),
        (["figure", "scipy"], "NAME: got 'scipy'"),
        (["figure", "lit_curriculum"], "NAME: got 'lit_curriculum'"),
        (["figure", "a/b"], "NAME: got 'a/b'"),
        (["figure", "fine", "--out", " "], "--out: got ' '; allowed: a folder"),
    ],
)
def test_wrong_words_are_one_line(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", *words]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_skeletons_are_formatted(tmp_path: Path) -> None:
    for kind, name in (("experiment", "majority"), ("figure", "my_figure")):
        assert main(["new", kind, name, "--out", str(tmp_path)]) == 0
    done = python(
        tmp_path, "-m", "ruff", "check", "--isolated", "--select", "E,F,W,B,UP", "--line-length=110", "."
    )
    assert done.returncode == 0, done.stdout
