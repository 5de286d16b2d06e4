"""What `lit tokenize` costs beyond the tokenizer itself.

    python benchmarks/tokenising.py --source data/text/summaries.json --field extract --json

    own / ours    the time of one `encode_batch_fast` over all texts, in memory already, over that of the
                  whole command with the same tokenizer: reading the corpus, writing the tokens, digests

Both take turns, and the median of the rounds' ratios counts, so that it holds on a busy machine as well.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from common import described, show

from lit_curriculum.tasks.text import tokenizer as tokenizers
from lit_curriculum.tasks.text.corpus import Corpus
from lit_curriculum.tasks.text.made_up import documents
from lit_curriculum.tasks.text.tokenising import Tokenising, tokenise


def measure(corpus: Corpus, vocab_size: int, rounds: int, work: Path) -> dict[str, float]:
    """Return the ratio and tokens a second."""
    manifest = tokenise(Tokenising(corpus, work / "first", vocab_size))
    tokenizer = tokenizers.load(work / "first")
    texts = [piece.text for piece in corpus.pieces()]
    ratios, seconds = [], []
    for number in range(rounds):
        began = time.perf_counter()
        tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        between = time.perf_counter()
        tokenise(Tokenising(corpus, work / str(number), tokenizer=work / "first"))
        ended = time.perf_counter()
        ratios.append((between - began) / (ended - between))
        seconds.append(ended - between)
    return {
        "own / ours": round(statistics.median(ratios), 2),
        "tokens": manifest["tokens"],
        "tokens / s": round(manifest["tokens"] / statistics.median(seconds)),
    }


def main() -> None:
    """Measure and print a table or JSON."""
    parser = described(__doc__)
    parser.add_argument("--source", help="default: a toy text")
    parser.add_argument("--field", default="text")
    parser.add_argument("--vocab-size", type=int, default=8000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = options.source
        if source is None:
            source = f"{folder}/text.txt"
            Path(source).write_text("\n".join(documents()))
        found = measure(
            Corpus(source, options.field), options.vocab_size, options.rounds, Path(folder) / "out"
        )
    show(found, options.json)


if __name__ == "__main__":
    main()
