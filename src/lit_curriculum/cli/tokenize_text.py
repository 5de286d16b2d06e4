"""``lit tokenize``: from a corpus to the folder of tokens that `natural_language` trains on."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from lit_curriculum.cli.words import check_path


def tokenize(options: argparse.Namespace) -> int:
    """Tokenise a corpus once; where that was begun it goes on, where it is done nothing is changed.

    Raises:
        UsageError: if the source, the tokenizer or the folder is not what is allowed; nothing is written.
    """
    for key, path in {
        "SOURCE": options.source,
        "--out": options.out,
        "--tokenizer": options.tokenizer,
    }.items():
        check_path(key, path)
    from lit_curriculum.tasks.text.corpus import Corpus
    from lit_curriculum.tasks.text.tokenising import Tokenising, tokenise
    from lit_curriculum.tasks.text.tokens import unknown_share

    tokenizer = Path(options.tokenizer) if options.tokenizer is not None else None
    corpus = Corpus(options.source, options.field)
    asked = Tokenising(corpus, Path(options.out), options.vocab_size, tokenizer)
    with _bar() as progress:
        manifest = tokenise(asked, _Reports(progress))
    size = manifest["vocabulary"]["size"]
    unknown = f"{unknown_share(Path(options.out)):.2%} of them unknown"
    print(f"{options.out}: {manifest['documents']:,} documents, {manifest['tokens']:,} tokens, {unknown}")
    print(f"train on it with --data.tokens={options.out} --model.vocab_size={size}")
    print("and, of a small corpus, with fewer --data.eval_samples and a larger --data.held_out_share")
    return 0


def _bar() -> Progress:
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


class _Reports:
    """Shows what `tokenising.Report` is told, ten times a second: reports come with every piece."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._what, self._next = progress, "", 0.0
        self._task = progress.add_task("", visible=False)

    def __call__(self, what: str, done: int, size: int) -> None:
        if what == self._what and time.monotonic() < self._next and done < size:
            return
        self._what, self._next = what, time.monotonic() + 0.1
        self._progress.update(self._task, description=what, completed=done, total=size or None, visible=True)
