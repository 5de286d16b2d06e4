"""``lit sweep`` as a user meets it: the list, one run, wrong input."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import yaml

from lit_curriculum.cli.main import main
from lit_curriculum.cli.training import parse_and_run
from tests.cli.test_main import imported_by
from tests.support import CONFIGS, in_child

TABLE_1 = str(CONFIGS / "sweeps" / "subtask_table1.yaml")
SMALL = """\
kind: small
configs: [bit_subset_parity, smoke/bit_subset_parity]
axes:
  - - {data.d: 8, data.subtask_labels: true}
    - {data.d: 8, data.subtask_labels: false}
  - - {data.num_steps: 10, data.eval_streams: [val]}
"""


def test_every_run_of_table_1_is_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", TABLE_1, "--count"]) == 0
    assert capsys.readouterr().out == "504\n"
    assert main(["sweep", TABLE_1, "--out", "o"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(set(lines)) == len(lines) == 504
    assert all(line.startswith("lit fit --config ") for line in lines)
    assert main(["sweep", TABLE_1, "--out", "o", "--json"]) == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [entry["run"] for entry in listed] == list(range(504))
    assert [entry["folder"] for entry in listed] == [shlex.split(line)[-1] for line in lines]


@pytest.mark.parametrize("first", range(0, 504, 36))
def test_each_task_of_table_1_passes_every_check_of_fit(
    first: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its commands are parsed by `lit fit` itself; only the model's size is made small."""
    assert main(["sweep", TABLE_1, "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    for line in (lines[first], lines[first + 35]):
        _, *words = shlex.split(line)
        cli = parse_and_run([*words, "--model.width=8", "--model.heads=1", "--model.layers=1"], run=False)
        cli.preflight()
        assert cli.model.warmup_steps in (0, 1000)
        assert cli.datamodule.eval_streams == ["val", "test"]
        assert f"--data.d={cli.datamodule.task.d}" in words
    assert not any(tmp_path.iterdir())


def test_one_run_is_trained_where_its_line_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = tmp_path / "small.yaml", tmp_path / "out"
    file.write_text(SMALL)
    assert main(["sweep", str(file), "--out", str(out), "--json"]) == 0
    folder = Path(json.loads(capsys.readouterr().out.splitlines()[1])["folder"])
    assert in_child(lambda: main(["sweep", str(file), "--out", str(out), "--run", "1"])) == 0
    assert list((out / "runs").iterdir()) == [folder]
    assert json.loads((folder / "provenance.json").read_text())["finished"]
    data = yaml.safe_load((folder / "config.yaml").read_text())["data"]["init_args"]
    assert (data["subtask_labels"], data["num_steps"], data["eval_streams"]) == (False, 10, ["val"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([TABLE_1, "--run", "504"], "--run: got 504; allowed: 0 to 503"),
        (["none.yaml"], "sweep: got 'none.yaml'; allowed: a readable YAML file"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", *words]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"lit: error: {message}")
    assert printed.count("\n") == 1


def test_listing_answers_without_the_heavy_libraries() -> None:
    assert not imported_by("sweep", TABLE_1, "--count") & {"torch", "lightning", "transformers"}
