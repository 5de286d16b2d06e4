"""Tokens are those of the package, whatever the batches, and the same bits after any kill."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.text import tokenising
from lit_curriculum.tasks.text.corpus import Corpus
from lit_curriculum.tasks.text.made_up import documents
from lit_curriculum.tasks.text.tokenising import MANIFEST, Tokenising, tokenise
from lit_curriculum.tasks.text.tokenizer import TOKENIZER
from lit_curriculum.tasks.text.tokens import open_store
from tests.support import in_child, killed_at_write

FILES = {"tokens.bin", "documents.npy", "tokenizer.json", "manifest.json"}
# Words that the toy corpus lacks, a document without any, and one of a single letter.
TEXTS = [*list(documents())[:40], "Caf\u00e9s are zebras", "  ", "x"]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tokenising, "BATCH_PIECES", 5)
    monkeypatch.setattr(tokenising, "SAVE_EVERY", 2)
    path = tmp_path / "text.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    return path


def asked(source: Path, out: Path, vocab_size: int = 200, tokenizer: Path | None = None) -> Tokenising:
    return Tokenising(Corpus(str(source)), out, vocab_size, tokenizer)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_tokens_are_the_packages_own(source: Path, tmp_path: Path) -> None:
    manifest = tokenise(asked(source, tmp_path / "out"))
    assert set(content(tmp_path / "out")) == FILES
    store = open_store(tmp_path / "out")
    tokenizer = Tokenizer.from_file(str(tmp_path / "out" / TOKENIZER))
    assert (manifest["documents"], manifest["tokens"]) == (len(TEXTS), len(store.tokens))
    for i, text in enumerate(TEXTS):
        own = tokenizer.encode(text, add_special_tokens=False).ids
        expected = [*own, tokenizer.token_to_id("[SEP]")] if own else []
        assert store.tokens[store.offsets[i] : store.offsets[i + 1]].tolist() == expected
    assert store.tokens.dtype == np.uint16
    assert store.vocabulary.size == tokenizer.get_vocab_size() <= 200
    assert [tokenizer.id_to_token(i) for i in store.vocabulary.special] == [
        "[PAD]",
        "[MASK]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
    ]


def test_a_tokenizer_of_ones_own_gives_the_same_tokens(source: Path, tmp_path: Path) -> None:
    tokenise(asked(source, tmp_path / "one"))
    tokenise(asked(source, tmp_path / "two", tokenizer=tmp_path / "one"))
    ours, theirs = content(tmp_path / "one"), content(tmp_path / "two")
    for name in FILES - {MANIFEST}:
        assert ours[name] == theirs[name]


def test_a_document_longer_than_a_batch_is_one_document(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenise(asked(source, tmp_path / "whole"))
    monkeypatch.setattr("lit_curriculum.tasks.text.corpus.PIECE", 9)
    tokenise(asked(source, tmp_path / "parts", tokenizer=tmp_path / "whole"))
    whole, parts = open_store(tmp_path / "whole"), open_store(tmp_path / "parts")
    np.testing.assert_array_equal(whole.tokens, parts.tokens)
    np.testing.assert_array_equal(whole.offsets, parts.offsets)


def test_whenever_it_is_killed_the_same_command_makes_the_same_bits(source: Path, tmp_path: Path) -> None:
    def action(out: Path) -> int:
        tokenise(asked(source, out))
        return 0

    assert in_child(lambda: action(tmp_path / "undisturbed")) == 0
    expected = content(tmp_path / "undisturbed")
    for nth in range(1, 60):
        out = tmp_path / f"killed_{nth}"
        code = in_child(killed_at_write(lambda out=out: action(out), nth))
        if code == 0:
            break
        assert code == -signal.SIGKILL
        # A second kill, before the first has been made good.
        in_child(killed_at_write(lambda out=out: action(out), 3))
        assert in_child(lambda out=out: action(out)) == 0
        found = {name: data for name, data in content(out).items() if not name.endswith(".tmp")}
        assert found == expected, nth
    assert nth > 20


def test_a_damaged_record_of_progress_is_told(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    in_child(killed_at_write(lambda: bool(tokenise(asked(source, out))), 12))
    for number in ("3", None, -1, True):
        record = json.loads((out / "progress.json").read_text()) | {"tokens": number}
        (out / "progress.json").write_text(json.dumps(record))
        with pytest.raises(UsageError, match=r"--out: got .*: its progress.json is damaged"):
            tokenise(asked(source, out))


def test_a_folder_that_is_not_whole_is_not_opened(source: Path, tmp_path: Path) -> None:
    in_child(killed_at_write(lambda: bool(tokenise(asked(source, tmp_path / "out"))), 12))
    with pytest.raises(UsageError, match=r"data.tokens: got .*; allowed: a folder that lit tokenize wrote"):
        open_store(tmp_path / "out")


def test_what_is_whole_is_left_alone_and_other_things_are_not_overwritten(
    source: Path, tmp_path: Path
) -> None:
    tokenise(asked(source, tmp_path / "out"))
    before = content(tmp_path / "out")
    tokenise(asked(source, tmp_path / "out"))
    with pytest.raises(UsageError, match=r"--out: got .*: this one holds other tokens"):
        tokenise(asked(source, tmp_path / "out", 150))
    assert content(tmp_path / "out") == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    for out in (tmp_path / "mine", source):
        with pytest.raises(UsageError, match=r"--out: got .*; allowed: a new or empty folder"):
            tokenise(asked(source, out))
    assert set(content(tmp_path / "mine")) == {"thesis.tex"}


def test_after_wrong_input_nothing_is_left(source: Path, tmp_path: Path) -> None:
    tokenise(asked(source, tmp_path / "good"))
    with source.open("a") as stream:
        stream.write('{"body": "no text"}\n')
    for tokenizer in (None, tmp_path / "good"):
        with pytest.raises(UsageError, match=r"--field: got 'text'; allowed: a field of line 44"):
            tokenise(asked(source, tmp_path / "out", tokenizer=tokenizer))
        assert not (tmp_path / "out").exists()
    with pytest.raises(UsageError, match="--vocab-size: got 3"):
        tokenise(asked(source, tmp_path / "out", 3))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["tokens.bin", "documents.npy", "tokenizer.json", "manifest.json"])
def test_damage_is_noticed(name: str, source: Path, tmp_path: Path) -> None:
    tokenise(asked(source, tmp_path / "out"))
    path = tmp_path / "out" / name
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(UsageError, match=f"data.tokens: .*{name}"):
        open_store(tmp_path / "out")


@pytest.mark.parametrize("missing", ["[PAD]", "[MASK]"])
def test_a_tokenizer_without_padding_or_mask_is_refused(missing: str, source: Path, tmp_path: Path) -> None:
    tokenise(asked(source, tmp_path / "good"))
    path = tmp_path / "tokenizer.json"
    path.write_text((tmp_path / "good" / TOKENIZER).read_text().replace(missing, "[OTHER]"))
    with pytest.raises(UsageError, match=rf"--tokenizer: got 'one without \{missing[:-1]}\]'"):
        tokenise(asked(source, tmp_path / "out", tokenizer=path))
    path.write_text("{}")
    with pytest.raises(UsageError, match=r"--tokenizer: .* cannot be read"):
        tokenise(asked(source, tmp_path / "out", tokenizer=path))
    with pytest.raises(UsageError, match=r"--tokenizer: .* cannot be read"):
        tokenise(asked(source, tmp_path / "out", tokenizer=tmp_path / "nowhere"))
    assert not (tmp_path / "out").exists()


def test_padding_that_is_not_0_is_refused(source: Path, tmp_path: Path) -> None:
    tokenise(asked(source, tmp_path / "good"))
    text = (tmp_path / "good" / TOKENIZER).read_text()
    for old, new in (("[PAD]", "[X]"), ("[CLS]", "[PAD]"), ("[X]", "[CLS]")):
        text = text.replace(old, new)
    (tmp_path / "tokenizer.json").write_text(text)
    with pytest.raises(UsageError, match=r"whose .PAD. has id 0"):
        tokenise(asked(source, tmp_path / "out", tokenizer=tmp_path / "tokenizer.json"))
