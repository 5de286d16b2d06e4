"""Tokenizers: read from a ``tokenizer.json``, or trained on a corpus; what a task has to know of one.

The package ``tokenizers`` is imported here alone, and only when text is tokenised: training a model needs
nothing but `Vocabulary`, which lies beside the tokens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.reading import read_text

TOKENIZER = "tokenizer.json"

# Those that have to be there come first, so that [PAD] is 0: BERT's padding is id 0.
SPECIAL = ("[PAD]", "[MASK]", "[UNK]", "[CLS]", "[SEP]")
LEAST, MOST = 100, 10**6
"""Entries of a vocabulary that may be asked for."""
_COVERED, _MOST_LETTERS = 0.9999, 1000


@dataclass(frozen=True)
class Vocabulary:
    """What a task has to know of a tokenizer.

    Attributes:
        size: token ids, the largest one + 1.
        pad_id: padding; 0.
        mask_id: what is shown in place of a token that is to be predicted.
        end_id: what stands behind every document ([SEP]), or None.
        special: ids that are never predicted nor drawn, ascending; the three above among them.
        sha256: of the file ``tokenizer.json``.
    """

    size: int
    pad_id: int
    mask_id: int
    end_id: int | None
    special: tuple[int, ...]
    sha256: str

    def __post_init__(self) -> None:
        needed = {self.pad_id, self.mask_id} | ({self.end_id} if self.end_id is not None else set())
        if not needed <= set(self.special) or not all(0 <= i < self.size for i in self.special):
            raise UsageError("tokenizer: its special ids are not among its ids; allowed: one made by lit")
        if self.pad_id != 0:
            raise bad_value("tokenizer", f"[PAD] = {self.pad_id}", "a tokenizer whose [PAD] has id 0")
        if len(self.special) >= self.size:
            raise bad_value("tokenizer", f"{self.size} ids", "one with tokens that are not special")

    @property
    def ordinary(self) -> npt.NDArray[np.int64]:
        """Ids that are predicted, and drawn where a random token is shown, ascending."""
        return np.setdiff1d(np.arange(self.size), np.array(self.special, dtype=np.int64))

    def describe(self) -> dict[str, Any]:
        """Return what a manifest says; `Vocabulary(**...)` of it is the same."""
        return {**asdict(self), "special": list(self.special)}


def load(path: Path) -> Any:
    """Return the ``tokenizers.Tokenizer`` of a folder with a ``tokenizer.json``, or of such a file.

    Raises:
        UsageError: if it cannot be read.
    """
    from tokenizers import Tokenizer

    file = path / TOKENIZER if path.is_dir() else path
    text = read_text(file, "--tokenizer")
    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:  # the package raises nothing more precise
        raise UsageError(f"--tokenizer: {file} cannot be read ({error})") from error
    # Lengths are decided later, and by documents.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def vocabulary_of(tokenizer: Any, sha256: str) -> Vocabulary:
    """Return what a task has to know of a ``tokenizers.Tokenizer``.

    Raises:
        UsageError: if it lacks [PAD] or [MASK], or [PAD] is not 0.
    """
    ids = tokenizer.get_vocab(with_added_tokens=True)
    for name in SPECIAL[:2]:
        if name not in ids:
            raise bad_value("--tokenizer", f"one without {name}", "a tokenizer that has [PAD] and [MASK]")
    added = {i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    special = sorted(added | {ids[name] for name in SPECIAL if name in ids})
    end = ids.get(SPECIAL[4])
    size = max(ids.values()) + 1
    return Vocabulary(size, ids[SPECIAL[0]], ids[SPECIAL[1]], end, tuple(special), sha256)


def train(texts: Iterable[str], again: Iterable[str], vocab_size: int) -> Any:
    """Return a lower-cased WordPiece tokenizer of a corpus, always the same one for the same texts.

    The package's trainer numbers the letters as it happens to meet them, and breaks ties between equally
    frequent pairs by those numbers. So they are counted and numbered here before.

    Args:
        texts: the corpus.
        again: the same once more; it is not kept.
        vocab_size: ids wanted; a small corpus may have fewer.

    Raises:
        UsageError: for a size out of range, or too small for the corpus's letters.
    """
    check_size(vocab_size)
    from tokenizers import Tokenizer, trainers
    from tokenizers.models import WordPiece

    letters = _letters(texts)
    first = [*SPECIAL, *letters, *(f"##{letter}" for letter in letters)]
    if len(first) > vocab_size:
        allowed = f"at least {len(first)}: each of the corpus's {len(letters)} letters needs two ids"
        raise bad_value("--vocab-size", vocab_size, allowed)
    trained = _word_piece(WordPiece(unk_token=SPECIAL[2]))
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size, special_tokens=first, limit_alphabet=0, show_progress=False
    )
    trained.train_from_iterator(again, trainer)
    # In the one that is kept, letters are no special tokens.
    vocab = trained.get_vocab()
    kept: Tokenizer = _word_piece(WordPiece(vocab, unk_token=SPECIAL[2]))
    kept.add_special_tokens(list(SPECIAL))
    return kept


def check_size(vocab_size: int) -> None:
    """Check the size of a vocabulary that is to be trained. Raises UsageError if it is out of range."""
    if not LEAST <= vocab_size <= MOST:
        raise bad_value("--vocab-size", vocab_size, f"an integer from {LEAST} to {MOST:,}")


def _word_piece(model: Any) -> Any:
    from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers

    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def _letters(texts: Iterable[str]) -> list[str]:
    """Return the letters that make up nearly all of a corpus after normalisation, in the order of Unicode.

    A word with any other letter is unknown, so that rare ones, mostly of other scripts, cost no ids.
    """
    from tokenizers.normalizers import BertNormalizer

    raw: Counter[str] = Counter()
    for text in texts:
        raw.update(text)
    counts: Counter[str] = Counter()
    for letter, count in raw.items():
        for plain in BertNormalizer(lowercase=True).normalize_str(letter):
            if not plain.isspace():
                counts[plain] += count
    chosen, covered = [], 0
    for letter in sorted(counts, key=lambda letter: (-counts[letter], letter))[:_MOST_LETTERS]:
        if covered >= _COVERED * counts.total():
            break
        chosen.append(letter)
        covered += counts[letter]
    return sorted(chosen)
