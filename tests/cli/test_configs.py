"""Shipped configurations by their names: listed, printed, copied, and given to every command."""

from __future__ import annotations

from pathlib import Path

import pytest

from lit_curriculum.cli.configs import title
from lit_curriculum.cli.main import main
from lit_curriculum.cli.parsing import parse_and_run
from tests.support import CONFIGS, config


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return the one line with which a command is refused."""
    assert main(words) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    return message


def test_the_list_has_every_file_with_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["configs"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert set(lines) == {str(path.relative_to(CONFIGS))[:-5] for path in CONFIGS.rglob("*.yaml")}
    assert lines["lego"] == "LEGO: chains of signed assignments, BERT (implicit, section 3.2; figure 2)."
    assert lines["smoke/lego"] == "Overlay: smoke scale."
    assert max(map(len, lines.values())) <= 120


def test_a_title_is_the_first_sentence_of_the_first_comment() -> None:
    assert title("# One of\n# two lines. More.\n# And more.\nmodel: 1\n# no\n") == "One of two lines."
    assert title("model: 1  # x\n") == ""


def test_a_name_prints_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["configs", "smoke/lego"]) == 0
    assert capsys.readouterr().out == (CONFIGS / "smoke" / "lego.yaml").read_text(encoding="utf-8")


def test_copies_lie_below_the_folder_as_they_do_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["configs", "lego", "smoke/lego", "--copy", "mine"]) == 0
    assert capsys.readouterr().out.splitlines() == ["mine/lego.yaml", "mine/smoke/lego.yaml"]
    for name in ("lego.yaml", "smoke/lego.yaml"):
        assert (Path("mine") / name).read_bytes() == (CONFIGS / name).read_bytes()


def test_a_copy_replaces_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Path("lego.yaml").write_text("mine\n", encoding="utf-8")
    message = refusal(capsys, "configs", "programs", "lego", "--copy", ".")
    assert message == "lit: error: --copy: got '.'; allowed: a folder without lego.yaml\n"
    assert Path("lego.yaml").read_text(encoding="utf-8") == "mine\n"
    assert not Path("programs.yaml").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["legoo"], "NAME: got 'legoo'; allowed: a name that `lit configs` lists (did you mean 'lego'?)"),
        (["../lego"], "NAME: got '../lego'; allowed: a name"),
        (["--copy", "mine"], "NAME: got ''; allowed: at least one name"),
        (["lego", "--copy", "file/mine"], "file is a file; allowed: a folder"),
    ],
)
def test_wrong_words_are_one_line(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").touch()
    assert expected in refusal(capsys, "configs", *words)


def test_a_run_takes_names_as_it_takes_files() -> None:
    by_name = parse_and_run(["fit", "--config", "lego", "--config=smoke/lego"], run=False)
    by_file = parse_and_run(["fit", "-c", config("lego"), "-c", config("smoke/lego")], run=False)
    assert by_name.settings == by_file.settings
    assert by_name.folder.path == by_file.folder.path == Path("runs/lego+smoke")
    assert [str(path) for path in by_name.config.fit.config] == [config("lego"), config("smoke/lego")]


def test_a_file_that_is_here_comes_before_a_name_and_a_folder_does_not() -> None:
    Path("lego").mkdir()
    Path("smoke").mkdir()
    Path("smoke/lego").write_text("data: {init_args: {data_seed: 7}}", encoding="utf-8")
    cli = parse_and_run(["fit", "-c", "lego", "-c", "smoke/lego", "--run_dir=run"], run=False)
    assert cli.config.fit.data.init_args.data_seed == 7


def test_check_and_sweep_take_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "lego", "smoke/lego"]) == 0
    assert main(["check", "--config", "lego", "-c", "smoke/lego"]) == 0
    assert "runs/lego+smoke (new)" in capsys.readouterr().out
    assert main(["sweep", "sweeps/implicit_lego", "status"]) == 0
    assert capsys.readouterr().out.startswith("implicit_lego: 72 runs")


@pytest.mark.parametrize(
    "words",
    [["fit", "--config"], ["validate", "-c"], ["test", "--config"], ["predict", "--config"], ["check"]],
)
def test_a_word_that_is_neither_is_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    message = refusal(capsys, *words, "pcfg_bret")
    expected = "config: got 'pcfg_bret'; allowed: a file, or a name that `lit configs` lists"
    assert message == f"lit: error: {expected} (did you mean 'pcfg_bert'?)\n"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("lightning_configs/pcfg_bert.yaml", "pcfg_bert"),
        ("/somewhere/lightning_configs/smoke/lego.yaml", "smoke/lego"),
        ("lego.yaml", "lego"),
    ],
)
def test_a_path_into_a_source_tree_that_is_not_here_is_told_the_name(
    path: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = f"an existing file, or the name of the shipped one: {name}"
    assert refusal(capsys, "fit", "-c", path) == f"lit: error: config: got '{path}'; allowed: {expected}\n"


@pytest.mark.parametrize(
    "words", [["check", "mine.yaml"], ["check", "-c", "mine.yaml"], ["fit", "-c", "mine.yaml"]]
)
def test_another_path_that_is_not_there_is_told_where_to_look(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    allowed = "an existing file, or a name that `lit configs` lists"
    assert refusal(capsys, *words) == f"lit: error: config: got 'mine.yaml'; allowed: {allowed}\n"


def test_an_overlay_without_its_base_is_told_what_it_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    message = refusal(capsys, "check", "smoke/pcfg_bert")
    assert message.startswith("lit: error: model.layers: no configuration before it names model.class_path; ")
    assert message.endswith("allowed: an overlay behind its base, --config BASE --config OVERLAY\n")
