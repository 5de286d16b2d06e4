"""What a configuration may name: nothing foreign is imported, nothing but classes is made."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lit_curriculum.cli import trust
from lit_curriculum.cli.main import main
from lit_curriculum.errors import UsageError
from tests.support import ROOT, config

BASE = [config("sparse_parity_minibatch"), config("smoke/sparse_parity_minibatch")]
OWN = """
from pathlib import Path
from lightning import Callback
Path({marker!r}).write_text("imported")

class Mine(Callback):
    pass
"""


@pytest.fixture(autouse=True)
def no_user_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A module in the working directory that writes a file when it is imported; return its name."""
    name = "own_" + "".join(c if c.isalnum() else "_" for c in request.node.name)
    (tmp_path / f"{name}.py").write_text(OWN.format(marker=str(tmp_path / "imported")))
    monkeypatch.setattr(sys, "path", list(sys.path))
    return name


def overlay(settings: object) -> str:
    Path("overlay.yaml").write_text(yaml.safe_dump(settings))
    return "overlay.yaml"


def refused(capsys: pytest.CaptureFixture[str], words: list[str], *expected: str) -> None:
    assert main(words) == 2, words
    message = [line for line in capsys.readouterr().err.splitlines() if line.startswith("lit: error: ")]
    assert len(message) == 1
    for part in expected:
        assert part in message[0]


