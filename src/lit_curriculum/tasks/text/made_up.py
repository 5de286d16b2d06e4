"""A small corpus that needs no file: sentences of a toy English, the same on every machine.

It shows that everything runs. Verbs agree with their subject across a clause in between, so that there is
something to learn beyond the word before.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from lit_curriculum.files import hash_of_json
from lit_curriculum.tasks.counter import random_words
from lit_curriculum.tasks.text.tokenizer import SPECIAL, Vocabulary
from lit_curriculum.tasks.text.tokens import TokenStore

MADE_UP = "made-up"

DOCUMENTS, SENTENCES = 400, 8

# Singular and plural.
NOUNS = (
    *(
        ("child", "children"),
        ("dog", "dogs"),
        ("bird", "birds"),
        ("teacher", "teachers"),
        ("farmer", "farmers"),
    ),
    *(("king", "kings"), ("sailor", "sailors"), ("mouse", "mice"), ("horse", "horses"), ("woman", "women")),
)
VERBS = (
    *(("sees", "see"), ("follows", "follow"), ("likes", "like"), ("hears", "hear")),
    *(("helps", "help"), ("calls", "call"), ("finds", "find"), ("fears", "fear")),
)
ADJECTIVES = ("small", "old", "quiet", "brave", "hungry", "young", "red", "tired")
ARTICLES = (("the", "the"), ("a", "some"), ("this", "these"))
PLACES = ("garden", "harbour", "forest", "village", "kitchen", "street")
OTHERS = ("that", "in", "near", ".")

# Random words of a sentence: more than any needs.
_CHOICES = 24


def words() -> list[str]:
    """Return all words, in the order of their ids behind the special tokens."""
    pairs = (*NOUNS, *VERBS, *ARTICLES)
    return list(dict.fromkeys([*(word for pair in pairs for word in pair), *ADJECTIVES, *PLACES, *OTHERS]))


def sentence(document: int, number: int) -> list[str]:
    """Return a sentence: a function of its document and its number there."""
    drawn = iter(random_words(0, "train", document * SENTENCES + number, 1, _CHOICES)[0].tolist())

    def chance(n: int) -> int:
        return int(next(drawn)) * n >> 32

    def group() -> tuple[list[str], int]:
        plural = chance(2)
        adjective = [ADJECTIVES[chance(len(ADJECTIVES))]] if chance(2) else []
        noun = NOUNS[chance(len(NOUNS))][plural]
        return [ARTICLES[chance(len(ARTICLES))][plural], *adjective, noun], plural

    subject, plural = group()
    clause = ["that", VERBS[chance(len(VERBS))][plural], *group()[0]] if chance(2) else []
    rest = [VERBS[chance(len(VERBS))][plural], *group()[0]]
    place = [("in", "near")[chance(2)], "the", PLACES[chance(len(PLACES))]] if chance(3) == 0 else []
    return [*subject, *clause, *rest, *place, "."]


def documents() -> Iterator[str]:
    """Return the documents as text."""
    for document in range(DOCUMENTS):
        yield " ".join(word for number in range(SENTENCES) for word in sentence(document, number))


@cache
def made_up_store() -> TokenStore:
    """Return the corpus as tokens: every word is one, [SEP] stands behind every document."""
    ids = {word: i for i, word in enumerate([*SPECIAL, *words()])}
    special = tuple(range(len(SPECIAL)))
    end = ids[SPECIAL[4]]
    vocabulary = Vocabulary(len(ids), ids[SPECIAL[0]], ids[SPECIAL[1]], end, special, hash_of_json(list(ids)))
    texts = [[*(ids[word] for word in text.split()), end] for text in documents()]
    offsets = np.cumsum([0, *map(len, texts)])
    return TokenStore(np.concatenate(texts).astype(np.uint16), offsets, vocabulary)
