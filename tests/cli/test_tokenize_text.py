"""``lit tokenize`` as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lit_curriculum.cli.main import main
from lit_curriculum.tasks.text.made_up import documents
from lit_curriculum.tasks.text.tokens import open_store


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "text.json"
    path.write_text(json.dumps({f"title {i}": {"extract": text} for i, text in enumerate(documents())}))
    return path


def test_a_corpus_becomes_tokens_and_says_how_to_train_on_them(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tokens"
    words = ["tokenize", str(source), "--out", str(out), "--field", "extract", "--vocab-size", "150"]
    printed = []
    for _ in range(2):
        assert main(words) == 0
        printed.append(capsys.readouterr().out)
    store = open_store(out)
    assert printed[0] == printed[1]
    assert f"{out}: 400 documents, {len(store.tokens):,} tokens, 0.00% of them unknown\n" in printed[0]
    assert f"--data.tokens={out} --model.vocab_size={store.vocabulary.size}\n" in printed[0]
    again = ["tokenize", str(source), "--field=extract", f"--out={tmp_path / 'again'}", f"--tokenizer={out}"]
    assert main(again) == 0
    assert (tmp_path / "again" / "tokens.bin").read_bytes() == (out / "tokens.bin").read_bytes()


def test_wrong_input_is_one_line_and_nothing_is_written(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file.csv").write_text("")
    (tmp_path / "no.json").write_text("{}")
    new = ["--out", str(tmp_path / "new")]
    cases = [
        ([str(tmp_path / "empty.txt"), *new], ["SOURCE", "not empty"]),
        ([str(source), *new], ["--field", "'text'", "extract"]),
        ([str(tmp_path / "full"), *new], ["SOURCE", "file.csv", ".jsonl"]),
        ([str(tmp_path / "nowhere"), *new], ["SOURCE", "nowhere"]),
        ([str(source), "--field", "extract", "--out", str(tmp_path / "full")], ["--out", "new or empty"]),
        ([str(source), "--field", "extract", "--out", str(source)], ["--out", "new or empty"]),
        ([str(source), "--out", "  "], ["--out", "a path"]),
        ([str(source), *new, "--vocab-size", "-1"], ["--vocab-size", "-1", "100"]),
        ([str(source), *new, "--vocab-size", str(10**12)], ["--vocab-size", "1,000,000"]),
        ([str(source), *new, "--vocab-size", "many"], ["--vocab-size", "many"]),
        (
            [str(source), *new, "--field=extract", "--tokenizer", str(tmp_path)],
            ["--tokenizer", "cannot be read"],
        ),
        (
            [str(source), *new, "--field=extract", f"--tokenizer={tmp_path / 'no.json'}"],
            ["--tokenizer", "no.json"],
        ),
        ([str(source)], ["--out"]),
        ([str(source), "--out", ""], ["--out", "a path"]),
        ([str(source), "--out", "x" * 5000], ["--out", "255 bytes"]),
        ([str(source), *new, "--output", "x"], ["--output"]),
    ]
    for words, expected in cases:
        assert main(["tokenize", *words]) == 2, words
        message = capsys.readouterr().err
        assert message.startswith("lit: error: "), message
        assert message.count("\n") == 1, message
        for part in expected:
            assert part in message
    assert not (tmp_path / "new").exists()
    assert {path.name for path in (tmp_path / "full").iterdir()} == {"file.csv"}


def test_tokenising_needs_neither_torch_nor_lightning(source: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from lit_curriculum.cli.main import main; code = main(sys.argv[1:]); "
        "print(code, 'torch' in sys.modules, 'lightning' in sys.modules)"
    )
    words = ["tokenize", str(source), "--field=extract", f"--out={tmp_path / 'out'}", "--vocab-size=120"]
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 False False", done.stderr


def test_every_letter_of_a_corpus_has_its_ids(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A vocabulary too small for them had left letters out, and with them half of the words."""
    (tmp_path / "text.txt").write_text("the quick brown fox jumps over the lazy dog " * 50)
    out = tmp_path / "tokens"
    few = ["tokenize", str(tmp_path / "text.txt"), "--out", str(out), "--vocab-size", "100"]
    assert main(few) == 0
    assert "0.00% of them unknown" in capsys.readouterr().out
    (tmp_path / "text.txt").write_text(
        "".join(map(chr, range(0x3B1, 0x3B1 + 24))) + "abcdefghijklmnopqrstuvwxyz"
    )
    assert main([*few[:3], str(tmp_path / "more"), *few[4:]]) == 2
    assert "--vocab-size: got 100; allowed: at least" in capsys.readouterr().err
    assert not (tmp_path / "more").exists()


def test_another_text_of_the_same_size_is_another_corpus(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, out = tmp_path / "text.txt", tmp_path / "tokens"
    text.write_text("the quick brown fox jumps over the lazy dog " * 50)
    words = ["tokenize", str(text), "--out", str(out), "--vocab-size", "100"]
    assert main(words) == 0
    text.write_text("the quick brown cat jumps over the lazy dog " * 50)
    assert main(words) == 2
    assert "this one holds other tokens" in capsys.readouterr().err
    text.write_text("the quick brown fox jumps over the lazy dog " * 50)
    assert main(words) == 0
    (out / "tokens.bin").unlink()
    assert main(words) == 2
    assert "tokens.bin" in capsys.readouterr().err
