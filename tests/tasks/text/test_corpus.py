"""Documents come out of every kind of file, whole and in order, in pieces of bounded size."""

from __future__ import annotations

import json
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_curriculum.errors import UsageError
from lit_curriculum.tasks.text import corpus as module
from lit_curriculum.tasks.text import json_stream
from lit_curriculum.tasks.text.corpus import PIECE, Corpus, cut

TEXTS = ["one", "two\n\nhas two paragraphs", "", "drei \u00fc"]


def documents(corpus: Corpus) -> list[str]:
    found, parts = [], []
    for piece in corpus.pieces():
        parts.append(piece.text)
        assert len(piece.text) <= PIECE
        if piece.ends:
            found.append("".join(parts))
            parts = []
    assert not parts
    assert corpus.done == corpus.size
    return found


def write(folder: Path) -> dict[str, Path]:
    """Write the same documents in every way."""
    objects = [{"id": i, "text": text} for i, text in enumerate(TEXTS)]
    (folder / "texts" / "sub").mkdir(parents=True)
    for i, text in enumerate(TEXTS):
        place = folder / "texts" / ("sub" if i == 1 else "") / f"{'abs'[min(i, 2)]}{i}.txt"
        place.write_text(text, encoding="utf-8", newline="")
    (folder / "texts" / "sub").rename(folder / "texts" / "b")
    (folder / "texts" / ".hidden").write_text("not read")
    files = {
        "lines.jsonl": "\n".join(map(json.dumps, objects)) + "\n\n",
        "list.json": json.dumps(objects, indent=2),
        "object.json": json.dumps(
            {f"title {i}": value for i, value in enumerate(objects)}, ensure_ascii=False
        ),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return {"texts": folder / "texts", **{name: folder / name for name in files}}


@pytest.mark.parametrize("kind", ["texts", "lines.jsonl", "list.json", "object.json"])
@pytest.mark.parametrize("part", [1, 7, 2**20])
def test_every_kind_of_file_gives_the_same_documents(
    kind: str, part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_stream, "_PART", part)
    corpus = Corpus(str(write(tmp_path)[kind]))
    assert documents(corpus) == documents(corpus) == TEXTS


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_tables_give_the_same_documents(suffix: str, tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table, path = arrow.table({"id": range(len(TEXTS)), "text": TEXTS}), tmp_path / f"a{suffix}"
    if suffix == ".parquet":
        parquet.write_table(table, path, row_group_size=2)
    else:
        with arrow.OSFile(str(path), "wb") as stream, arrow.ipc.new_stream(stream, table.schema) as writer:
            writer.write_table(table)
    assert documents(Corpus(str(path))) == TEXTS
    with pytest.raises(UsageError, match=r"--field: got 'body'; allowed: a column of .*: id, text"):
        list(Corpus(str(path), "body").pieces())
    with pytest.raises(UsageError, match=r"--field: got 'id'; allowed: one that holds text"):
        list(Corpus(str(path), "id").pieces())


@pytest.mark.parametrize(("source", "package"), [("a.parquet", "pyarrow"), ("hf:some/thing", "datasets")])
def test_a_missing_package_is_named_with_its_extra(
    source: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    if not source.startswith("hf:"):
        (tmp_path / source).write_bytes(b"PAR1")
        source = str(tmp_path / source)
    with pytest.raises(UsageError, match=rf"with {package} only.*lit_curriculum\[text\]"):
        list(Corpus(source).pieces())


@given(
    st.text(alphabet="ab \n", max_size=60),
    st.integers(1, 9),
)
def test_pieces_are_cut_behind_white_space(text: str, size: int) -> None:
    before, module.PIECE = module.PIECE, size
    try:
        pieces = list(cut(text))
    finally:
        module.PIECE = before
    assert "".join(piece.text for piece in pieces) == text
    assert [piece.ends for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    for piece in pieces[:-1]:
        assert len(piece.text) <= size
        assert piece.text[-1] in " \n" or not set(" \n") & set(piece.text[1:])


def test_a_long_document_of_one_file_is_never_whole_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    with path.open("w") as stream:
        for i in range(2**16):
            stream.write(f"this is line {i:07} of a book of 2 MB\n")
    tracemalloc.start()
    length = sum(len(piece.text) for piece in Corpus(str(path)).pieces())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert length == path.stat().st_size > 8 * PIECE
    assert peak < length / 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "x", r"SOURCE: got '.*a.csv'; allowed: files that end in .txt, .jsonl, .json"),
        ("a.jsonl", '{"body": "x"}', r"--field: got 'text'; allowed: a field of line 1 of .*: body"),
        ("a.jsonl", '{"text": 3}', r"--field: got 'text'; allowed: one that holds text; in line 1"),
        ("a.jsonl", '{"text": "x"}\n[1]', r"SOURCE: line 2 of .* is a list; allowed: an object"),
        ("a.jsonl", '{"text": "x"', r"SOURCE: .*a.jsonl cannot be read"),
        ("a.json", '{"text": "x"}', r"SOURCE: object 1 of .* is a str; allowed: an object"),
        ("a.json", '[{"text": "x"}', r"SOURCE: .*a.json cannot be read \('the end' at character 14"),
        ("a.json", '[{"text": "x"}] 3', r"SOURCE: .*cannot be read \(something follows"),
        ("a.json", "7", r"SOURCE: .*cannot be read \('7' at character 0; allowed: a list or an object"),
        ("a.json", '[{"text" "x"}]', r"SOURCE: .*cannot be read"),
        ("a.txt", b"\xff\xfe", r"SOURCE: .*a.txt is not UTF-8"),
        ("a.json", r'[{"text": "ab\ud800"}]', r"SOURCE: object 1 of .* half of a surrogate pair at letter 2"),
    ],
)
def test_what_is_no_corpus_is_told_in_one_line(name: str, content: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError, match=message):
        list(Corpus(str(path)).pieces())


def test_sources_that_are_not_there_or_empty(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"SOURCE: got .*nothing'; allowed: a file or folder that is there"):
        Corpus(str(tmp_path / "nothing"))
    with pytest.raises(UsageError, match="at least one file"):
        Corpus(str(tmp_path))
    (tmp_path / "a.txt").write_text(" \n")
    with pytest.raises(UsageError, match="at least one document that is not empty"):
        Corpus(str(tmp_path)).check_not_empty()


def test_the_digest_is_of_names_sizes_and_field(tmp_path: Path) -> None:
    first, second = (tmp_path / name / "texts" for name in ("one", "two"))
    for folder in (first, second):
        folder.mkdir(parents=True)
        (folder / "a.txt").write_text("abc")
    digest = Corpus(str(first)).digest()
    assert Corpus(str(second)).digest() == digest
    assert Corpus(str(first), "body").digest() != digest
    (second / "a.txt").write_text("abcd")
    assert Corpus(str(second)).digest() != digest


class Hub:
    """Stands in for the package ``datasets``."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[Any] = []
        self.error = error

    def load_dataset(self, name: str, config: str | None, split: str, streaming: bool) -> Any:
        self.asked.append((name, config, split, streaming))
        if self.error:
            raise self.error
        return iter([{"title": "a", "text": text} for text in TEXTS])


def test_a_data_set_of_the_hub_is_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub()
    monkeypatch.setitem(sys.modules, "datasets", hub)
    corpus = Corpus("hf:wikimedia/wikipedia:20231101.en")
    assert documents(corpus) == TEXTS
    assert hub.asked == [("wikimedia/wikipedia", "20231101.en", "train", True)]
    assert documents(Corpus("hf:squad")) == TEXTS
    assert hub.asked[1] == ("squad", None, "train", True)
    with pytest.raises(
        UsageError, match=r"--field: got 'body'; allowed: a field of row 0 of hf:squad: title, text"
    ):
        list(Corpus("hf:squad", "body").pieces())


def test_without_the_network_the_hub_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", Hub(ConnectionError("no\nroute")))
    with pytest.raises(
        UsageError, match=r"SOURCE: hf:squad cannot be read \(ConnectionError: no.*route\)"
    ) as told:
        list(Corpus("hf:squad").pieces())
    assert "\n" not in str(told.value)