def test_no_command_is_run_from_any_place(capsys: pytest.CaptureFixture[str]) -> None:
    command = {"class_path": "os.system", "init_args": {"command": "touch pwned"}}
    check = ["check", *BASE]
    places: list[list[str]] = [
        [*check, overlay({"model": {"init_args": {"optimizer": command}}})],
        [*check, "--model.optimizer=os.system", "--model.optimizer.command=touch pwned"],
        [*check, f"--model.lr_scheduler={yaml.safe_dump(command, default_flow_style=True)}"],
        [*check, "--model=os.system"],
        [*check, "--data=os.system"],
        [*check, "--trainer.callbacks+=os.system"],
        [*check, f"--trainer.callbacks=[{yaml.safe_dump(command, default_flow_style=True).strip()}]"],
        [*check, "--trainer.logger=os.system"],
        [*check, "--trainer.strategy.class_path=os.system"],
        ["fit", "--config", BASE[0], "--model.optimizer=posix.system"],
    ]
    for words in places:
        refused(capsys, words)
    refused(capsys, places[0], "model.optimizer: got 'os.system'", "--trust os")
    sweep = {"configs": ["sparse_parity_minibatch"], "points": [{"model.optimizer": command}]}
    Path("sweep.yaml").write_text(yaml.safe_dump(sweep))
    refused(capsys, ["sweep", "sweep.yaml"], "run 0 of sweep", "model.optimizer: got 'os.system'")
    assert not Path("pwned").exists()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # Functions of the libraries are not called, whatever they are.
        ({"model": {"init_args": {"optimizer": {"class_path": "torch.hub.load"}}}}, ["torch.hub.load"]),
        (
            {"model": {"init_args": {"optimizer": {"class_path": "torch.load", "init_args": {"f": "x"}}}}},
            ["torch.load"],
        ),
        (
            {"model": {"init_args": {"optimizer": {"class_path": "torch.seed"}}}},
            ["model.optimizer: got 'torch.seed', which is no class"],
        ),
        (
            {"model": {"init_args": {"optimizer": "torch.optim.lr_scheduler.LambdaLR"}}},
            ["subclass of Optimizer"],
        ),
        (
            {"model": {"init_args": {"lr_scheduler": "torch.optim.SGD"}}},
            ["model.lr_scheduler", "LRScheduler"],
        ),
        (
            {
                "trainer": {
                    "callbacks": [{"class_path": "LambdaCallback", "init_args": {"setup": "os.system"}}]
                }
            },
            ["trainer.callbacks", "os.system"],
        ),
        (
            {
                "trainer": {
                    "callbacks": [
                        {
                            "class_path": "LambdaCallback",
                            "init_args": {"setup": {"class_path": "torch.seed"}},
                        }
                    ]
                }
            },
            ["trainer.callbacks", "torch.seed"],
        ),
    ],
    ids=lambda value: str(value)[-50:] if isinstance(value, dict) else None,
)
def test_a_function_is_no_class(
    settings: object, expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    refused(capsys, ["check", *BASE, overlay(settings)], *expected)


def test_a_foreign_module_is_not_even_imported(own: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", *BASE, f"--trainer.callbacks+={own}.Mine"]
    refused(capsys, words, f"trainer.callbacks: got '{own}.Mine'", f"--trust {own}")
    assert not Path("imported").exists()


def test_an_own_class_with_a_word_of_trust(own: str) -> None:
    assert main(["check", *BASE, f"--trainer.callbacks+={own}.Mine", "--trust", own]) == 0
    assert Path("imported").exists()


def test_an_own_class_that_the_users_file_trusts(own: str) -> None:
    trust.user_file().parent.mkdir(parents=True)
    trust.user_file().write_text(f"# mine\n\n{own}  # here\n")
    assert main(["check", *BASE, f"--trainer.callbacks+={own}.Mine"]) == 0


def test_a_wrong_line_of_the_users_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    trust.user_file().parent.mkdir(parents=True)
    trust.user_file().write_text("my module\n")
    refused(capsys, ["check", *BASE], str(trust.user_file()), "'my module'")


def test_what_is_imported_already_is_trusted(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(".")
    importlib.import_module(own)
    assert own in trust.all_names([])
    assert main(["check", *BASE, f"--trainer.callbacks+={own}.Mine"]) == 0


def test_what_the_libraries_have_imported_is_not() -> None:
    import numpy  # noqa: F401
    import yaml  # noqa: F401

    assert not {"numpy", "yaml", "os", "subprocess", "fsspec", "jsonargparse"} & set(trust.all_names([]))


@pytest.mark.slow
def test_a_users_script_brings_its_own_classes(own: str) -> None:
    script = f"import sys, {own}\nfrom lit_curriculum.cli.main import main\nsys.exit(main(sys.argv[1:]))\n"
    Path("script.py").write_text(script)
    words = [sys.executable, "script.py", "check", *BASE, f"--trainer.callbacks+={own}.Mine"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr


def test_trust_of_one_command_does_not_stay(own: str) -> None:
    trust.enforce([own])
    trust.enforce([])
    from jsonargparse._common import denying_import_path_entry

    assert denying_import_path_entry(f"{own}.Mine") is not None
    assert denying_import_path_entry("torch.optim.SGD") is None


@pytest.mark.parametrize("name", ["", "a b", "a;b", "../x", "1x"])
def test_a_name_that_is_no_module(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused(capsys, ["check", *BASE, "--trust", name], "--trust", repr(name))


@pytest.mark.parametrize(
    ("weights_only", "variable", "key"),
    [
        (False, None, "weights_only"),
        (None, "1", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"),
        (True, "yes", "TORCH_FORCE"),
    ],
)
def test_a_pickle_is_read_only_with_trust(
    weights_only: bool | None, variable: str | None, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable is not None:
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", variable)
    with pytest.raises(UsageError, match=rf"{key}.*--trust pickle"):
        trust.check_pickles(weights_only, [])
    trust.check_pickles(weights_only, [trust.PICKLE])


def test_weights_only_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("evil.ckpt").write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    words = ["fit", "--config", BASE[0], "--ckpt_path", "evil.ckpt", "--run_dir", "run"]
    refused(capsys, [*words, "--weights_only=false"], "weights_only: got False", "--trust pickle")
    assert not Path("pwned").exists()
    assert not Path("run").exists()


def test_trust_of_pickles_is_no_trust_of_the_module(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", *BASE, "--model.optimizer=pickle.loads", "--trust", "pickle"]
    refused(capsys, words, "model.optimizer: got 'pickle.loads'")
