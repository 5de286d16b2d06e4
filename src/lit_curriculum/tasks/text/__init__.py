"""Real text: corpora, tokenizers, tokens on the disk, and masked windows of them."""

from lit_curriculum.tasks.text.made_up import MADE_UP, made_up_store
from lit_curriculum.tasks.text.task import MaskedText
from lit_curriculum.tasks.text.tokens import TokenStore, open_store

__all__ = ["MADE_UP", "MaskedText", "TokenStore", "made_up_store", "open_store"]
