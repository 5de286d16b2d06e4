"""`lit check`: what it takes, and what it tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from lit_curriculum.cli.check import _of_fit, tokens_of_sample
from lit_curriculum.cli.main import main
from lit_curriculum.cli.parsing import parse_and_run
from tests.support import config


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")


@pytest.mark.parametrize(
    ("words", "options", "named"),
    [
        (["a", "b"], ["--config", "a", "--config", "b"], ["a", "b"]),
        (["--config", "a", "-c", "b"], ["--config", "a", "--config", "b"], ["a", "b"]),
        (["--config=a", "b"], ["--config", "a", "--config", "b"], ["a", "b"]),
        (
            ["a", "--model.width", "3", "b"],
            ["--config", "a", "--model.width", "3", "--config", "b"],
            ["a", "b"],
        ),
        (["a", "--model.width=3", "b"], ["--config", "a", "--model.width=3", "--config", "b"], ["a", "b"]),
        (["a", "--data.p", "-1"], ["--config", "a", "--data.p", "-1"], ["a"]),
        (["a", "--model.width", "--data.p=1"], ["--config", "a", "--model.width", "--data.p=1"], ["a"]),
    ],
)
def test_words_are_read_as_lit_fit_reads_them(words: list[str], options: list[str], named: list[str]) -> None:
    assert _of_fit(words) == (options, named)


def test_an_option_apart_from_its_value_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """And where nobody teaches, that is said."""
    words = ["check", "sparse_parity_mlp", "smoke/sparse_parity_mlp", "--model.width", "3"]
    assert main(words) == 0
    told = capsys.readouterr().out
    # 12 inputs, 3 hidden units, two classes.
    assert f"SparseParityMLP: {12 * 3 + 3 + 3 * 2 + 2} parameters" in told
    assert "none, labels alone" in told
    assert "(6 x parameters x samples)" in told


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("sparse_parity_mlp", None, None),
        ("sparse_parity_gpt2", 8, 8),
        ("bit_subset_parity", 10, 10),
        ("parity_mixture", 12, 12),
        ("pcfg_bert", 4, 80),
    ],
)
def test_strings_count_by_their_tokens(name: str, low: float | None, high: float | None) -> None:
    words = ["fit", "--config", config(name), "--config", config(f"smoke/{name}")]
    cli = parse_and_run(words, run=False)
    found = tokens_of_sample(cli.datamodule, cli.model.model)
    if low is None or high is None:
        assert found is None
    else:
        assert found is not None
        assert low <= found <= high
